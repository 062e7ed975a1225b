"""The checks of every request: host, origin and token; and the security headers of every answer.

Any web page can send requests to a server on the visitor's machine. This server answers only to its own names (`Host`).
It accepts changes only from its own pages: by `Origin`, and by a header that a foreign page cannot send without a
preflight request.

Any account of the machine can reach the loopback interface. So the link that `serve` prints holds a random token. The
first visit turns it into a cookie, and the server refuses every request without the cookie.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from markupsafe import Markup
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from pipeline.report.page_writer import environment, script_sources

HEADER = "x-aim-serve"
"""Header of every request that changes something."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

TOKEN_BYTES = 32

CLOSE = {"connection": "close"}
"""Headers of a refusal: the server does not read the rest of the body."""

NOT_ADMITTED = "Open the link that the server printed when it started: it holds the token that admits you"

SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}


def guarded_app(lifespan: Lifespan[FastAPI], token: str | None) -> FastAPI:
    """An application behind a `Guard`, which admits visitors with the token (default: random), `app.state.token`."""
    app = FastAPI(title="aim", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.token = token or secrets.token_urlsafe(TOKEN_BYTES)
    app.add_middleware(Guard, token=app.state.token)
    return app


def sealed_page(package: str, name: str, scripts: Sequence[Markup], **values: Any) -> tuple[str, str]:
    """The page of a package's template, and its content security policy, which admits these scripts and no others."""
    policy = (
        f"default-src 'none'; script-src {script_sources(scripts)}; style-src 'unsafe-inline'; img-src data:; "
        f"media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return environment(package).get_template(name).render(scripts=scripts, **values), policy


class Guard:
    """Refuses foreign hosts, foreign origins and visitors without the token; adds the security headers."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.token = token

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
        """The response to a request that is not passed on; None for one that is."""
        problem = refusal(request.method, request.headers)
        if problem is not None:
            return JSONResponse({"detail": problem[1]}, problem[0], CLOSE)
        cookie = cookie_name(request.headers.get("host", ""))
        path = request.scope["path"]
        if path == "/" and request.method == "GET" and self._admits(request.query_params.get("token", "")):
            # An address without the token keeps it out of histories, bookmarks and screenshots.
            welcome = RedirectResponse("/", 303)
            welcome.set_cookie(cookie, self.token, path="/", httponly=True, samesite="lax")
            return welcome
        if self._admits(request.cookies.get(cookie, "")):
            return None
        if path.startswith("/api/"):
            return JSONResponse({"detail": NOT_ADMITTED}, 403, CLOSE)
        return PlainTextResponse(f"{NOT_ADMITTED}.\n", 403, CLOSE)

    def _admits(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())


def cookie_name(host: str) -> str:
    """Name of the cookie, which holds the port, since browsers send cookies to all ports of a host."""
    port = re.search(r":(\d+)$", host)
    return f"aim-serve-{port[1] if port else 80}"


def refusal(method: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
    """Status and reason of refusing a request that is not from a page of this server; None for its own."""
    host = headers.get("host", "")
    if re.sub(r":\d+$", "", host) not in LOOPBACK:
        return 421, "this server answers on this machine only"
    if method in ("GET", "HEAD"):
        return None
    if headers.get("origin", f"http://{host}") != f"http://{host}":
        return 403, "this request comes from another page"
    return None if headers.get(HEADER) else (403, f"the header {HEADER} is missing")
