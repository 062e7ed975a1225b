"""Runs docs/tutorial.md as a newcomer would, in a fresh clone, and compares each printed line with the page.

    python .ci/newcomer.py [--limit 480]    check; exit code 1 on a difference
    python .ci/newcomer.py --write          check, then update differing output on the page
    python .ci/newcomer.py --installed      skip the page's first block, and use this Python's environment

The page's `console` blocks are run in one shell: a line `$ …` is a command, and the lines after it are its output on
both streams. Home, cache and temporary folder are empty; only pip keeps its cache. Commands in code spans or other
blocks of the page must also be in a console block.

What counts as equal (`alike`):
- White space and the length of lines in tables are ignored. A line `...` on the page matches any lines.
- Versions, absolute paths, hashes, and times that depend on the machine ("about 37 s") are ignored.
- Numbers with a decimal point may differ by `ABSOLUTE` or by the share `RELATIVE`, whichever is more, because training
  differs between processors. All other words and numbers must be equal.
- A note that compares two such numbers ("0.524 against 0.503") is ignored where they are as near as that: which is
  greater, and so whether the note is printed, depends on the processor.
- Lines of progress, printed every half minute, are ignored.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("docs/tutorial.md")
ABSOLUTE, RELATIVE = 0.2, 0.2

VARIES = (
    (re.compile(r"(?<![\w.])/[\w.+/-]+"), "<path>"),
    (re.compile(r"\b\d+\.\d+\.\d+[\w.+-]*"), "<version>"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "<hash>"),
    (re.compile(r"\b(about) [\d.]+ (?:s|min|h)\b"), r"\1 <time>"),
    (re.compile(r"\b\d+ cores?\b"), "<cores>"),
)
"""What differs between machines, and what it is compared as."""

PROGRESS = re.compile(r"[\w ]+: \d+ of \d+ done, (\d+ failed, )?\d+ left; .*")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:aqa|python -m|python run_pipeline\.py) [^`\n]+)`")
OURS = re.compile(r"(?:aqa|python|pip) ")
DECIMAL = re.compile(r"-?\d+\.\d+")
AGAINST = re.compile(rf"note: .* ({DECIMAL.pattern}) against ({DECIMAL.pattern})\b")
MARK = "newcomer-exit-code"
YOU = "/home/you"
"""Home on the page."""


@dataclass(frozen=True)
class Step:
    """A command of the page.

    Attributes:
        block: number of its block, from 0.
        command: one line of the shell.
        printed: its output on the page, or in the run.
        code: its exit code.
    """

    block: int
    command: str
    printed: tuple[str, ...]
    code: int = 0


def steps_of(page: str) -> list[Step]:
    """The commands of a page's console blocks with the output that the page shows.

    Raises:
        ValueError: a block does not begin with a command.
    """
    steps: list[Step] = []
    for number, content in enumerate(body for kind, body in FENCE.findall(page) if kind == "console"):
        lines = content.splitlines()
        if not lines or not lines[0].startswith("$ "):
            raise ValueError(f"block {number + 1} does not begin with a command: {lines[:1]}")
        for line in lines:
            if line.startswith("$ "):
                steps.append(Step(number, line[2:], ()))
            else:
                steps[-1] = replace(steps[-1], printed=(*steps[-1].printed, line))
    return steps


def unrun(page: str) -> list[str]:
    """Commands in code spans (perhaps with fewer options) and other blocks that no console block runs."""
    commands = {step.command for step in steps_of(page)}
    prose = SPAN.findall(FENCE.sub("", page))
    others = [line for kind, body in FENCE.findall(page) if kind != "console" for line in body.splitlines()]
    shown = prose + [line.removeprefix("$ ") for line in others if OURS.match(line.removeprefix("$ "))]
    return [text for text in shown if not any(_parts(text) <= _parts(command) for command in commands)]


def _parts(command: str) -> set[str]:
    return set(shlex.split(command, comments=True))


def alike(page: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether the printed lines are those of the page, by the rules of the module's docstring."""
    expected = [line for line in page if line.strip() and not _undecided(line)]
    got = [line for line in printed if line.strip() and not PROGRESS.fullmatch(line.strip()) and not _undecided(line)]
    if "..." not in (line.strip() for line in expected):
        return len(expected) == len(got) and all(map(same_line, expected, got))
    cut = next(i for i, line in enumerate(expected) if line.strip() == "...")
    head, rest = expected[:cut], expected[cut + 1 :]
    if len(got) < len(head) or not all(map(same_line, head, got)):
        return False
    return any(alike(rest, got[start:]) for start in range(len(head), len(got) + 1))


def same_line(page: str, printed: str) -> bool:
    """Whether two lines agree."""
    pairs = list(zip_longest(_words(page), _words(printed), fillvalue=""))
    return all(one == other or _near(one, other) for one, other in pairs)


