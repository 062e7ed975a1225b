"""Every kind of data set, also that of docs/extend.md: damaged and missing label files are named."""

import pytest

from data.datasets.listing import check_data
from tests.data.test_reader_contract import FOLDS, SETS


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One set of every kind."""
    return {kind: make(tmp_path_factory.mktemp(kind)) for kind, make in SETS.items()}


@pytest.mark.parametrize("kind", sorted({*SETS} - {"folder"}))  # a folder may have no table
def test_the_problem_line_of_a_missing_file_names_its_performance(made, kind):
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


def test_a_copy_has_one_of_the_names_of_an_annotation(tmp_path):
    """MTL-AQA's annotation has three names; a copy with one of them lacks none."""
    report = check_data("mtl-aqa", SETS["mtl-aqa"](tmp_path / "set"), {})
    lists = ["train_split_0.pkl", "test_split_0.pkl"]
    assert [name for name, _ in report.files] == ["final_annotations_dict.pkl", *lists]
    nothing = check_data("mtl-aqa", tmp_path, {})
    assert [state for name, state in nothing.files if "annotations" in name] == ["missing"] * 3
