"""A stand-in for a model hub: what `huggingface_hub` asks when it makes, fills and reads a small repository."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0" * 40


@dataclass
class Repository:
    """Files by name, and whether only its owner sees it."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0


@contextmanager
def model_hub() -> Iterator[tuple[str, dict[str, Repository]]]:
    """The address of a hub, for HF_ENDPOINT, and its repositories by name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _Handler.repositories = {}
    yield f"http://127.0.0.1:{server.server_port}", _Handler.repositories
    server.shutdown()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    repositories: dict[str, Repository]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        name, _, rest = path.removeprefix("api/models/").partition("/resolve/")
        name = "/".join(name.split("/")[:2])
        repository = self.repositories.get(name)
        if repository is None:
            self._answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif not path.startswith("api/"):
            self._file(repository, rest.partition("/")[2])
        elif "/tree/" in path:
            below = path.partition("/tree/")[2].partition("/")[2]
            self._answer([entry for entry in _entries(repository) if entry["path"].startswith(below)])
        else:
            self._answer({"id": name, "sha": COMMIT, "private": repository.private, "siblings": [], "tags": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0].strip("/")
        name = "/".join(path.removeprefix("api/models/").split("/")[:2])
        if path == "api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.repositories[name] = Repository(bool(asked.get("private")) or asked.get("visibility") == "private")
            self._answer({"url": self._address(name), "id": name})
        elif path == "api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            named = [one["path"] for one in json.loads(body)["files"]]
            self._answer({"files": [{"path": n, "shouldIgnore": False, "uploadMode": "regular"} for n in named]})
        else:
            for value in (line["value"] for line in map(json.loads, body.splitlines()) if line["key"] == "file"):
                self.repositories[name].files[value["path"]] = base64.b64decode(value["content"])
            self.repositories[name].commits += 1
            self._answer({"commitUrl": f"{self._address(name)}/commit/{COMMIT}", "commitOid": COMMIT})

    def _address(self, name: str) -> str:
        return f"http://{self.headers['Host']}/{name}"

    def _file(self, repository: Repository, name: str) -> None:
        content = repository.files.get(name)
        if content is None:
            self._answer({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        else:
            self._send(content, 200, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT})

    def _answer(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _entries(repository: Repository) -> list[dict[str, Any]]:
    return [
        {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
        for name, content in sorted(repository.files.items())
    ]
