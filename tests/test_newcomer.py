"""`.ci/newcomer.py`, which runs the tutorial: what it counts as equal, and that it reports every difference."""

import os
from pathlib import Path

import pytest

from tests.helpers.scripts import load_script

ROOT = Path(__file__).resolve().parent.parent
newcomer = load_script(ROOT / ".ci" / "newcomer.py")

PAGE = """# Page

Type `aqa doctor` first, or `aqa doctor --json`.

```console
$ NAME=anna
$ echo scores of $NAME; echo 2.50
scores of anna
2.5
$ printf 'one\\n\\ntwo\\n' 1>&2 # aqa doctor
one

two
```

```
python -m synthetic x
```
"""


@pytest.mark.parametrize("new", ["", "scores of anna -> scores of ben", "2.5\n -> 3.3\n", "two\n -> two\nthree\n"])
def test_a_changed_line_is_a_difference(tmp_path, new):
    old, _, other = new.partition(" -> ")
    steps = newcomer.steps_of(PAGE.replace(old, other, 1) if new else PAGE)
    done = list(newcomer.run(steps, tmp_path, dict(os.environ)))
    faults = [newcomer.difference(*both) for both in zip(steps, done, strict=True)]
    assert len([fault for fault in faults if "+" in fault and "-" in fault]) == bool(new)
    assert newcomer.unrun(PAGE) == ["aqa doctor", "aqa doctor --json", "python -m synthetic x"]


EQUAL = """
about 37 s (not yet measured) = about 5.5 min (not yet measured)
about 37 frames != about 38 frames
torch 2.4.1 = torch 2.13.0+cpu
in /home/a/cache = in /tmp/b/c-d/cache
in cache/folder != in cache/other
model 0123456789abcdef = model fedcba9876543210
│ AIM   │ 0.165 │ = │ AIM │ 0.21 │
│ AIM │ 0.165 │ != │ AIM │ 0.465 │
mae 20.5 = mae 21.9
8 videos != 9 videos
┏━━━┓ = ┏━━━━━━┓
a b != a  b c
a|...|z = a|z
a|...|z = a|b|c|z
a|...|z != a|b
a = epochs: 72 of 100 done, 28 left; 72% of the work, about 7 s left|a
"""


@pytest.mark.parametrize("case", EQUAL.strip().splitlines())
def test_what_counts_as_equal(case):
    page, printed = (side.split("|") for side in case.replace(" != ", " = ").split(" = "))
    assert newcomer.alike(page, printed) is (" != " not in case)


def test_every_command_of_the_tutorial_is_run_and_shows_its_lines():
    page = (ROOT / newcomer.PAGE).read_text(encoding="utf-8")
    assert newcomer.unrun(page) == []
    silent = {step.command.split()[0] for step in newcomer.steps_of(page) if not step.printed}
    assert silent <= {"python3", ".", "python", "mv"}
