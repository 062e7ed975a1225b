"""What a message names can be read after a plain installation, which brings no pages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings.settings_table import OWNERS, setting_rows

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("data", "extractors", "models", "pipeline")


def shown_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of the strings of a file that are no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.lineno, node.value


@pytest.mark.parametrize("package", PACKAGES)
def test_no_message_names_a_page(package: str) -> None:
    named = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in shown_texts(path)
        if "docs/" in text
    ]
    assert named == []


def test_the_table_of_settings_has_every_key_once_with_its_meaning() -> None:
    rows = setting_rows()
    assert len({row.key for row in rows}) == len(rows) > 100
    assert all(row.meaning and row.belongs_to in OWNERS.values() for row in rows)
    by_key = {row.key: row for row in rows}
    assert by_key["pose.device"].belongs_to == by_key["run.workers"].belongs_to == "machine"
    assert by_key["pose.stride"].belongs_to == by_key["train.epochs"].belongs_to == "method"
    assert by_key["clips.weights"].belongs_to == "method, by content"
    assert by_key["dataset.root"].belongs_to == "data set"
    assert by_key["train.epochs"].default == "100 (paper 3000, tools 300)"
    assert [row.key for row in setting_rows("pose.import")] == ["pose.import.layout", "pose.import.dir"]
