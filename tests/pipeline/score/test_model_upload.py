"""Trained models at addresses: an S3 server, a web server, a stand-in for a model hub, and ZIP files."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import DataError, UsageError
from data.weights import cache_dir
from pipeline.score.model_card import FILE as CARD
from pipeline.score.model_files import HASHES, model_sha256
from pipeline.score.model_upload import README, local_model, push_model
from pipeline.score.trained_model import TrainedModel
from pipeline.train.feature_set import FeatureSet
from tests.helpers.object_store import Bucket
from tests.helpers.world import World

ROOT = Path(__file__).resolve().parents[3]
COMMIT = "0" * 40
"""The commit of every file of the stand-in for a hub."""


@dataclass
class Repository:
    """Files by name, and whether only its owner sees it."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0


@contextmanager
def model_hub() -> Iterator[tuple[str, dict[str, Repository]]]:
    """The address of a stand-in for a model hub, for HF_ENDPOINT, and its repositories by name."""
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


@pytest.fixture
def features(world: World) -> FeatureSet:
    return world.planted


@pytest.fixture
def trained_run(world: World) -> Path:
    """A model that was trained in folders of somebody."""
    return world.planted_model


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))


def scores_the_same(copy: Path, run: Path, features: FeatureSet) -> bool:
    same = np.array_equal(
        TrainedModel.load(copy).predict(features).score, TrainedModel.load(run).predict(features).score
    )
    return same and model_sha256(copy) == model_sha256(run)


def test_a_folder_is_itself(trained_run: Path) -> None:
    assert local_model(str(trained_run)) == trained_run
    assert local_model(f"file://{trained_run}") == trained_run


def test_a_pushed_run_scores_the_same_and_holds_no_path_of_this_machine(
    trained_run: Path, features: FeatureSet, tmp_path: Path
) -> None:
    push_model(trained_run, str(tmp_path / "there"))
    assert scores_the_same(tmp_path / "there", trained_run, features)
    assert "somebody" not in (trained_run / "config.json").read_text()
    assert not [p.name for p in (tmp_path / "there").iterdir() if b"somebody" in p.read_bytes()]


