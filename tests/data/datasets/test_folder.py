"""Folders with a CSV of scores: joining, delimiters, encodings, hostile cells."""

import os
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.datasets.folder import list_folder, list_skeletons
from data.datasets.listing import list_records
from data.errors import UsageError
from data.video import Labels, find_videos

SAME_FOLDER = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def root(tmp_path):
    for name in ("a.mp4", "day 1/b.mp4", "day 1/ä.avi"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path


def table(root, text, name="scores.csv"):
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return root / name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("delimiter", "seven"), [(",", "7.5"), (";", "7,5"), ("\t", "7.5"), ("|", "7.5")])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_dialects_of_csv(root, encoding, delimiter, seven, end):
    lines = [delimiter.join(line) for line in (("video", "score"), ("day 1\\ä.avi", seven), ("a.mp4", "1"))]
    table(root, end.join(lines).encode(encoding))
    a, _, c = list_folder(root).records
    assert a.labels == Labels(score=1.0)
    assert c.labels == Labels(score=7.5)


def test_label_files_are_found_or_named(root, tmp_path_factory):
    table(root, "video,score\na.mp4,1\n")
    table(root, "video,score\na.mp4,2\n", "labels.csv")
    with pytest.raises(UsageError, match="several label files"):
        list_folder(root)
    assert list_folder(root, labels="labels.csv").records[0].labels == Labels(score=2.0)
    elsewhere = table(tmp_path_factory.mktemp("elsewhere"), "video,score\na.mp4,5\n")
    assert list_folder(root, labels=elsewhere).records[0].labels == Labels(score=5.0)
    with pytest.raises(UsageError, match="no such label file"):
        list_folder(root, labels="other.csv")


def test_the_table_of_kinds(root):
    assert len(list_records("folder", root).records) == 3
    with pytest.raises(UsageError, match="did you mean 'folder'"):
        list_records("foldr", root)
    with pytest.raises(UsageError, match="did you mean 'labels'"):
        list_records("folder", root, label="x")
    with pytest.raises(UsageError, match="no such folder"):
        list_records("aqa7", root / "nowhere")


@SAME_FOLDER
@given(st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=3))
def test_scores_survive_the_table_exactly(root, scores):
    names = ("a.mp4", "day 1/b.mp4", "day 1/ä.avi")
    table(root, "video,score\n" + "".join(f"{n},{s!r}\n" for n, s in zip(names, scores, strict=True)))
    assert [record.labels and record.labels.score for record in list_folder(root).records] == scores


def test_an_address_that_is_also_a_local_path_is_refused(root, monkeypatch):
    """A folder called `file:` must not make the program read outside it."""
    monkeypatch.chdir(root)
    for name in ("file:/a.mp4", "s3:/bucket/a.mp4"):
        path = Path(name)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        with pytest.raises(UsageError, match=f"both an address and a local path.*{root / path}"):
            find_videos([path])
    with pytest.raises(UsageError, match="both an address"):
        list_records("folder", Path("s3:/bucket"))
    assert [record.path for record in find_videos([Path("file:")]).records] == [Path("file:/a.mp4")]


def test_everything_that_is_left_out_is_reported(root, monkeypatch):
    """Unreadable folders, dangling links and pipes, with a table of scores too."""
    (root / "gone.mp4").symlink_to(root / "nothing.mp4")
    os.mkfifo(root / "pipe.mp4")
    (root / "closed").mkdir()
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    for text in (None, "video,score\na.mp4,1\n"):
        if text is not None:
            table(root, text)
        said = "\n".join(list_folder(root).problems)
        assert "gone.mp4: left out, the link leads nowhere" in said
        assert "pipe.mp4: left out, not a regular file" in said
        assert "closed: left out, the folder cannot be read (Permission denied)" in said


def workbook(path, *rows):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("name", ["scores.xlsx", "scores.csv"])
def test_a_workbook_is_read_also_under_the_ending_csv(root, name):
    day = datetime(2026, 5, 31)
    rows = ["Video", "Score", "date", "note"], ["a.mp4", 7.5, day, "x"], [], ["day 1/b.mp4", 8, None, None]
    workbook(root / "book.xlsx", *rows).rename(root / name)
    listing = list_folder(root)
    assert [record.labels and record.labels.score for record in listing.records] == [7.5, 8.0, None]
    assert listing.records[0].day == "2026-05-31"
    assert f"{name}: column 'note' is not read (known: " in " ".join(listing.problems)


def test_a_workbook_without_openpyxl_names_what_to_install(root, monkeypatch):
    workbook(root / "scores.xlsx", ["video", "score"], ["a.mp4", 1])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UsageError, match=r"pip install .*\[excel\]"):
        list_folder(root)


def test_tables_beside_keypoint_files_are_no_performances(tmp_path):
    (tmp_path / "a.csv").write_text("")
    for name in ("labels.csv", "mine.csv", "scores.csv"):
        (tmp_path / name).write_text("video,score\na.csv,1\n")
    (tmp_path / "phases.csv").write_text("video,phase,start_s\na.csv,run,0\n")
    listing = list_skeletons(tmp_path, labels="mine.csv")
    assert ([record.id for record in listing.records], listing.problems) == (["a.csv"], ())
