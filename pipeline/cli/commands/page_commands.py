"""The commands `report`, `compare` and `plot`."""

from __future__ import annotations

from pathlib import Path

from pipeline import api
from pipeline.cli.command import Command, Line, Typed, as_typed
from pipeline.cli.terminal import say


def after_report(_: Path, typed: Typed) -> Line:
    """Other pages of the same videos."""
    model = ("--model", as_typed(typed.model))
    if typed.features:
        return ("write the scores as a table", "score", *typed.settings, *model, "--out", "scores.csv")
    if typed.inputs:
        return ("compare two of them", "compare", "VIDEO_A", "VIDEO_B", *model, *typed.same_cache)
    return ("draw figures for a paper", "plot", as_typed(typed.model), *typed.settings)


def show_figures(figures: list[Path], _: Typed) -> None:
    """Print where the figures are."""
    for path in figures:
        say(str(path))


def after_compare(_: Path, typed: Typed) -> Line:
    """The page of each of the two videos."""
    videos = (Path(typed.a), Path(typed.b))
    files = all(video.exists() for video in videos)
    shown = (*videos, *typed.same_cache) if files else typed.settings
    return ("see each by itself", "report", as_typed(typed.model), *shown)


def page_of(what_for: str, typed: Typed) -> Line:
    """The page of the same videos."""
    difficulty = typed.given.get("difficulty")
    known = () if difficulty is None else ("--difficulty", f"{difficulty:g}")
    return (what_for, "report", as_typed(typed.model), *map(as_typed, typed.inputs or ()), *known, *typed.settings)


REPORT = Command(
    api.report, "report runs/tasd2 new_videos/ --out page.html", after_report,
    lambda page, _: say(f"the report page: {page}"),
)  # fmt: skip
COMPARE = Command(
    api.compare, "compare before.mp4 after.mp4 --model runs/tasd2", after_compare,
    lambda page, _: say(f"the page of both videos: {page}"),
)  # fmt: skip
PLOT = Command(
    api.plot, "plot runs/evaluation --out figures/", lambda _, typed: page_of("see a page of it", typed),
    show_figures,
)  # fmt: skip
