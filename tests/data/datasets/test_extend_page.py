"""The data set that docs/extend/dataset.md adds: its code runs, and the program then knows the set."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from data.datasets import listing
from data.errors import UsageError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "extend" / "dataset.md"


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example's module, entered in the table with the example's line."""
    code, entry = re.findall(r"```(?:python)?\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    module = ModuleType("marks")
    exec(compile(code, str(PAGE), "exec"), module.__dict__)
    kinds = eval("{" + entry + "}", {**vars(listing), **vars(module)})
    monkeypatch.setattr(listing, "KINDS", {**listing.KINDS, **kinds})
    return module


def test_the_example_lists_its_performances(marks: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (tmp_path / "videos" / name).write_bytes(b"\0")
    (tmp_path / "marks.csv").write_text("video,mark,skater\na.mp4,7.5,Ann\nb.mp4,6,Bob\n", encoding="utf-8")
    found = listing.list_records("marks", tmp_path)
    labelled = {record.id: record for record in found.records if record.labels}
    assert {name: record.labels.score for name, record in labelled.items()} == {"a.mp4": 7.5, "b.mp4": 6.0}
    assert labelled["a.mp4"].groups["subject"] == "Ann"
    assert any("c.mp4" in line for line in found.problems)
    with pytest.raises(UsageError, match=r"no marks\.csv"):
        listing.list_records("marks", tmp_path / "videos")
