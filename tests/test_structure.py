"""Imports go one way: data and models know nothing of ours, extractors know those two, pipeline knows all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"data", "models", "extractors", "pipeline", "benchmarks", "tests", "run_pipeline"}
ALLOWED = {
    "data": {"data"},
    "models": {"models"},
    "extractors": {"extractors", "data", "models"},
    "pipeline": {"pipeline", "extractors", "data", "models"},
}
OPENERS = {"av", "h5py"}
"""Libraries that open videos and HDF5 files: only `data` may import them."""


def imported(source: str) -> set[str]:
    """Top-level names of every module imported anywhere in `source`, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("relative import" if node.level else (node.module or "").split(".")[0])
    return names


def violations(root: Path) -> list[str]:
    """One line per import that goes the wrong way below `root`."""
    found = []
    for layer, allowed in ALLOWED.items():
        for path in sorted((root / layer).rglob("*.py")):
            names = imported(path.read_text("utf-8"))
            wrong = (names & OURS) - allowed | names & {"relative import"}
            if layer != "data":
                wrong |= names & OPENERS
            found += [f"{path.relative_to(root)} imports {name}" for name in sorted(wrong)]
    return found


def test_imports_go_one_way() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("data/bad.py", "import pipeline.cache.local_cache"),
        ("models/bad.py", "from data.errors import AimError"),
        ("extractors/bad.py", "def f():\n    from pipeline import config"),
        ("extractors/bad.py", "import h5py"),
        ("pipeline/bad.py", "import av"),
        ("pipeline/bad.py", "from . import config"),
    ],
)
def test_a_planted_wrong_import_is_found(tmp_path: Path, place: str, line: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text(f"{line}\n")
    assert len(violations(tmp_path)) == 1


def test_models_open_nothing() -> None:
    for path in (ROOT / "models").rglob("*.py"):
        names = imported(path.read_text("utf-8"))
        assert not names & {"pathlib", "os", "io", "json", "yaml"}, f"{path} touches files"


def test_every_package_is_listed_in_setup_cfg() -> None:
    import configparser

    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    listed = {line.strip() for line in parser["options"]["packages"].splitlines() if line.strip() and "#" not in line}
    there = {
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for layer in [*ALLOWED, "benchmarks"]
        for path in (ROOT / layer).rglob("__init__.py")
    }
    assert listed == there
