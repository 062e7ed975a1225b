"""What a message names can be read after a plain installation, which brings no pages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from data import errors
from data.errors import install_line
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


def calls_of_errors() -> Iterator[tuple[str, ast.Call]]:
    """Every call of `AimError` or of a class that derives from it, with its place."""
    trees = {path: ast.parse(path.read_text("utf-8")) for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    errors, classes = {"AimError"}, [node for _, node in nodes if isinstance(node, ast.ClassDef)]
    while more := {one.name for one in classes if errors & {getattr(b, "id", "") for b in one.bases}} - errors:
        errors |= more
    for path, node in nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in errors:
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_error_says_what_to_do_next() -> None:
    calls = dict(calls_of_errors())
    assert len(calls) > 300
    assert [place for place, call in calls.items() if "fix" not in {keyword.arg for keyword in call.keywords}] == []


def test_the_table_of_settings_has_every_key_once_with_its_meaning() -> None:
    rows = setting_rows()
    assert len({row.key for row in rows}) == len(rows) > 100
    assert all(row.meaning and row.belongs_to in OWNERS.values() for row in rows)
    by_key = {row.key: row for row in rows}
    assert by_key["pose.device"].belongs_to == by_key["work.workers"].belongs_to == "machine"
    assert by_key["pose.stride"].belongs_to == by_key["train.epochs"].belongs_to == "method"
    assert by_key["clips.weights"].belongs_to == "method, by content"
    assert by_key["dataset.root"].belongs_to == "data set"
    assert by_key["pose.region"].belongs_to == by_key["frames.fps"].belongs_to == "videos"
    assert by_key["train.epochs"].default == "100 (paper 3000, tools 300)"
    assert [row.key for row in setting_rows("pose.import")] == ["pose.import.layout", "pose.import.dir"]


def test_no_message_installs_from_the_working_directory() -> None:
    texts = [text for name in PACKAGES for path in (ROOT / name).rglob("*.py") for _, text in shown_texts(path)]
    assert [text for text in texts if "install -e ." in text or 'install -e "' in text] == []


def test_an_extra_is_installed_into_a_checkout_and_into_an_installed_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert install_line("ray") == f'python -m pip install -e "{ROOT}[ray]"'
    monkeypatch.setattr(errors, "__file__", str(tmp_path / "site-packages/data/errors.py"))
    assert install_line("ray") == 'python -m pip install "aim-pipeline[ray]"'
    assert install_line() == 'python -m pip install "aim-pipeline"'
    assert install_line("mmpose", fresh=True) == 'python -m pip install -e "CHECKOUT[mmpose]"'