def test_another_run_is_not_written_over(trained_run: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    push_model(trained_run, str(there))
    push_model(trained_run, str(there))  # the same run again
    (there / HASHES).write_text("{}")
    with pytest.raises(UsageError, match="another model is there") as caught:
        push_model(trained_run, str(there))
    assert "--replace" in str(caught.value)
    push_model(trained_run, str(there), replace=True)
    TrainedModel.load(there)


def test_a_folder_without_a_run_is_not_pushed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no trained model here\. Name the folder that .* train"):
        push_model(tmp_path, str(tmp_path / "there"))


def test_a_run_on_a_store(
    trained_run: Path, features: FeatureSet, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.server)
    place = f"s3://{bucket.name}/models/dives"
    push_model(trained_run, place)
    copy = local_model(Path(place))  # as a command line gives it, with one slash
    assert copy.parent == cache_dir() / "models"
    assert scores_the_same(copy, trained_run, features)
    before = (copy / "model.safetensors").stat().st_mtime_ns
    assert (local_model(place) / "model.safetensors").stat().st_mtime_ns == before, "downloaded once"
    (copy / "model.safetensors").write_bytes(b"damaged")
    assert scores_the_same(local_model(place), trained_run, features)
    bucket.put("models/dives/model.safetensors", b"damaged")
    shutil.rmtree(copy)
    with pytest.raises(DataError, match="damaged"):
        local_model(place)
    assert not copy.exists()
    with pytest.raises(DataError, match=r"no trained model at this address.*"):
        local_model(f"s3://{bucket.name}/models/other")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a web server of `tmp_path / "site"`."""
    (tmp_path / "site").mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "site")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_zip_file_and_a_folder_on_a_web_server(
    trained_run: Path, features: FeatureSet, web: str, tmp_path: Path
) -> None:
    pytest.importorskip("aiohttp")
    shutil.copytree(trained_run, tmp_path / "site/run")
    shutil.make_archive(str(tmp_path / "site/packed"), "zip", trained_run.parent, trained_run.name)
    copies = {local_model(place) for place in (f"{web}/run", f"{web}/packed.zip", tmp_path / "site/packed.zip")}
    assert len(copies) == 1, "one content is kept once"
    assert scores_the_same(copies.pop(), trained_run, features)
    with pytest.raises(DataError, match="no trained model at this address"):
        local_model(f"{web}/nothing")
    with pytest.raises(UsageError, match=r"a model cannot be pushed to a web server.*Name a folder"):
        push_model(trained_run, f"{web}/new")


def test_hostile_zip_files(trained_run: Path, tmp_path: Path) -> None:
    packed = tmp_path / "a.zip"
    packed.write_bytes(b"PK no zip")
    with pytest.raises(DataError, match=r"a\.zip: damaged archive \(BadZipFile.*Download it again"):
        local_model(packed)
    with zipfile.ZipFile(packed, "w") as archive:
        for file in ("one", "two"):
            archive.writestr(f"{file}/{HASHES}", "{}")
    with pytest.raises(DataError, match="2 models in this ZIP file"):
        local_model(packed)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"../../{HASHES}", (trained_run / HASHES).read_text())
        archive.writestr("../../escaped", "x")
    with pytest.raises(DataError, match="missing"):
        local_model(packed)
    assert not list(tmp_path.rglob("escaped"))
    packed.unlink()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        for file in trained_run.glob("*.*"):
            archive.write(file, f"run/{file.name}")
    with pytest.raises(DataError, match="a compression that is not read"):
        local_model(packed)


def test_every_damage_of_a_zip_file_is_one_error_that_names_it(trained_run: Path, tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "a"), "zip", trained_run.parent, trained_run.name))
    content, errors = packed.read_bytes(), list[DataError]()
    assert local_model(packed).exists()
    random = np.random.default_rng(0)
    for number in range(200):
        damaged = bytearray(content)
        in_directory = number < 100  # the end of a ZIP file is its directory
        place = len(content) - 1 - number if in_directory else int(random.integers(len(content)))
        damaged[place] ^= 1 << int(random.integers(8))
        packed.write_bytes(damaged)
        shutil.rmtree(cache_dir() / "models", ignore_errors=True)
        try:
            local_model(packed)
        except DataError as error:
            errors.append(error)
    assert {error.where for error in errors} == {str(packed)}
    assert 60 < len(errors) < 200, "damage to parts that are not read is none"
    assert sum("amaged" in error.what for error in errors) > 50
    assert not list((cache_dir() / "models").glob(".copy-*"))


def test_an_archive_that_unpacks_to_much_more_is_refused(tmp_path: Path) -> None:
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(HASHES, json.dumps({"format": 1, "files": {"model.json": "0", "model.safetensors": "0"}}))
        archive.writestr("model.json", "{}")
        with archive.open("model.safetensors", "w") as stream:
            for _ in range(100):
                stream.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"bomb\.zip: .* MB that unpack to 105 MB are no trained model"):
        local_model(packed)
    content = packed.read_bytes().replace((100 << 20).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    packed.write_bytes(content)  # the directory now claims 1000 bytes
    with pytest.raises(DataError, match=r"bomb\.zip: damaged"):
        local_model(packed)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


ON_A_HUB = """
import sys
from pipeline.score.model_upload import *
run = Path(sys.argv[1])
print(push_model(run, "hf://user/dives"))
print(local_model(Path("hf:/user/dives")))
for act in (lambda: local_model("hf://user/none"), lambda: push_model(run, "hf://user")):
    try:
        act()
    except (DataError, UsageError) as error:
        print(error)
"""
"""In one process, whose client reads the hub's address when it is imported: push, download, and two mistakes."""


def test_a_run_on_a_hub(trained_run: Path, tmp_path: Path) -> None:
    """The real client talks to a stand-in for the hub's file interface; no real hub is asked."""
    pytest.importorskip("huggingface_hub")
    with model_hub() as (address, repositories):
        variables = {"HF_ENDPOINT": address, "HF_TOKEN": "test", "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path)}
        command = [sys.executable, "-c", ON_A_HUB, str(trained_run)]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **variables}, cwd=ROOT, check=False
        )
        pushed, copy, no_model, no_repository = done.stdout.splitlines() or [done.stderr] * 4
        assert "/user/dives/commit/" in pushed, done.stderr
        repository = repositories["user/dives"]
        assert (repository.private, repository.commits) == (True, 1)
        assert repository.files[README] == (trained_run / CARD).read_bytes()
        assert model_sha256(Path(copy)) == model_sha256(trained_run)
        assert "no trained model at this address" in no_model
        assert "names no repository" in no_repository


def test_the_card_is_one_that_a_hub_reads(trained_run: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard.load(trained_run / CARD)
    assert card.data.library_name == "aqa"
    assert {result.metric_type for result in card.data.eval_results} <= {"spearmanr", "mae"}
    calibration = TrainedModel.load(trained_run).calibration
    assert calibration is not None
    assert f"{calibration.networks.parts} folds" in card.data.eval_results[0].metric_name
    assert {result.dataset_name for result in card.data.eval_results} == {"dives"}
    assert card.text.lstrip().startswith("# Model card: dives")
