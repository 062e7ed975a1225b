"""TASD-2: the documented CSV, originals and their copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.datasets.tasd2 import list_tasd2
from data.errors import DataError, UsageError
from data.leaks import audit
from data.splits import kfold
from data.video.records import Labels

HEAD = "video,final,execution,synchronisation,difficulty,split,original,event\n"


def make(root: Path, rows: list[str], head: str = HEAD) -> Path:
    for row in rows:
        path = root / row.partition(",")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row.encode())
    (root / "labels.csv").write_text(head + "\n".join(rows) + "\n")
    return root


def test_labels_split_event_and_original(tmp_path: Path) -> None:
    make(tmp_path, ["3m/001.mp4,71.1,38.5,40.2,2.8,train,,3m", "10m/9.mp4,80,,,,test,,Sync. Diving 10 m"])
    ten, three = list_tasd2(tmp_path).records
    assert three.labels == Labels(71.1, 38.5, 40.2, 2.8)
    assert (three.task, three.split) == ("SyncDiving-3m", "train")
    assert three.groups == {"original": "3m/001", "event": "3m"}
    assert (ten.task, ten.labels) == ("SyncDiving-10m", Labels(score=80.0))


@pytest.mark.parametrize("named", ["3m/001.mp4", "3m/001", "001", "001.mp4"])
def test_a_copy_is_tied_to_its_original_in_every_spelling(tmp_path: Path, named: str) -> None:
    make(tmp_path, ["3m/001.mp4,71,,,,train,,3m", f"3m/001_m.mp4,71,,,,test,{named},3m"])
    listing = list_tasd2(tmp_path)
    assert [record.groups["original"] for record in listing.records] == ["3m/001", "3m/001"]
    assert listing.problems == ()


def test_chains_and_loops_of_originals_stay_together(tmp_path: Path) -> None:
    make(
        tmp_path,
        [
            "3m/a.mp4,1,,,,,3m/b,3m",
            "3m/b.mp4,1,,,,,3m/c,3m",
            "3m/c.mp4,1,,,,,3m/b,3m",
            "3m/d.mp4,1,,,,,3m/a,3m",
            "3m/e.mp4,1,,,,,,3m",
        ],
    )
    records = list_tasd2(tmp_path).records
    assert [record.groups["original"] for record in records] == ["3m/b"] * 4 + ["3m/e"]


def test_an_original_that_is_not_here_is_named(tmp_path: Path) -> None:
    make(tmp_path, ["3m/001_m.mp4,71,,,,,3m/000,3m", "3m/2.mp4,7,,,,,x,3m", "3m/3.mp4,7,,,,,x,3m"])
    listing = list_tasd2(tmp_path)
    assert listing.problems == ("3m/001_m.mp4: its original '3m/000' is not here",)


def test_grouped_folds_keep_copies_together_and_the_audit_agrees(tmp_path: Path) -> None:
    rows = [f"3m/{i:03d}{tail}.mp4,{i},,,,train,{i:03d},3m" for i in range(9) for tail in ("", "_mirrored")]
    records = list_tasd2(make(tmp_path, rows)).records
    assert audit(kfold(records, k=3), records).ok


def test_bad_rows_are_refused_and_a_missing_table_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no final score"):
        list_tasd2(make(tmp_path, ["3m/001.mp4,,1,1,1,train,,3m"]))
    with pytest.raises(DataError, match="the event is '5m'"):
        list_tasd2(make(tmp_path, ["3m/001.mp4,3,1,1,1,train,,5m"]))
    (tmp_path / "labels.csv").unlink()
    with pytest.raises(UsageError, match=r"no labels\.csv"):
        list_tasd2(tmp_path)


def test_the_folder_stands_in_for_an_empty_event(tmp_path: Path) -> None:
    make(tmp_path, ["10m/1.mp4,1"], head="video,final\n")
    assert list_tasd2(tmp_path).records[0].task == "SyncDiving-10m"
