"""`train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json, say

if TYPE_CHECKING:
    from pipeline.score import TrainedScorer


@command(api.train, "train --config tasd2 --set dataset.root=TASD-2")
def train(done: TrainedScorer, out: Path, as_json: bool) -> None:
    """Print what was trained and how it is calibrated."""
    runs, trained_on = done.run.config.runs, len(done.run.train_ids)
    if as_json:
        calibrated_on = done.calibration.groups if done.calibration else 0
        calibrated = {"calibrated_on": calibrated_on, "not_calibrated": done.not_calibrated}
        print_json({"run": str(out), "trained_on": trained_on, "runs": runs, **calibrated})
        return
    say(f"{runs} networks trained on {trained_on} performances: {out}")
    say(_intervals(done))


def _intervals(done: TrainedScorer) -> str:
    """Which intervals the held-out performances allow."""
    if done.calibration is None:
        return f"no intervals: {done.not_calibrated}"
    from pipeline.evaluate.conformal import LEVELS, needed

    independent = done.calibration.groups
    levels = [level for level in LEVELS if independent >= needed(level)]
    if not levels:
        return f"no intervals: {needed(LEVELS[0])} independent performances are needed, {independent} are there"
    shown = " and ".join(f"{100 * level:.0f} %" for level in levels)
    return f"{shown} intervals from {independent} held-out performances"
