"""Every kind of data set, also that of docs/extend.md: damaged and missing label files are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from data.datasets import listing
from data.datasets.jigsaws_kinematics import parse_kinematics
from data.datasets.listing import KINDS, check_data, list_records
from data.errors import DataError, UsageError
from data.splits import jigsaws_4fold
from data.store import write_text
from synthetic.tiny_datasets import make_aqa7, make_tasd2
from synthetic.tiny_jigsaws import make_jigsaws
from synthetic.tiny_published import PUBLISHED, make_finediving, make_kimore, make_ui_prmd
from tests.helpers.doc_pages import code_of
from tests.helpers.people_of_frames import read_motion


def folder_set(root: Path) -> Path:
    """Two videos that nobody opens, and a table with every column."""
    for name in ("a.mp4", "day 1/b.mp4"):
        write_text(root / name, "x")
    rows = ("video,score,execution,group,split", "a.mp4,7.5,,g,train", "day 1/b.mp4,-1e2,3,g,test")
    write_text(root / "scores.csv", "\n".join(rows) + "\n")
    return root


def aqa7_set(root: Path) -> Path:
    """AQA-7 with one compressed list and one plain list, so that damage reaches the parser, not only zlib."""
    make_aqa7(root, count=3, frames=2)
    path, name = root / "Split_4/split_4_train_list.mat", "consolidated_train_list"
    scipy.io.savemat(path, {"before": np.ones((1, 1)), name: scipy.io.loadmat(path)[name]})
    return root


def jigsaws_set(root: Path) -> Path:
    """Two trials, and a list of folds beside them."""
    make_jigsaws(root, trials=2, rows=4, tasks=("Suturing",))
    write_text(root / FOLDS, '{"folds": {"Suturing": [["Suturing_B001"], ["Suturing_C002"]]}}')
    return root


FOLDS = "folds.json"


SMALL: Mapping[str, Callable[[Path], Path]] = {
    **{kind: partial(make, count=4, frames=2) for kind, make in PUBLISHED.items()},
    "finediving": partial(make_finediving, count=4, frames=8),
    "ui-prmd": partial(make_ui_prmd, count=1, frames=5),
    "kimore": partial(make_kimore, count=2, frames=5),
    "aqa7": aqa7_set,
    "tasd2": partial(make_tasd2, count=2, frames=2),
    "jigsaws": jigsaws_set,
    "folder": folder_set,
}
"""Makers of sets of a few performances."""

LABELS = (".pkl", ".txt", ".mat", ".xlsx", ".csv", ".json")

NUMBERS = (b"nan", b"inf", b"-inf", b"1e999", b"1_0", b"0x1p3", b"--1", b"1e", b".", b"-0", b"9" * 5000, b"\xd9\xa1")

HOSTILE = (
    *(b'"', b"'", b",", b";", b"\t", b"\r", b"\n", b"\r\n", b"{", b"[", b"null", b"video"),
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\xe2\x80\xa8", b"\x1b[2J"),
    *(b"../../x", b"/etc", b"C:\\x", b"\\\\h\\s", b"Suturing_B001", b"Knot_Tying_Z999"),
)
"""Bytes that parsers stumble over: delimiters, encodings, control characters, paths, names."""

REST, CELL = 1 << 30, -1

EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 12) | st.sampled_from([CELL, CELL, REST]),
        st.binary(max_size=4) | st.sampled_from(NUMBERS) | st.sampled_from(HOSTILE),
    ),
    min_size=1,
    max_size=3,
)
"""Changes of a file: (place as a share of its length, number of bytes that go, bytes that come)."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One set of every kind."""
    return {kind: make(tmp_path_factory.mktemp(kind)) for kind, make in SMALL.items()}


@pytest.fixture(scope="module")
def labels(made: dict[str, Path]) -> dict[str, list[Path]]:
    """The label files of each set."""
    return {
        kind: [path for path in sorted(root.rglob("*")) if path.suffix in LABELS and "transcriptions" not in path.parts]
        for kind, root in made.items()
    }


