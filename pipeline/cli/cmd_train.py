"""`train`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.errors import counted
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import alarm, print_json, say, table


@command(api.train, "train --config tasd2 --set dataset.root=TASD-2")
def train(done: api.TrainedScorer, out: Path, as_json: bool) -> None:
    """Print what was trained and how it is calibrated."""
    runs, trained_on = done.run.config.runs, len(done.run.train_ids)
    if as_json:
        calibrated_on = done.calibration.groups if done.calibration else 0
        calibrated: dict[str, Any] = {"calibrated_on": calibrated_on, "not_calibrated": done.not_calibrated}
        calibrated["held_out"] = asdict(done.calibration.accuracy) if done.calibration else None
        calibrated["combination"] = done.calibration.facts.get("combination") if done.calibration else None
        print_json({"run": str(out), "trained_on": trained_on, "runs": runs, **calibrated})
        return
    say(f"{counted(runs, 'network')} trained on {counted(trained_on, 'performance')}: {out}")
    say(_intervals(done))
    if done.calibration is not None:
        accuracy = done.calibration.accuracy
        rows = [
            ("this model", accuracy.rho, accuracy.mae, accuracy.within),
            ("guessing the mean", None, accuracy.mean_mae, accuracy.mean_within),
        ]
        columns = ("", "Spearman's rho", "mean absolute error", "8 of 10 within ±")
        table(f"{accuracy.performances} held-out performances", columns, rows)
        (say if accuracy.better else alarm)(str(accuracy))
        if choice := done.calibration.facts.get("combination"):
            by_system = [
                (name, figures["together"], figures["together_error"], choice["weights"].get(name))
                for name, figures in choice["figures"].items()
            ]
            table("Systems on the held-out performances", ("system", "rho", "std. error", "weight"), by_system)


def _intervals(done: api.TrainedScorer) -> str:
    """Which intervals the held-out performances allow."""
    if done.calibration is None:
        return f"no intervals: {done.not_calibrated}"
    from pipeline.checks.intervals import LEVELS, needed

    independent = done.calibration.groups
    levels = [level for level in LEVELS if independent >= needed(level)]
    if not levels:
        return f"no intervals: {needed(LEVELS[0])} independent performances are needed, {independent} are there"
    shown = " and ".join(f"{100 * level:.0f} %" for level in levels)
    return f"{shown} intervals from {independent} held-out performances"
