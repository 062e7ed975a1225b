"""Features for other programs: every format holds the stage's numbers, and opens in one line."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from data.errors import DataError, UsageError
from data.store import hdf5 as store
from pipeline import api
from pipeline.pack.pack_formats import FORMATS
from tests.extractors.skeleton.test_skeleton import moving, write
from tests.helpers.cached_outputs import output_of
from tests.helpers.watching import Watching


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """Settings of a data set of two keypoint files of 20 and 30 frames, extracted."""
    root = tmp_path_factory.mktemp("set")
    write(root / "in/a.csv", moving(20))
    write(root / "in/=b.csv", moving(30, seed=1))
    (root / "in/scores.csv").write_text("video,score,task\na.csv,7.5,vault\n")
    settings = {"dataset.root": str(root / "in"), "cache": str(root / "cache"), "work.workers": "0"}
    assert api.extract(config="skeletons", overrides=settings).ok
    return settings


def stored(settings, stage, name):
    arrays = store.read(output_of(Path(settings["cache"]), stage, name)).output.arrays
    return {key: array.values for key, array in arrays.items()}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_pandas_reads_one_table(extracted, tmp_path, form):
    pandas = pytest.importorskip("pandas")
    out = tmp_path / f"steps.{form}"
    packed = api.pack(config="skeletons", overrides=extracted, out=out)
    assert (packed.performances, packed.files, packed.size) == (2, 1, out.stat().st_size)
    table = getattr(pandas, f"read_{form}")(out)
    assert table["step"].tolist() == [*range(10), *range(10)]
    assert {*table["video"]} == {"a.csv", "'=b.csv" if form == "csv" else "=b.csv"}, "no formula"
    first = table[table["video"] == "a.csv"]
    assert {*zip(first["score"], first["task"], strict=True)} == {(7.5, "vault")}
    assert table["score"].isna().sum() == 10
    arrays = stored(extracted, "timesteps", "a.csv")
    columns = [*(name for name in table if name.startswith("primary.")), "secondary_mask.0", "bounds.1", "duration"]
    duration = np.full((10, 1), arrays["duration"])
    expected = [arrays["primary"], arrays["secondary_mask"][:, :1], arrays["bounds"][:, 1:], duration]
    np.testing.assert_allclose(first[columns].to_numpy(float), np.hstack(expected), rtol=1e-7)
    assert "- 2 performances of a data set" in (tmp_path / "steps.card.md").read_text()
    dictionary = json.loads((tmp_path / "steps.dictionary.json").read_text())
    assert dictionary["arrays"]["bounds"] == {
        "dims": ["step", "edge"], "unit": "s", "names": [], "columns": ["bounds.0", "bounds.1"],
        "meaning": "begin and end of each time step; shares if nothing has times",
    }  # fmt: skip
    made = {column for entry in dictionary["arrays"].values() for column in entry["columns"]}
    labels = {"video", "step", "task", "score", "execution", "synchronisation", "difficulty"}
    assert made | labels == set(table.columns)


def test_numpy_and_h5py_read_another_stage(extracted, tmp_path):
    for form in ("npz", "h5"):
        api.pack(config="skeletons", overrides=extracted, stage="skeleton", out=tmp_path / f"joints.{form}")
    joined = np.concatenate([stored(extracted, "skeleton", name)["keypoints"] for name in ("=b.csv", "a.csv")])
    with np.load(tmp_path / "joints.npz", allow_pickle=False) as arrays, h5py.File(tmp_path / "joints.h5") as file:
        assert arrays["id"].tolist() == ["=b.csv", "a.csv"]
        assert arrays["keypoints_names"].tolist() == ["x", "y", "z", "score"]
        np.testing.assert_array_equal(arrays["score"], [np.nan, 7.5])
        np.testing.assert_array_equal(np.bincount(arrays["video"]), [30, 20])
        for keypoints in (arrays["keypoints"], file["keypoints"][()]):
            np.testing.assert_array_equal(keypoints, joined)
        assert list(file["keypoints"].attrs["dims"]) == ["frame", "agent", "joint", "coordinate"]
    assert json.loads((tmp_path / "joints.dictionary.json").read_text())["arrays"]["time"]["unit"] == "s"


@pytest.mark.parametrize(("form", "per_video"), [*((form, True) for form in FORMATS), ("npz", False)])
def test_a_damaged_output_is_made_again_and_keeps_its_place(extracted, tmp_path, form, per_video):
    first, out = output_of(Path(extracted["cache"]), "skeleton", "=b.csv"), tmp_path / "out"
    first.write_bytes(first.read_bytes()[:200])
    options = {"stage": "skeleton", "format": form, "per_video": per_video, "observer": Watching()}
    packed = api.pack(config="skeletons", overrides=extracted, out=out, **options)
    assert any(line.startswith("=b.csv is extracted again: ") for line in options["observer"].lines)
    assert [record.id for record in packed.records] == ["=b.csv", "a.csv"]
    assert (packed.path, packed.files) == (out, 2 if per_video else 1)
    if per_video:
        names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*"))
        assert names == [f"=b.csv.{form}", f"a.csv.{form}", "card.md", "skeleton.dictionary.json"]
    else:
        with np.load(out, allow_pickle=False) as arrays:
            assert arrays["id"].tolist() == ["=b.csv", "a.csv"]


def test_what_cannot_be_written_says_so(extracted, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"needs the package 'pyarrow'.*\[parquet\]"):
        api.pack(config="skeletons", overrides=extracted, format="parquet", out=tmp_path / "a")
    empty = extracted | {"cache": str(tmp_path / "none")}
    with pytest.raises(DataError, match="no performance has a fresh output of skeleton"):
        api.pack(config="skeletons", overrides=empty, stage="skeleton", out=tmp_path / "a.csv")


def test_files_of_one_name_in_two_folders_stay_two_files(tmp_path):
    """Also names that would become equal by shortening, or by the ending of the files."""
    ids = ["a/x.csv", "b/x.csv", "x.csv", "x.csv.csv", f"{'l' * 240}.csv", f"{'l' * 240}.csv.csv"]
    for number, name in enumerate(ids):
        write(tmp_path / "in" / name, moving(10, seed=number))
    settings = {"dataset.root": str(tmp_path / "in"), "cache": str(tmp_path / "cache"), "work.workers": "0"}
    assert api.extract(config="skeletons", overrides=settings).ok
    packed = api.pack(config="skeletons", overrides=settings, out=tmp_path / "out", format="npz", per_video=True)
    held = {path: np.load(path) for path in (tmp_path / "out").rglob("*.npz")}
    assert packed.performances == packed.files == len(held) == len(ids)
    assert packed.size == sum(path.stat().st_size for path in held)
    opened = {str(arrays["id"][0]): arrays["primary"] for arrays in held.values()}
    assert set(opened) == set(ids)
    for name in ids[:4]:
        np.testing.assert_array_equal(opened[name], stored(settings, "timesteps", name)["primary"])
