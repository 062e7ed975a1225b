"""Pages, messages and names use the words of the field: `.ci/words.py` and codespell find nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.scripts import load_script

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def words() -> ModuleType:
    return load_script(ROOT / ".ci" / "words.py")


def test_the_tree_uses_the_words_of_the_field(words: ModuleType) -> None:
    assert [str(hit) for hit in words.check(ROOT)] == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.md", "Gaps are bridged."),
        ("a.md", "The file lies there."),
        ("a.py", '"""A second look at weak frames."""\n'),
        ("a.py", "x = 1  # told by the header\n"),
        ("a.py", "raise ValueError('one bad file costs one video')\n"),
        ("a.py", "def f(told): ...\n"),
        ("a.py", "lean_angle = 1\n"),
        ("a.py", "found = 1\n"),
        ("a.yaml", "# brings the weights\n"),
    ],
)
def test_a_planted_word_is_found(words: ModuleType, file: str, text: str) -> None:
    assert len(list(words.hits_of(file, text))) == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.md", "```\nbridged told\n```\nand `told` too, [a page](told.md)"),
        ("a.md", "Make sure that it runs."),
        ("a.py", "clean = earlier = 1  # cleaned\n"),
        ("a.py", "x = {'bridged': 1}\n"),
    ],
)
def test_code_and_other_words_are_left_alone(words: ModuleType, file: str, text: str) -> None:
    assert list(words.hits_of(file, text)) == []


def test_spelling() -> None:
    pytest.importorskip("codespell_lib")
    done = subprocess.run([sys.executable, "-m", "codespell_lib"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
