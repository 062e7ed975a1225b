"""The card of a model: data, training, accuracy, calibration and limits of use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import yaml

from data.errors import decimals, printable
from pipeline.checks.prediction_intervals import LEVELS, needed, reach
from pipeline.pack.data_card import card_text, data_lines
from pipeline.score.calibration import Calibration
from pipeline.score.trained_model import TrainedModel
from pipeline.score.video_score import NO_JUDGEMENT
from pipeline.train.feature_set import FeatureSet

FILE = "card.md"

LIMITS = (
    "Scores imitate the judges or raters of the training performances, including their habits and errors. They are not "
    "valid for performances of another kind, another camera set-up or another scoring rule.",
    "Intervals are valid for performances from the same distribution as the training performances. For other people, "
    "places or seasons their coverage can be lower; the flag 'unlike the training performances' detects large "
    "differences only.",
    NO_JUDGEMENT,
    "Do not base a decision on a person (a contest, an examination, a licence to operate) on this score alone.",
)


def model_card(model: TrainedModel, features: FeatureSet, name: str, kind: str, model_sha256: str) -> str:
    """The card as Markdown, with the metadata of a hub at its top.

    Args:
        features: contain the training performances.
        name, kind: the method's name and the data set's kind.
        model_sha256: hash of the model's files, as in tables of scores.
    """
    origin = {**model.origin.facts(), "SHA-256 of the model, as in its tables of scores": model_sha256}
    parts = [
        ("Data", _data(model, features, kind)),
        ("Model and training", _training(model)),
        ("Origin", [f"{name}: {card_text(value)}" for name, value in origin.items()]),
        ("Results on held-out folds of the training part", result_lines(model)),
        ("Limits", LIMITS),
    ]
    lines = [
        "---",
        *_metadata(name, kind, model.calibration).splitlines(),
        "---",
        f"# Model card: {card_text(name)}",
        "",
    ]
    for title, rows in parts:
        lines += [f"## {title}", "", *[f"- {row}" for row in rows], ""]
    return "\n".join(lines)


def _metadata(name: str, kind: str, calibration: Calibration | None) -> str:
    """The YAML head of a card for the Hugging Face Hub; the model's owner adds the licence."""
    facts: dict[str, Any] = {
        "library_name": "aqa",
        "pipeline_tag": "video-classification",
        "tags": ["action-quality-assessment", "video", kind],
    }
    if calibration is not None:
        accuracy, folds = calibration.accuracy, calibration.networks.parts
        values = (("spearmanr", "Spearman's rho", accuracy.rho), ("mae", "mean absolute error", accuracy.mae))
        metrics = [
            {"type": kind, "name": f"{name}, {folds} folds of the training part", "value": round(value, 4)}
            for kind, name, value in values
            if value is not None
        ]
        data = {"name": printable(name), "type": kind}
        task = {"type": "video-classification", "name": "action quality assessment"}
        result = {"task": task, "dataset": data, "metrics": metrics}
        facts |= {"metrics": [metric["type"] for metric in metrics]}
        facts |= {"model-index": [{"name": printable(name), "results": [result]}]}
    return yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)


def _data(model: TrainedModel, features: FeatureSet, kind: str) -> Iterable[str]:
    chosen = set(model.train_ids)
    records = [record for record in features.records if record.id in chosen]
    lengths = features.duration[[i for i, name in enumerate(features.ids) if name in chosen]]
    yield from data_lines(kind, records, "labelled performances")
    for group in sorted({name for record in records for name in record.groups}):
        values = {record.groups[group] for record in records if group in record.groups}
        yield f"groups of kind {card_text(group)}: {len(values)}"
    if np.isfinite(lengths).all():
        yield f"length: {lengths.min():.2f} to {lengths.max():.2f} s, median {np.median(lengths):.2f} s"
    for name, stage in sorted(model.stages.items()):
        identified = "".join(f", {card_text(key)} {card_text(value)}" for key, value in sorted(stage.identity.items()))
        yield f"features of stage {card_text(name)}, version {stage.version}{identified}"


def _training(model: TrainedModel) -> Iterable[str]:
    sizes, recipe, combination = model.networks.sizes, model.recipe, model.combination
    network = (
        f"variant `{model.networks.model.variant}`, width {model.networks.model.width}, {recipe.networks} networks"
    )
    yield f"AIM (Gao et al., ECCV 2020), {network}"
    yield (
        f"inputs per time step: {sizes.primary} channels of the primary agent, {sizes.secondary} of each of "
        f"{sizes.agents} secondary agent(s), {sizes.scene} of the scene; {sizes.trial} trial-level descriptors"
    )
    made = f"recipe `{recipe.recipe}`, {recipe.epochs} epochs, seed {recipe.seed}"
    yield f"{made}; every setting is in `model.json`"
    if model.times_difficulty:
        yield "the score is the mean times the announced difficulty; without one the result is score ÷ difficulty"
    if not combination.regressions:
        yield "the score is the mean over the networks"
        return
    used = combination.used
    yield f"the score is the mean of: {', '.join(map(card_text, used))}"
    if unused := [card_text(name) for name in combination.names if name not in used]:
        yield f"not in the mean, by held-out folds: {', '.join(unused)}"
    yield "AIM's score is the mean over its networks; step scores and attention are AIM's share of the score"


def result_lines(model: TrainedModel) -> Iterable[str]:
    """Held-out accuracy within the training part, systems and intervals; the terminal shows the first line."""
    calibration = model.calibration
    if calibration is None:
        yield f"no intervals: {model.not_calibrated}"
        return
    networks, accuracy = calibration.networks, calibration.accuracy
    yield str(accuracy)
    yield (
        f"protocol: {networks.parts} folds, {networks.count} networks each, kept together: "
        f"{', '.join(calibration.facts.unsplit) or 'nothing'}; {len(calibration.truth)} performances, "
        f"{calibration.groups} independent; `evaluate` holds out other parts, so its numbers differ"
    )
    rho = "undefined" if accuracy.rho is None else decimals(accuracy.rho, 3)
    yield f"Spearman's rho {rho}, fold means removed"
    for name, test in (model.combination.tests if model.combination.regressions else {}).items():
        rho = "undefined" if test.rho is None else f"Spearman's rho {decimals(test.rho, 3)}, p {test.shown_p}"
        averaged = "averaged" if name in model.combination.used else "not averaged"
        yield f"{card_text(name)}: {rho} within folds, {averaged}"
    times = ", times the difficulty" if model.times_difficulty else ""
    for level in LEVELS:
        width = reach(calibration.execution_alone.residuals, calibration.group, level)
        if np.isfinite(width):
            yield f"{100 * level:.0f} % intervals reach about {width:.3f} to each side{times} (CV+)"
        else:
            yield f"no {100 * level:.0f} % intervals: {needed(level)} independent performances are needed"
    yield "later videos are flagged if they are farther from the training performances than 99 % of the held-out ones"
