"""The checks of every request: host, origin and token; and the security headers of every answer.

Any web page can send requests to a server on the visitor's machine. This server answers only to its own names (`Host`).
It accepts changes only from its own pages: by `Origin`, and by a header that a foreign page cannot send without a
preflight request.

Any account on the machine can reach the loopback interface, and with `--host` any machine in the network can reach that
address. So each link that the server prints contains a random token. The first visit turns it into a cookie, and the
server refuses every request without the cookie.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from markupsafe import Markup
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from pipeline.report.page_writer import asset, environment, script_sources

HEADER = "x-aim-serve"
"""Header of every request that changes something."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

TOKEN_BYTES = 32

CLOSE = {"connection": "close"}
"""Headers of a refusal: the server does not read the rest of the body."""

NOT_ADMITTED = "This address admits nobody without a link. Ask the person who started the page for yours"

SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}


def guarded_app(
    lifespan: Lifespan[FastAPI], token: str | None, host: str = "", raters: Collection[str] = ()
) -> FastAPI:
    """An application behind a `Guard`.

    Args:
        token: grants access, as `app.state.token`; default: random.
        host: the only address or name at which the application answers; "": this machine.
        raters: people with a token each instead of the shared one, so that nobody can answer as another.
    """
    app = FastAPI(title="aim", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.host, app.state.token = host, token or secrets.token_urlsafe(TOKEN_BYTES)
    app.state.tokens = {name: rater_token(app.state.token, name) for name in raters} or {"": app.state.token}
    app.add_middleware(Guard, tokens=app.state.tokens, hosts=(url_host(host).lower(),) if host else LOOPBACK)
    return app


def rater_token(token: str, rater: str) -> str:
    """The token of one rater, 128 bits, which reveals neither `token` nor other raters' tokens."""
    return hmac.new(token.encode(), rater.encode(), "sha256").hexdigest()[:32]


def url_host(host: str) -> str:
    """A host in the form of URLs and the header `Host`: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def sealed_page(package: str, name: str, scripts: Sequence[Markup], **values: Any) -> tuple[str, str]:
    """The page of a package's template, and its content security policy, which allows only these scripts."""
    policy = (
        f"default-src 'none'; script-src {script_sources(scripts)}; style-src 'unsafe-inline'; img-src data:; "
        f"media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return environment(package).get_template(name).render(scripts=scripts, **values), policy


class Guard:
    """Refuses foreign hosts, foreign origins and visitors without a token; adds the security headers.

    `request.state.rater` is the rater of the visitor's token, "" for the shared token.
    """

    def __init__(self, app: ASGIApp, tokens: Mapping[str, str], hosts: Sequence[str]) -> None:
        self.app = app
        self.tokens = tokens
        self.hosts = hosts
        self.no_link, self.policy = sealed_page("pipeline.serve", "no_link.html.j2", [], styles=[asset("base.css")])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 303, 403 or 421."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Any) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                extra = [item for item in SECURITY_HEADERS.items() if item[0] not in present]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        answer = self._answer(Request(scope)) or self.app
        await answer(scope, receive, sealed)

    def _answer(self, request: Request) -> Response | None:
        """The response to a request that is refused or redirected; None to pass it on."""
        problem = refusal(request.method, request.headers, self.hosts)
        if problem is not None:
            return JSONResponse({"detail": problem[1]}, problem[0], CLOSE)
        cookie = cookie_name(request.headers.get("host", ""))
        path = request.scope["path"]
        token = request.query_params.get("token", "")
        if path == "/" and request.method == "GET" and self._rater(token) is not None:
            # An address without the token keeps it out of histories, bookmarks and screenshots.
            welcome = RedirectResponse("/", 303)
            welcome.set_cookie(cookie, token, path="/", httponly=True, samesite="lax")
            return welcome
        request.state.rater = self._rater(request.cookies.get(cookie, ""))
        if request.state.rater is not None:
            return None
        if path.startswith("/api/"):
            return JSONResponse({"detail": NOT_ADMITTED}, 403, CLOSE)
        return HTMLResponse(self.no_link, 403, {**CLOSE, "content-security-policy": self.policy})

    def _rater(self, token: str) -> str | None:
        """The rater with this token, or None."""
        given = token.encode("utf-8", "replace")
        return next((name for name, own in self.tokens.items() if hmac.compare_digest(given, own.encode())), None)


def cookie_name(host: str) -> str:
    """Name of the cookie, which contains the port, since browsers send cookies to all ports of a host."""
    port = re.search(r":(\d+)$", host)
    return f"aim-serve-{port[1] if port else 80}"


def refusal(method: str, headers: Mapping[str, str], hosts: Sequence[str]) -> tuple[int, str] | None:
    """Status and reason for refusing a request from a foreign page; None for this server's pages."""
    host = headers.get("host", "")
    if re.sub(r":\d+$", "", host) not in hosts:
        return 421, f"this server answers at {hosts[0]} only: open the link that you were given"
    if method in ("GET", "HEAD"):
        return None
    if headers.get("origin", f"http://{host}") != f"http://{host}":
        return 403, "this request comes from another page"
    return None if headers.get(HEADER) else (403, f"the header {HEADER} is missing")
