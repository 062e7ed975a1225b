"""The command `train`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from data.errors import counted
from pipeline import api
from pipeline.cli.command import NEW_FEATURES, NEW_VIDEOS, Command, Line, Typed
from pipeline.cli.terminal import alarm, say, table

EXPECTED, MOST_EXPECTED = {12: (0.58, 0.50), 24: (0.71, 0.48), 48: (0.79, 0.43)}, 96
"""Rank correlation for known and new people by number of trials (docs/benchmarks.md, "Few videos"); where it ends."""


def show(done: api.TrainedModel, typed: Typed) -> None:
    """Print what was trained and how it is calibrated."""
    networks = counted(done.networks.count, "network")
    say(f"{networks} trained on {counted(len(done.train_ids), 'performance')}: {typed.out}")
    say(_intervals(done))
    new_people = done.calibration is not None and done.calibration.unit == "user"
    for line in _expected(len(done.train_ids), new_people=new_people):
        say(line)
    if done.calibration is not None:
        accuracy = done.calibration.accuracy
        whole, *by_system = held_out_tables(done)
        table(*whole)
        (say if accuracy.better else alarm)(str(accuracy))
        for system_table in by_system:
            table(*system_table)


def document(done: api.TrainedModel, typed: Typed) -> dict[str, Any]:
    """What was trained and how it is calibrated."""
    calibration = done.calibration
    several = calibration and done.combination.regressions
    return {
        "model": str(typed.out),
        "trained_on": len(done.train_ids),
        "networks": done.networks.count,
        "calibrated_on": calibration.groups if calibration else 0,
        "not_calibrated": done.not_calibrated or None,
        "held_out": asdict(calibration.accuracy) if calibration else None,
        "combination": done.combination.description() if several else None,
    }


def held_out_tables(done: api.TrainedModel) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """Title, columns and rows of the tables on held-out performances of the training part."""
    if done.calibration is None:
        return
    accuracy = done.calibration.accuracy
    rows = [
        ("this model", accuracy.rho, accuracy.mae, accuracy.within),
        ("guessing the mean", None, accuracy.mean_mae, None),
    ]
    columns = ("", "Spearman's rho", "mean absolute error", "8 of 10 within ±")
    yield accuracy.held_out, columns, rows
    if done.combination.regressions:
        inner_tests, used = done.combination.tests, done.combination.used
        tests = [(name, t.rho, t.shown_p, "yes" if name in used else "no") for name, t in inner_tests.items()]
        yield "Systems on the held-out performances", ("system", "rho", "p", "averaged"), tests


def _expected(videos: int, *, new_people: bool) -> Iterator[str]:
    """What to expect of so many judged videos, where that was measured."""
    sizes = [size for size in EXPECTED if size <= videos < MOST_EXPECTED]
    if sizes:
        people = "new" if new_people else "known"
        yield (
            f"for comparison: with {sizes[-1]} drawn surgical trials the rank correlation was"
            f" {EXPECTED[sizes[-1]][new_people]:.2f} for {people} people (made data, benchmarks.few_videos)"
        )


def _intervals(done: api.TrainedModel) -> str:
    """One line on the intervals that the held-out performances allow, or on why there are none."""
    if done.calibration is None:
        return f"no intervals: {done.not_calibrated}"
    from pipeline.checks.prediction_intervals import LEVELS, needed

    independent = done.calibration.groups
    levels = [level for level in LEVELS if independent >= needed(level)]
    if not levels:
        return f"no intervals: {needed(LEVELS[0])} independent performances are needed, {independent} are there"
    shown = " and ".join(f"{100 * level:.0f} %" for level in levels)
    return f"{shown} intervals from {counted(independent, f'held-out {done.calibration.unit}')}"


def following(done: api.TrainedModel, typed: Typed) -> Line:
    """Score others with the model."""
    others = ("--features", NEW_FEATURES) if "features" in done.stages else (NEW_VIDEOS,)
    what_for = "score others" if others[1:] else "score other videos"
    return (what_for, "score", *others, "--model", typed.out, *typed.same_cache)


TRAIN = Command(api.train, "train --config tasd2 --set dataset.root=TASD-2", following, show, document)
