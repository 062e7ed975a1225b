"""The page docs/extend.md: the functions of its table are called in the order of its rows."""

from __future__ import annotations

import ast
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from pipeline.api import extract, train
from pipeline.score import load_scorer
from tests.helpers.extracting import cached_in
from tests.test_readme_example import SETTINGS, write_performance

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| `([\w.]+)` \| `(\S+\.py)` \|", re.MULTILINE)
NOT_HERE = {"Clips.extract"}
"""Functions that the cheap settings of this test do not call."""

IN_THREADS = {"decode", "Cache.read", "Cache.write"}
"""Functions that stages call side by side, beside the stages' own."""

Place = tuple[str, int]
"""File and first line of a function."""


def rows() -> list[tuple[str, str]]:
    """Function and file of each row of the page's table."""
    return ROW.findall((ROOT / "docs" / "extend.md").read_text("utf-8"))


def place(name: str, file: str) -> Place:
    """Where Python says that a function begins; of a class, its `__post_init__`. Raises LookupError without one."""
    body: list[Any] = ast.parse((ROOT / file).read_text("utf-8")).body
    for part in name.split("."):
        found = next((node for node in body if getattr(node, "name", None) == part), None)
        if found is None:
            raise LookupError(f"{file} has no {name}")
        body = found.body
    if isinstance(found, ast.ClassDef):
        found = next(node for node in body if getattr(node, "name", None) == "__post_init__")
    return file, min([found.lineno, *(one.lineno for one in found.decorator_list)])


@contextmanager
def calls(wanted: dict[Place, str]) -> Iterator[dict[str, str | None]]:
    """Each wanted function in the order of its first call, with the nearest wanted function that called it."""
    first: dict[str, str | None] = {}

    def name_of(frame: FrameType) -> str | None:
        code = frame.f_code
        return wanted.get((code.co_filename.removeprefix(f"{ROOT}/"), code.co_firstlineno))

    def note(frame: FrameType, event: str, _: object) -> None:
        if event != "call" or (name := name_of(frame)) is None or name in first:
            return
        above = frame.f_back
        while above is not None and name_of(above) is None:
            above = above.f_back
        first[name] = above and name_of(above)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield first
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def test_scoring_a_video_calls_the_functions_of_the_table_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(
        yaml.safe_dump(SETTINGS | {"cache": str(tmp_path / "cache"), "work": {"workers": 0}})
    )
    for number in range(8):
        write_performance(tmp_path / f"videos/{number}.mp4", number)
    write_performance(tmp_path / "new.mp4", 9)
    scores = "".join(f"{number}.mp4,{5 + 3 * number}\n" for number in range(8))
    (tmp_path / "videos/scores.csv").write_text(f"video,score\n{scores}")

    settings = tmp_path / "settings.yaml"
    extract(tmp_path / "videos", config=settings)
    train(tmp_path / "videos", out=tmp_path / "run", config=settings)
    listed = [name for name, _ in rows()]
    wanted = {place(name, file): name for name, file in rows()}
    with calls(wanted) as loading:
        scorer = load_scorer(tmp_path / "run", cached_in(tmp_path / "cache"))
    with calls(wanted) as scoring:
        scorer.score(tmp_path / "new.mp4")
    start = listed.index("Scorer.score")
    assert len(listed) - start > 15
    assert [name for name in loading if name in listed[:start]] == listed[:start]
    assert set(scoring) == set(listed[start:]) - NOT_HERE
    in_order = [name for name in listed[start:] if not name.endswith(".extract") and name not in IN_THREADS | NOT_HERE]
    assert [name for name in scoring if name in in_order] == in_order
    for name, caller in scoring.items():
        assert caller is None or listed.index(caller) < listed.index(name), f"{caller} calls {name}"
