"""Trained models at addresses: an S3 server, a web server, a model hub, and ZIP files."""

import json
import shutil
import threading
import tracemalloc
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import numpy as np
import pytest

from data.errors import DataError, StorageError, UsageError
from data.store import remote
from data.weights import cache_dir
from pipeline.score.model_card import FILE as CARD
from pipeline.score.model_files import HASHES, model_sha256
from pipeline.score.remote_models import README, local_model, push_model
from pipeline.score.trained_model import TrainedModel


@pytest.fixture
def trained_run(world):
    """A model that was trained in folders of somebody."""
    return world.planted_model


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))


def scores_the_same(copy, world):
    made = TrainedModel.load(copy).predict(world.planted).score
    same = np.array_equal(made, world.planted_bundle.predict(world.planted).score)
    return same and model_sha256(copy) == model_sha256(world.planted_model)


def test_a_pushed_run_scores_the_same_and_another_one_is_not_written_over(trained_run, world, tmp_path):
    there = tmp_path / "there"
    for _ in range(2):
        push_model(trained_run, str(there))
    assert local_model(str(there)) == local_model(f"file://{there}") == there
    assert scores_the_same(there, world)
    assert not [p.name for p in there.iterdir() if b"somebody" in p.read_bytes()], "no path of this machine"
    (there / HASHES).write_text("{}")
    with pytest.raises(UsageError, match=r"another model is there.*--replace"):
        push_model(trained_run, str(there))
    push_model(trained_run, str(there), replace=True)
    TrainedModel.load(there)
    with pytest.raises(DataError, match=r"no trained model here\. Name the folder that .* train"):
        push_model(tmp_path / "nothing", str(there))


def test_a_run_on_a_store(trained_run, world, bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.server)
    place = f"s3://{bucket.name}/models/dives"
    push_model(trained_run, place)
    copy = local_model(Path(place))  # as a command line gives it, with one slash
    assert copy.parent == cache_dir() / "models"
    assert scores_the_same(copy, world)
    before = (copy / "model.safetensors").stat().st_mtime_ns
    assert (local_model(place) / "model.safetensors").stat().st_mtime_ns == before, "downloaded once"
    (copy / "model.safetensors").write_bytes(b"damaged")
    assert scores_the_same(local_model(place), world)
    bucket.put("models/dives/model.safetensors", b"damaged")
    shutil.rmtree(copy)
    with pytest.raises(DataError, match="damaged"):
        local_model(place)
    assert not copy.exists()
    with pytest.raises(DataError, match=r"no trained model at this address.*"):
        local_model(f"s3://{bucket.name}/models/other")


class Site(SimpleHTTPRequestHandler):
    """Refuses addresses that begin with the number of a status."""

    def send_head(self):
        status = self.path[1:4]
        return self.send_error(int(status)) if status.isdigit() else super().send_head()


