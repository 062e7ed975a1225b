"""`.ci/newcomer.py`, which runs the tutorial: what it counts as equal, and that it reports every difference."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.scripts import load_script

ROOT = Path(__file__).resolve().parent.parent

PAGE = """# Page

Type `echo scores` first.

```console
$ NAME=anna
$ echo scores of $NAME; echo 2.50
scores of anna
2.5
```

```
videos/
```

```console
$ printf 'one\\n\\ntwo\\n' 1>&2
one

two
```
"""


@pytest.fixture(scope="module")
def newcomer() -> ModuleType:
    return load_script(ROOT / ".ci" / "newcomer.py")


def differences(newcomer: ModuleType, page: str, folder: Path) -> list[str]:
    """What is wrong with each command of a page, empty where nothing is."""
    steps = newcomer.steps_of(page)
    done = list(newcomer.run(steps, folder, dict(os.environ)))
    assert len(done) == len(steps)
    return [newcomer.difference(step, one) for step, one in zip(steps, done, strict=True)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("scores of anna", "scores of ben"),
        ("2.5\n", "3.3\n"),
        ("2.5\n", "3\n"),
        ("two\n", "two\nthree\n"),
        ("NAME=anna", "NAME=eva"),
    ],
)
def test_a_changed_line_is_a_difference(newcomer: ModuleType, tmp_path: Path, old: str, new: str) -> None:
    assert old in PAGE
    faults = [fault for fault in differences(newcomer, PAGE.replace(old, new, 1), tmp_path) if fault]
    assert len(faults) == 1
    assert "+" in faults[0]
    assert "-" in faults[0]


@pytest.mark.parametrize(
    ("page", "printed", "equal"),
    [
        ("about 37 s (not yet measured)", "about 5.5 min (not yet measured)", True),
        ("about 37 frames", "about 38 frames", False),
        ("torch 2.4.1", "torch 2.13.0+cpu", True),
        ("in /home/a/cache", "in /tmp/b/c-d/cache", True),
        ("in cache/folder", "in cache/other", False),
        ("model 0123456789abcdef", "model fedcba9876543210", True),
        ("│ AIM   │ 0.165 │", "│ AIM │ 0.21 │", True),
        ("│ AIM │ 0.165 │", "│ AIM │ 0.465 │", False),
        ("│ AIM │ 0.165 │", "│ AIM │ -0.165 │", False),
        ("mae 20.5", "mae 21.9", True),
        ("8 videos", "9 videos", False),
        ("┏━━━┓", "┏━━━━━━┓", True),
        ("a b", "a  b c", False),
        ("a\n...\nz", "a\nz", True),
        ("a\n...\nz", "a\nb\nc\nz", True),
        ("a\n...\nz", "a\nb", False),
        ("a", "epochs: 72 of 100 done, 28 left; 72% of the work, about 7 s left\na", True),
    ],
)
def test_what_counts_as_equal(newcomer: ModuleType, page: str, printed: str, equal: bool) -> None:
    assert newcomer.alike(page.split("\n"), printed.split("\n")) is equal


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("Type `aqa doctor --json`.", "aqa doctor --json"),
        ("```\naqa doctor --json\n```", "aqa doctor --json"),
        ("Or `python -m synthetic x`.", "python -m synthetic x"),
    ],
)
def test_a_command_without_a_block_is_named(newcomer: ModuleType, text: str, command: str) -> None:
    page = "```console\n$ aqa doctor\n```\n"
    assert newcomer.unrun(f"{page}\n{text}\n") == [command]
    assert newcomer.unrun(f"{page}\nThen `aqa doctor` and `doctor`.\n") == []


def test_every_command_of_the_tutorial_is_run_and_shows_its_lines(newcomer: ModuleType) -> None:
    page = (ROOT / newcomer.PAGE).read_text(encoding="utf-8")
    assert newcomer.unrun(page) == []
    silent = {step.command.split()[0] for step in newcomer.steps_of(page) if not step.printed}
    assert silent <= {"python3", ".", "python", "mv"}
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "python .ci/newcomer.py --limit 900" in run