def _words(line: str) -> list[str]:
    """Words and decimal numbers of a line, without variable parts."""
    for pattern, instead in VARIES:
        line = pattern.sub(instead, line)
    line = re.sub("[━─]+", "─", line)
    return re.findall(rf"{DECIMAL.pattern}|[^\s\d]+|\d+", line)


def _near(one: str, other: str) -> bool:
    if not (DECIMAL.fullmatch(one) and DECIMAL.fullmatch(other)):
        return False
    a, b = float(one), float(other)
    return abs(a - b) <= max(ABSOLUTE, RELATIVE * max(abs(a), abs(b)))


def _undecided(line: str) -> bool:
    """Whether a line is a note that is printed or not by which of two nearly equal numbers is greater."""
    match = AGAINST.match(line.strip())
    return match is not None and _near(*match.groups())


def written(page: str, done: Sequence[Step]) -> str:
    """The page with the output of the completed steps; equal lines stay unchanged."""
    shown = steps_of(page)
    place = {(step.block, step.command): step.printed for step in done}
    blocks: dict[int, list[str]] = {}
    for step in shown:
        printed = place.get((step.block, step.command), step.printed)
        kept = step.printed if alike(step.printed, printed) else [p for p in printed if not PROGRESS.fullmatch(p)]
        blocks.setdefault(step.block, []).extend([f"$ {step.command}", *kept])
    numbers = iter(range(len(blocks)))

    def block(match: re.Match[str]) -> str:
        if match[1] != "console":
            return match[0]
        return "\n".join(["```console", *blocks[next(numbers)], "```"])

    return FENCE.sub(block, page)


def run(steps: Sequence[Step], folder: Path, environment: dict[str, str]) -> Iterator[Step]:
    """Run the commands in one shell, and yield each when it ends."""
    script = "".join(f"{step.command}\nprintf '\\n{MARK} %s\\n' $?\n" for step in steps)
    shell = subprocess.Popen(
        ["bash", "-c", script],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, encoding="utf-8",
    )  # fmt: skip
    assert shell.stdout is not None
    left, printed = list(steps), []
    for line in shell.stdout:
        if not line.startswith(MARK):
            printed.append(line.rstrip())
            continue
        step, code = left.pop(0), int(line.split()[1])
        while printed and not printed[-1]:
            printed.pop()
        yield replace(step, printed=tuple(printed), code=code)
        printed = []
    shell.wait()


def difference(page: Step, done: Step) -> str:
    """The fault of a step, or ""."""
    faults = [] if not done.code else [f"exit code {done.code}"]
    if not alike(page.printed, done.printed):
        lines = unified_diff(page.printed, done.printed, PAGE.as_posix(), "printed", lineterm="", n=0)
        faults += list(lines) or ["the lines differ"]
    return "\n".join(faults)


def fresh_environment(folder: Path) -> dict[str, str]:
    """The variables of a new user's shell: an empty home, without a Python environment or terminal width."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "COLUMNS")}
    caches = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=False)
    home = folder / "home"
    home.mkdir()
    return kept | {
        "XDG_CACHE_HOME": str(home / ".cache"),
        "PIP_CACHE_DIR": caches.stdout.strip() or str(home / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def main() -> int:
    """Run the page; 0 if every line matches."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", action="store_true", help="put what was printed into the page")
    parser.add_argument("--installed", action="store_true", help="leave out the first block, which installs")
    parser.add_argument("--limit", type=float, help="fail where the whole takes more seconds")
    given = parser.parse_args()
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    faults = [f"no block runs: {command}" for command in unrun(page)]
    steps = [step for step in steps_of(page) if step.block or not given.installed]
    began, done = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="newcomer-") as name:
        checkout = Path(name) / "checkout"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
        environment = fresh_environment(Path(name))
        if given.installed:
            environment |= {"PYTHONPATH": str(checkout), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        for step, ended in zip(steps, run(steps, checkout, environment), strict=False):
            shown = (line.replace(f"{name}/home", YOU).replace(name, YOU) for line in ended.printed)
            ended = replace(ended, printed=tuple(shown))
            done.append(ended)
            wrong = difference(step, ended)
            faults += [f"$ {step.command}\n{wrong}"] if wrong else []
            if given.write:  # after each command, so that an interrupted run is kept
                current = (ROOT / PAGE).read_text(encoding="utf-8")
                (ROOT / PAGE).write_text(written(current, done), encoding="utf-8")
            print(f"{time.monotonic() - began:6.0f} s  {'differs' if wrong else 'ok':8}{step.command}", flush=True)
    faults += [f"not run: {step.command}" for step in steps[len(done) :]]
    spent = time.monotonic() - began
    if given.limit is not None and spent > given.limit:
        faults.append(f"it took {spent:.0f} s, more than {given.limit:.0f} s")
    print("\n\n".join(faults) or f"{PAGE}: {len(done)} commands print what the page shows, {spent:.0f} s")
    if faults:
        print(f"\nWhere the page is out of date: python .ci/newcomer.py --write, then read the difference to {PAGE}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
