"""Every kind of data set: damaged label files are read or refused by name, and a file that is gone is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.datasets.listing import KINDS, check_data, list_records
from data.errors import DataError, UsageError
from data.keypoints import read_motion
from synthetic.tiny_datasets import make_aqa7, make_tasd2
from synthetic.tiny_jigsaws import make_jigsaws
from synthetic.tiny_published import PUBLISHED, make_finediving, make_kimore, make_ui_prmd

SMALL: Mapping[str, Callable[[Path], Path]] = {
    **{kind: partial(make, count=4, frames=2) for kind, make in PUBLISHED.items()},
    "finediving": partial(make_finediving, count=4, frames=8),
    "ui-prmd": partial(make_ui_prmd, count=1, frames=5),
    "kimore": partial(make_kimore, count=2, frames=5),
    "aqa7": partial(make_aqa7, count=3, frames=2),
    "tasd2": partial(make_tasd2, count=2, frames=2),
    "jigsaws": partial(make_jigsaws, trials=2, rows=4, tasks=("Suturing",)),
}
"""Makers of sets of a few performances."""

LABELS = (".pkl", ".txt", ".mat", ".xlsx", ".csv")

EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 8),
        st.one_of(
            st.binary(max_size=4),
            st.sampled_from(
                [b"nan", b"-inf", b"1e999", b'"', b"\r", b",", b"\n", b"\0", b"../../x", b"\xff\xfe", b"9" * 400]
            ),
        ),
    ),
    min_size=1,
    max_size=3,
)
"""What is done to a file: (place as a share of its length, bytes that go, bytes that come)."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One set of every kind."""
    return {kind: make(tmp_path_factory.mktemp(kind)) for kind, make in SMALL.items()}


@pytest.fixture(scope="module")
def labels(made: dict[str, Path]) -> dict[str, list[Path]]:
    """The label files of each set."""
    return {
        kind: [p for p in sorted(root.rglob("*")) if p.suffix in LABELS and "kinematics" not in p.parts]
        for kind, root in made.items()
    }


def refusal(kind: str, root: Path, path: Path) -> DataError | UsageError | None:
    """How a set with the damaged label file `path` is refused; None where it is read, with printable problems."""
    try:
        listing = list_records(kind, root)
        for record in listing.records:
            if path in record.sidecars.values() and "keypoints" in record.sidecars:
                read_motion(record.sidecars["keypoints"], 1, record.sidecars.get("angles"))
    except (DataError, UsageError) as error:
        return error
    assert all(text.isprintable() for text in listing.problems)
    return None


def test_every_kind_with_labels_of_its_own_is_tried() -> None:
    assert set(SMALL) == set(KINDS) - {"folder", "skeletons"}


@pytest.mark.parametrize("kind", SMALL)
@given(edits=EDITS, which=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_damaged_label_files_are_read_or_refused_by_name(
    made: dict[str, Path],
    labels: dict[str, list[Path]],
    kind: str,
    edits: list[tuple[float, int, bytes]],
    which: int,
) -> None:
    path = labels[kind][which % len(labels[kind])]
    sound = content = path.read_bytes()
    for share, gone, new in edits:
        place = int(share * len(content))
        content = content[:place] + new + content[place + gone :]
    path.write_bytes(content)
    try:
        error = refusal(kind, made[kind], path)
    finally:
        path.write_bytes(sound)
    if error is not None:
        assert str(error.where).startswith(str(made[kind]))
        assert error.fix
        assert str(error).isprintable()


@pytest.mark.parametrize("kind", SMALL)
def test_a_file_that_is_gone_is_a_problem_that_says_whose_it_is(made: dict[str, Path], kind: str) -> None:
    root = made[kind]
    whole = check_data(kind, root, {})
    # Transcriptions and judges' scores are extra; the angles of this one performance are missing too, so nothing tells.
    silent = {*root.rglob("transcriptions/*"), *root.rglob("FineDiving_coarse_annotation.pkl")}
    silent |= {*root.rglob("m01_s03_e01_positions_inc.txt")}
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
        assert any(name in shown for name in whose - {""}), f"'{shown}' does not say whose {path.name} is gone"
    assert check_data(kind, root, {}) == whole


def test_a_copy_has_one_of_the_names_of_an_annotation(tmp_path: Path) -> None:
    """MTL-AQA's annotation has three names; a copy with one of them lacks none."""
    report = check_data("mtl-aqa", SMALL["mtl-aqa"](tmp_path / "set"), {})
    lists = ["train_split_0.pkl", "test_split_0.pkl"]
    assert [name for name, _ in report.files] == ["final_annotations_dict.pkl", *lists]
    nothing = check_data("mtl-aqa", tmp_path, {})
    assert [state for name, state in nothing.files if "annotations" in name] == ["missing"] * 3
