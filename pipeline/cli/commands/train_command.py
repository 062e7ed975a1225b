"""The command `train`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from data.errors import counted
from pipeline import api
from pipeline.cli.command import NEW_FEATURES, NEW_VIDEOS, Command, Line, Typed
from pipeline.cli.terminal import alarm, say


def show(done: api.TrainedModel, typed: Typed) -> None:
    """Print what was trained and how it is calibrated, in the first words of its card."""
    from pipeline.score.model_card import result_lines

    networks = counted(done.networks.count, "network")
    say(f"{networks} trained on {counted(len(done.train_ids), 'performance')}: {typed.out}")
    if done.guesses:
        alarm(f"{done.guesses}. This model gives no scores")
        say(f"what may help: more scored videos than {len(done.train_ids)}: at least 20 in all, a few dozen are usual")
    else:
        accuracy, *_ = result_lines(done)
        say(accuracy)
        say(f"protocol, systems and intervals: {typed.out}/card.md")


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


def following(done: api.TrainedModel, typed: Typed) -> Line:
    """Score others with the model, if it gives scores."""
    if done.guesses and not typed.curve:
        return ("see whether more labels would help", *typed.with_option("--curve"))
    others = ("--features", NEW_FEATURES) if "features" in done.stages else (NEW_VIDEOS,)
    if done.guesses:
        return ("see the movement of others", "report", typed.out, *others, *typed.same_cache)
    return ("score others", "score", *others, "--model", typed.out, *typed.same_cache)


TRAIN = Command(api.train, "train TASD-2 --config tasd2", following, show, document)
