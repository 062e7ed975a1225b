"""A stand-in for a model hub: what `huggingface_hub` asks when it makes, fills and reads a repository."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
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


class ModelHub:
    """Serves until `close`.

    Attributes:
        url: for HF_ENDPOINT.
        repositories: by name.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        hub = self

        class Handler(_Handler):
            state = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: ModelHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        name, _, rest = path.removeprefix("api/models/").partition("/resolve/")
        name = "/".join(name.split("/")[:2])
        repository = self.state.repositories.get(name)
        if repository is None:
            return self._answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        if not path.startswith("api/"):
            return self._file(repository, rest.partition("/")[2])
        if "/tree/" in path:
            below = path.partition("/tree/")[2].partition("/")[2]
            return self._answer([entry for entry in _entries(repository) if entry["path"].startswith(below)])
        return self._answer({"id": name, "sha": COMMIT, "private": repository.private, "siblings": [], "tags": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0].strip("/")
        if path == "api/repos/create":
            asked, url = json.loads(body), lambda repository: f"{self.state.url}/{repository}"
            name = "/".join(part for part in (asked.get("organization") or "user", asked["name"]) if part)
            if name in self.state.repositories:
                return self._answer({"error": "You already created this model repo", "url": url(name)}, 409)
            private = bool(asked.get("private")) or asked.get("visibility") == "private"
            self.state.repositories[name] = Repository(private)
            return self._answer({"url": url(name), "id": name})
        if path == "api/validate-yaml":
            return self._answer({"errors": [], "warnings": []})
        if path.endswith("info/lfs/objects/batch"):
            upload = f"{self.state.url}/upload/"
            objects = [
                {**one, "actions": {"upload": {"href": upload + one["oid"]}}} for one in json.loads(body)["objects"]
            ]
            return self._answer({"transfer": "basic", "objects": objects})
        name = "/".join(path.removeprefix("api/models/").split("/")[:2])
        repository = self.state.repositories[name]
        if "/preupload/" in path:
            files = [
                {"path": one["path"], "shouldIgnore": False, "uploadMode": _mode(one["path"])}
                for one in json.loads(body)["files"]
            ]
            return self._answer({"files": files})
        if "/paths-info/" in path:
            asked_paths = json.loads(body)["paths"] if body.startswith(b"{") else _form(body)
            return self._answer([entry for entry in _entries(repository) if entry["path"] in asked_paths])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repository.files[value["path"]] = self.state.large[value["oid"]]
        repository.commits += 1
        return self._answer({"commitUrl": f"{self.state.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.state.large[self.path.rpartition("/")[2]] = content
        self._answer({})

    def _file(self, repository: Repository, name: str) -> None:
        if name not in repository.files:
            return self._answer({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        content, status = repository.files[name], 200
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
        }
        if asked := self.headers.get("Range"):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            end = min(int(last), len(content) - 1) if last else len(content) - 1
            headers["Content-Range"] = f"bytes {first}-{end}/{len(content)}"
            content, status = content[int(first) : end + 1], 206
        self._send(content, status, headers)
        return None

    def _answer(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _mode(name: str) -> str:
    return "lfs" if name.endswith(".safetensors") else "regular"


def _form(body: bytes) -> list[str]:
    from urllib.parse import parse_qs

    return parse_qs(body.decode()).get("paths", [])


def _entries(repository: Repository) -> list[dict[str, Any]]:
    return [
        {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
        for name, content in sorted(repository.files.items())
    ]
