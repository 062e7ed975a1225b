"""The command `train`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from data.errors import counted
from pipeline import api
from pipeline.cli.command import NEW_FEATURES, NEW_VIDEOS, Command, Line, Typed
from pipeline.cli.terminal import alarm, say

if TYPE_CHECKING:
    from pipeline.checks.accuracy import Accuracy


def show(done: api.TrainedModel, typed: Typed) -> None:
    """Print what was trained and how it is calibrated, in the words of its card."""
    from pipeline.score.model_card import result_lines

    networks = counted(done.networks.count, "network")
    say(f"{networks} trained on {counted(len(done.train_ids), 'performance')}: {typed.out}")
    if (guess := _guess(done)) is None:
        for line in result_lines(done):
            say(line)
    else:
        alarm(f"{guess}. This model gives no scores")
        say("what may help: more labelled videos, more raters of each, or pairs in place of numbers (label --pairs)")


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


def _guess(done: api.TrainedModel) -> Accuracy | None:
    """The accuracy if the model is not better than guessing, so that its other numbers are meaningless; else None."""
    accuracy = done.calibration and done.calibration.accuracy
    return accuracy if accuracy and not accuracy.better else None


def following(done: api.TrainedModel, typed: Typed) -> Line:
    """Score others with the model, if it gives scores."""
    guesses = _guess(done) is not None
    if guesses and not typed.curve:
        return ("see whether more labels would help", *typed.with_option("--curve"))
    others = ("--features", NEW_FEATURES) if "features" in done.stages else (NEW_VIDEOS,)
    if guesses:
        return ("see the movement in other videos", "report", typed.out, *others, *typed.same_cache)
    what_for = "score others" if others[1:] else "score other videos"
    return (what_for, "score", *others, "--model", typed.out, *typed.same_cache)


TRAIN = Command(api.train, "train --config tasd2 --set dataset.root=TASD-2", following, show, document)