def test_a_zip_file_and_a_folder_on_a_web_server(trained_run, world, tmp_path):
    pytest.importorskip("aiohttp")
    shutil.copytree(trained_run, tmp_path / "site/run")
    shutil.make_archive(str(tmp_path / "site/packed"), "zip", trained_run.parent, trained_run.name)
    handler = partial(Site, directory=str(tmp_path / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        web = f"http://127.0.0.1:{server.server_port}"
        copies = {local_model(place) for place in (f"{web}/run", f"{web}/packed.zip", tmp_path / "site/packed.zip")}
        assert len(copies) == 1, "one content is kept once"
        assert scores_the_same(copies.pop(), world)
        with pytest.raises(DataError, match="no trained model at this address"):
            local_model(f"{web}/nothing")
        with pytest.raises(UsageError, match=r"a model cannot be pushed to a web server.*Name a folder"):
            push_model(trained_run, f"{web}/new")
        for status in (401, 500):
            with pytest.raises(StorageError, match=f"the store refused.*{status}"):
                local_model(f"{web}/{status}/run")
        server.shutdown()
    with pytest.raises(StorageError, match="does not answer"):
        local_model(f"{web}/run")


def test_hostile_zip_files(trained_run, tmp_path):
    packed, table = tmp_path / "a.zip", (trained_run / HASHES).read_text()
    packed.write_bytes(b"PK no zip")
    with pytest.raises(DataError, match=r"a\.zip: damaged archive \(BadZipFile.*Download it again"):
        local_model(packed)
    run = {f"run/{file.name}": file.read_bytes() for file in trained_run.glob("*.*")}
    for files, compression, said in (
        ({f"{name}/{HASHES}": "{}" for name in ("one", "two")}, zipfile.ZIP_STORED, "2 models in this ZIP file"),
        ({f"../../{HASHES}": table, "../../escaped": "x"}, zipfile.ZIP_STORED, "missing"),
        (run, zipfile.ZIP_LZMA, "a compression that is not read"),
    ):
        with zipfile.ZipFile(packed, "w", compression) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        with pytest.raises(DataError, match=said):
            local_model(packed)
    assert not list(tmp_path.rglob("escaped"))


def test_every_damage_of_a_zip_file_is_one_error_that_names_it(trained_run, tmp_path):
    packed = Path(shutil.make_archive(str(tmp_path / "a"), "zip", trained_run.parent, trained_run.name))
    content, errors = packed.read_bytes(), list[DataError]()
    assert local_model(packed).exists()
    random = np.random.default_rng(0)
    for number in range(100):
        damaged = bytearray(content)
        in_directory = number < 50  # the end of a ZIP file is its directory
        place = len(content) - 1 - number if in_directory else int(random.integers(len(content)))
        damaged[place] ^= 1 << int(random.integers(8))
        packed.write_bytes(damaged)
        shutil.rmtree(cache_dir() / "models", ignore_errors=True)
        try:
            local_model(packed)
        except DataError as error:
            errors.append(error)
    assert {error.where for error in errors} == {str(packed)}
    assert 30 < len(errors) < 100, "damage to parts that are not read is none"
    assert sum("amaged" in error.what for error in errors) > 25
    assert not list((cache_dir() / "models").glob(".copy-*"))


def test_an_archive_that_unpacks_to_much_more_is_refused(tmp_path):
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(HASHES, json.dumps({"format": 1, "files": {"model.json": "0", "model.safetensors": "0"}}))
        archive.writestr("model.json", "{}")
        with archive.open("model.safetensors", "w") as stream:
            for _ in range(100):
                stream.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"bomb\.zip: .* MB that unpack to 105 MB are not a trained model"):
        local_model(packed)
    content = packed.read_bytes().replace((100 << 20).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    packed.write_bytes(content)  # the directory now claims 1000 bytes
    with pytest.raises(DataError, match=r"bomb\.zip: damaged"):
        local_model(packed)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


def test_a_run_on_a_hub(trained_run, monkeypatch):
    """Calls of the hub's client have its signatures; files of the hub are in memory."""
    hub, fsspec = pytest.importorskip("huggingface_hub"), pytest.importorskip("fsspec")
    files, client = fsspec.filesystem("memory"), create_autospec(hub.HfApi, instance=True)

    def commit(name, operations, **_):
        for one in operations:
            files.pipe_file(f"hf://{name}/{one.path_in_repo}", one.path_or_fileobj)
        return SimpleNamespace(commit_url=f"hub/{name}/commit/0")

    client.create_commit.side_effect = commit
    monkeypatch.setattr(hub, "HfApi", lambda: client)
    monkeypatch.setattr(fsspec, "filesystem", lambda scheme, **_: files)
    monkeypatch.setattr(remote, "_connected", remote._connected.__wrapped__)
    assert push_model(trained_run, "hf://user/dives") == "hub/user/dives/commit/0"
    client.create_repo.assert_called_once_with("user/dives", private=True, exist_ok=True)
    assert files.cat_file(f"hf://user/dives/{README}") == (trained_run / CARD).read_bytes()
    assert model_sha256(local_model(Path("hf:/user/dives"))) == model_sha256(trained_run)
    with pytest.raises(DataError, match="no trained model at this address"):
        local_model("hf://user/none")
    with pytest.raises(UsageError, match="does not name a repository"):
        push_model(trained_run, "hf://user")


def test_the_card_is_one_that_a_hub_reads(trained_run):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard.load(trained_run / CARD)
    assert card.data.library_name == "aqa"
    results = card.data.eval_results
    assert {(result.metric_type, result.dataset_name) for result in results} == {
        ("spearmanr", "dives"),
        ("mae", "dives"),
    }
    assert "4 folds" in results[0].metric_name
    assert card.text.lstrip().startswith("# Model card: dives")
