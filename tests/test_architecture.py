"""The page docs/extend.md: the functions of its table are called in the order of its rows, and its rules hold."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import FrameType, GeneratorType
from typing import Any

import yaml

from data.video import Listing, Record
from pipeline import api
from pipeline.api import extract, train
from pipeline.api.arguments import SETTING_OF
from pipeline.run import Plan, Result
from pipeline.run.plan import PlannedStage
from pipeline.score import load_scorer
from pipeline.settings.machine import machine_class
from pipeline.settings.method import method_class
from tests.helpers.extracting import cached_in
from tests.test_readme_example import SETTINGS, write_performance
from tests.test_structure import imported, sources

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
def profiled(note: Callable[[FrameType, str, object], None]) -> Iterator[None]:
    """Python tells `note` of every call, in all threads that start meanwhile."""
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


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

    with profiled(note):
        yield first


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


CARRIERS = (Record, Listing, Plan, PlannedStage, Result)
"""What is a record on its way through `extract`; their own methods are no steps of it."""

MOST_RETURNS, MOST_NAMES = 4, 25


def carries(value: object) -> bool:
    """Whether a value is a record on its way, or holds or makes some."""
    if isinstance(value, (list, tuple, deque)):
        return any(map(carries, [*value][:2]))
    if isinstance(value, dict):
        return any(map(carries, [*value.values()][:2]))
    plans = isinstance(value, GeneratorType) and value.gi_code.co_name == "plan_all"
    return isinstance(value, CARRIERS) or plans


@contextmanager
def way() -> Iterator[list[tuple[str, tuple[str, ...]]]]:
    """File and parameters of each function of ours in the order of its first call with a record.

    The call has it among its arguments, or its object holds it.
    """
    steps: list[tuple[str, tuple[str, ...]]] = []
    met = set[Place]()

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        place = code.co_filename.removeprefix(f"{ROOT}/"), code.co_firstlineno
        if event != "call" or not code.co_filename.startswith(f"{ROOT}/") or code.co_name[0] == "<" or place in met:
            return
        arguments = inspect.getargvalues(frame)
        names = [*arguments.args, *filter(None, (arguments.varargs, arguments.keywords))]
        owner = arguments.locals.get("self")
        held = [*getattr(owner, "__dict__", {}).values(), *(arguments.locals.get(name) for name in names)]
        if not isinstance(owner, CARRIERS) and any(map(carries, held)):
            met.add(place)
            steps.append((place[0], tuple(name for name in names if name != "self")))

    with profiled(note):
        yield steps


def test_the_way_of_the_records_through_extract_is_short(tmp_path: Path) -> None:
    """It returns to few modules that it has left, and the calls of pipeline/run have few parameters."""
    settings = SETTINGS | {"cache": str(tmp_path / "cache"), "work": {"workers": 0}}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    for number in range(2):
        write_performance(tmp_path / f"videos/{number}.mp4", number)
    with way() as steps:
        extract(tmp_path / "videos", config=tmp_path / "settings.yaml")
    modules = [file for file, _ in groupby(file for file, _ in steps)]
    assert {"pipeline/run/plan.py", "pipeline/run/runner.py", "pipeline/cache/output_cache.py"} < set(modules)
    assert len(modules) - len(set(modules)) <= MOST_RETURNS, modules
    names = {name for file, given in steps if file.startswith("pipeline/run/") for name in given}
    assert {"plans", "record", "result"} < names
    assert len(names) <= MOST_NAMES, sorted(names)


def using(name: str) -> set[str]:
    """The files of pipeline/ that name a function or class of ours, beside the one that defines it."""
    files = set()
    for path in sources(ROOT, "pipeline"):
        tree = ast.parse(path.read_text("utf-8"))
        defined = any(getattr(node, "name", None) == name for node in tree.body)
        if path.name != "__init__.py" and not defined and name in {getattr(n, "id", "") for n in ast.walk(tree)}:
            files.add(path.relative_to(ROOT).as_posix())
    return files


def test_one_place_runs_work() -> None:
    """`run_items` gives items to workers, and only `run` makes the runner of plans: so an item has no other retry."""
    assert using("run_items") == {
        "pipeline/demo/rendered_dives.py", "pipeline/evaluate/training_runner.py", "pipeline/run/batch.py",
        "pipeline/train/fit.py",
    }  # fmt: skip
    assert using("PlanRunner") == {"pipeline/run/batch.py"}
    in_a_message = "pipeline/evaluate/training_runner.py"
    assert using("MOST_LOST") == {"pipeline/pool/item_retries.py", in_a_message}
    starters = {"multiprocessing": set[str](), "ray": set[str]()}
    for path in sources(ROOT, "pipeline"):
        for module, _ in imported(path):
            if (name := module.split(".")[0]) in starters:
                starters[name].add(path.relative_to(ROOT).as_posix())
    assert starters["ray"] == {"pipeline/pool/ray_pool.py"}
    assert starters["multiprocessing"] == {"pipeline/pool/local_pool.py", "pipeline/cli/interrupts.py"}, "it kills"


def test_an_item_goes_back_only_after_a_lost_worker_and_a_record_only_after_an_output_that_cannot_be_read() -> None:
    for method, file in {"appendleft": "pipeline/pool/item_retries.py", "again": "pipeline/run/batch.py"}.items():
        callers = {
            path.relative_to(ROOT).as_posix()
            for path in sources(ROOT, "pipeline")
            if any(getattr(node, "attr", "") == method for node in ast.walk(ast.parse(path.read_text("utf-8"))))
        }
        assert callers == {file}


def test_method_and_machine_know_nothing_of_each_other() -> None:
    method, machine = method_class().model_fields, machine_class().model_fields
    assert not {"cache", "work", "storage"} & method.keys()
    assert not {"model", "train", "split", "protocol"} & machine.keys()
    modules = {name: {module for module, _ in imported(ROOT / f"pipeline/settings/{name}.py")} for name in TWO}
    assert "pipeline.settings.machine" not in modules["method"]
    assert "pipeline.settings.method" not in modules["machine"]


TWO = ("method", "machine")

SAID_ALIKE = {"config": None, "overrides": (), "cache": None, "workers": None, "engine": None, "address": None}
"""Arguments that give settings, with the default that they have in every call."""


def test_there_is_one_way_to_say_a_call() -> None:
    for name in api.__all__:
        given = inspect.signature(getattr(api, name)).parameters
        kinds = {parameter.kind for parameter in given.values()}
        assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}, name
        for argument in SAID_ALIKE.keys() & given.keys():
            assert given[argument].default == SAID_ALIKE[argument], f"{name}({argument})"
            assert given[argument].kind == inspect.Parameter.KEYWORD_ONLY, f"{name}({argument})"
        if {"workers", "engine", "address"} & given.keys():
            assert {"config", "overrides", "cache"} <= given.keys(), f"{name}: a place of work without its settings"
        if {"config", *SETTING_OF} & given.keys():
            assert {"config", "overrides"} <= given.keys(), f"{name}: a setting that cannot be given"
