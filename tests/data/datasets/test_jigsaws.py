"""JIGSAWS in its official layout, with its traps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from data.datasets.jigsaws import list_jigsaws
from data.datasets.listing import kind_of
from data.errors import DataError, UsageError
from data.video import Labels

ROW = " ".join(f"{value:.6f}" for value in np.linspace(-1, 1, 76))
SAME_FOLDER = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def meta_line(trial: str, items: tuple[int, ...] = (3, 3, 3, 3, 3, 3), end: str = "\r\n") -> str:
    scores = "\t".join(str(item) for item in items)
    return f"{trial}\t\tE\t{sum(items)}\t\t{scores}{end}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two scored trials of suturing, two views each, CRLF and empty columns in the meta file."""
    task = tmp_path / "Suturing"
    write(task / "meta_file_Suturing.txt", meta_line("Suturing_B001") + meta_line("Suturing_I005", (1, 2, 3, 4, 5, 5)))
    for trial in ("Suturing_B001", "Suturing_I005"):
        for view in (1, 2):
            write(task / "video" / f"{trial}_capture{view}.avi", b"frames")
        write(task / "kinematics" / "AllGestures" / f"{trial}.txt", f"{ROW}\n" * 3)
        write(task / "transcriptions" / f"{trial}.txt", "1 2 G1 \n3 3 G5 \n")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Suturing_B001 E 19 3 3 3 3 3 3", "items sum to 18"),
        ("Suturing_B001 E 18 3 3 3 3 3", "8 filled columns"),
        ("Knot_Tying_B001 E 18 3 3 3 3 3 3", "no trial of Suturing"),
        ("Suturing_B001 E 18 3 3 3 3 3 \uff13", "not a whole number"),
        ("Suturing_I005 E 18 3 3 3 3 3 3", "other scores than in .*:1"),
    ],
)
def test_damaged_meta_lines_are_refused_by_line(root: Path, line: str, words: str) -> None:
    meta = root / "Suturing" / "meta_file_Suturing.txt"
    write(meta, meta_line("Suturing_I005", (1, 2, 3, 4, 5, 5)) + "\r\n" + line)
    with pytest.raises(DataError, match=words) as caught:
        list_jigsaws(root)
    assert caught.value.where == f"{meta}:3"
    write(meta, "")
    with pytest.raises(DataError, match="empty meta file"):
        list_jigsaws(root)


def test_one_record_per_view(root: Path) -> None:
    assert kind_of(root) == ("jigsaws", root)
    listing = list_jigsaws(root)
    assert [record.id for record in listing.records] == [
        f"Suturing/video/Suturing_{trial}_capture{view}.avi" for trial in ("B001", "I005") for view in (1, 2)
    ]
    record = listing.records[2]
    assert record.groups == {"trial": "Suturing_I005", "subject": "I", "supertrial": "5", "view": "capture1"}
    assert record.task == "Suturing"
    assert record.labels == Labels(20, judges=(1, 2, 3, 4, 5, 5))
    assert record.sidecars["kinematics"].name == "Suturing_I005.txt"
    assert record.sidecars["transcription"].is_file()
    assert listing.problems == (
        "Needle_Passing: no such folder in " + root.name,
        "Knot_Tying: no such folder in " + root.name,
    )


def test_kinematics_only_copy_has_one_record_per_trial(root: Path) -> None:
    for path in (root / "Suturing" / "video").iterdir():
        path.unlink()
    (root / "Suturing" / "video").rmdir()
    listing = list_jigsaws(root, tasks=["Suturing"])
    assert [(r.id, r.path, r.groups["view"]) for r in listing.records] == [
        ("Suturing/kinematics/AllGestures/Suturing_B001.txt", None, "none"),
        ("Suturing/kinematics/AllGestures/Suturing_I005.txt", None, "none"),
    ]
    assert listing.problems == ()


def test_missing_inputs_are_problems(root: Path) -> None:
    folder = root / "Suturing"
    write(folder / "kinematics" / "AllGestures" / "Suturing_B001.txt", "")
    (folder / "video" / "Suturing_B001_capture2.avi").unlink()
    for name in ("video/Suturing_I005_capture1.avi", "video/Suturing_I005_capture2.avi"):
        (folder / name).unlink()
    (folder / "kinematics" / "AllGestures" / "Suturing_I005.txt").unlink()
    write(folder / "kinematics" / "AllGestures" / "Suturing_H002.txt", "")
    write(folder / "video" / "Suturing_Z009_capture1.avi", b"frames")
    listing = list_jigsaws(root, tasks=["Suturing"])
    assert [record.id for record in listing.records] == ["Suturing/video/Suturing_B001_capture1.avi"]
    assert "kinematics" not in listing.records[0].sidecars
    assert listing.doubts == (
        "Suturing: 1 video without a score: Suturing_Z009_capture1",
        "Suturing: 1 kinematics file without a score: Suturing_H002",
    ), "every copy has trials without a score"
    said = "\n".join(listing.problems)
    for words in (
        "Suturing_B001: empty kinematics file",
        "Suturing_B001: no video of capture2",
        "Suturing_I005: listed in meta_file_Suturing.txt, but has no input",
    ):
        assert words in said


def test_repeated_lines_are_dropped_and_named(root: Path) -> None:
    write(root / "Suturing" / "meta_file_Suturing.txt", meta_line("Suturing_B001") * 2)
    listing = list_jigsaws(root, tasks=["Suturing"])
    assert len(listing.records) == 2
    assert "listed again" in listing.problems[0]


def test_the_error_of_a_wrong_folder_names_the_right_one(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UsageError, match="Give the folder above Suturing"):
        list_jigsaws(root / "Suturing")
    with pytest.raises(UsageError):
        list_jigsaws(tmp_path_factory.mktemp("empty"))