def damaged(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """`content` after `edits`; CELL bytes are those of the cell at the place."""
    for share, gone, new in edits:
        place = int(share * len(content))
        if gone == CELL:
            cells = [cell.span() for cell in re.finditer(rb"[^\s,;]+", content) if cell.end() > place]
            place, end = cells[0] if cells else (place, place)
            gone = end - place
        content = content[:place] + new + content[place + gone :]
    return content


def refusal(kind: str, root: Path, path: Path) -> DataError | UsageError | None:
    """How a set with the damaged label file `path` is refused; None where it is read, with printable problems."""
    try:
        if path.name == FOLDS:
            jigsaws_4fold([], path)
        listing = list_records(kind, root)
        for record in listing.records:
            assert record.path is None or record.path.resolve().is_relative_to(root)
            assert record.labels is None or record.labels.score is None or np.isfinite(record.labels.score)
            if path == record.sidecars.get("kinematics"):
                parse_kinematics(path)
            if path in record.sidecars.values() and "keypoints" in record.sidecars:
                beside = {kind: record.sidecars.get(kind) for kind in ("angles", "time_stamps")}
                read_motion(record.sidecars["keypoints"], 1, **beside)
    except (DataError, UsageError) as error:
        return error
    assert all(text.isprintable() for text in (*listing.problems, *listing.doubts))
    return None


def test_every_kind_with_labels_of_its_own_is_tried() -> None:
    assert set(SMALL) == set(KINDS) - {"skeletons", "rendered"}


@pytest.mark.parametrize("kind", SMALL)
@given(edits=EDITS, which=st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_damaged_label_files_are_read_or_refused_by_name(
    made: dict[str, Path],
    labels: dict[str, list[Path]],
    kind: str,
    edits: list[tuple[float, int, bytes]],
    which: int,
) -> None:
    path = labels[kind][which % len(labels[kind])]
    sound = path.read_bytes()
    path.write_bytes(damaged(sound, edits))
    try:
        error = refusal(kind, made[kind], path)
    finally:
        path.write_bytes(sound)
    if error is not None:
        assert str(error.where).startswith(str(made[kind]))
        assert error.fix
        assert str(error).isprintable()


@pytest.mark.parametrize("kind", sorted({*SMALL} - {"folder"}))  # a folder may have no table
def test_the_problem_line_of_a_missing_file_names_its_performance(made: dict[str, Path], kind: str) -> None:
    root = made[kind]
    whole = check_data(kind, root, {})
    # Transcriptions and judges' scores are optional. The angles of m01_s03_e01 are missing anyway.
    silent = {*root.rglob("transcriptions/*"), *root.rglob("FineDiving_coarse_annotation.pkl")}
    silent |= {root / FOLDS, *root.rglob("m01_s03_e01_positions_inc.txt")}
    for path in sorted({*root.rglob("*.*")} - silent):
        content = path.read_bytes()
        path.unlink()
        try:
            report = check_data(kind, root, {})
        finally:
            path.write_bytes(content)
        shown = " ".join(line for line in report.problems if line not in whole.problems)
        whose = {part.strip("0") for part in path.relative_to(root).with_suffix("").parts}
        whose |= {
            path.stem.partition(end)[0] for end in ("_capture", "0101", "_E_ID", "_S_ID", "_positions", "_angles")
        }
        assert not report.ok
        assert any(name in shown for name in whose - {""}), f"'{shown}' does not name the performance of {path.name}"
    assert check_data(kind, root, {}) == whole


def test_a_copy_has_one_of_the_names_of_an_annotation(tmp_path: Path) -> None:
    """MTL-AQA's annotation has three names; a copy with one of them lacks none."""
    report = check_data("mtl-aqa", SMALL["mtl-aqa"](tmp_path / "set"), {})
    lists = ["train_split_0.pkl", "test_split_0.pkl"]
    assert [name for name, _ in report.files] == ["final_annotations_dict.pkl", *lists]
    nothing = check_data("mtl-aqa", tmp_path, {})
    assert [state for name, state in nothing.files if "annotations" in name] == ["missing"] * 3


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The data set that docs/extend.md adds, entered in the table with the page's line."""
    code, entry = code_of("extend.md", "A data set")
    module = ModuleType("marks")
    exec(compile(code, "extend.md", "exec"), module.__dict__)
    kinds = eval("{" + entry + "}", {**vars(listing), **vars(module)})
    monkeypatch.setattr(listing, "KINDS", {**listing.KINDS, **kinds})
    return module


def test_the_data_set_of_the_page_lists_its_performances(marks: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (tmp_path / "videos" / name).write_bytes(b"\0")
    (tmp_path / "marks.csv").write_text("video,mark,skater\na.mp4,7.5,Ann\nb.mp4,6,Bob\n", encoding="utf-8")
    marked = listing.list_records("marks", tmp_path)
    labelled = {record.id: record for record in marked.records if record.labels}
    assert {name: record.labels.score for name, record in labelled.items()} == {"a.mp4": 7.5, "b.mp4": 6.0}
    assert labelled["a.mp4"].groups["subject"] == "Ann"
    assert any("c.mp4" in line for line in marked.problems)
    with pytest.raises(UsageError, match=r"no marks\.csv"):
        listing.list_records("marks", tmp_path / "videos")
