"""Compares `label` and the learning curve with synthetic raters and performances whose truth is known.

    python -m benchmarks.label [--worlds 20] [--out FILE]

pairs      `VIDEOS` videos with normal quality; a rater answers by Bradley-Terry with that quality. Correlation
           (Spearman) of the scale with the quality, and share of 95 % intervals that hold it. Rows: number of answers,
           chosen or random pairs, and rater. The deviation of the quality is 1.5 for one rater, with a fifth of wrong
           answers on random pairs, and 3 for the other, with an eighth.
agreement  scores = quality + leniency of the rater + noise. The ICC of `models.agreement` beside an independent one,
           from variance components by least squares, and the share of its intervals that hold the truth.
curve      performances whose trial descriptors show the score, `LABELLED` of them labelled. The forecast for `MORE`
           more, beside the measured error of a ridge regression on `OTHERS` others, relative to the error before.
weights    the same performances; each label is the mean of 1, 2, 4 or 8 raters. The error of a ridge regression on
           `OTHERS` others, relative to that without weights. A label weighs by its number of raters, or by the inverse
           of its known variance: of the raters, and of the part that descriptors do not show.

One core, no network is trained; a minute or two. Prints tables and writes JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LinearRegression, RidgeCV

from data.datasets.ratings import Answer, Answers
from data.store.arrays import Floats
from models.agreement import intraclass
from models.metrics import spearman
from pipeline.evaluate.learning_curve import learning_curve
from pipeline.label.questions import next_pair, pair_scale
from pipeline.settings.config import load_config
from pipeline.systems import train_and_predict
from pipeline.systems.regressors import PENALTIES, REGRESSIONS
from pipeline.train import label_table
from pipeline.train.features import FeatureSet
from pipeline.train.fit import one_thread
from tests.helpers.made_features import made_features

VIDEOS, AT = 24, (24, 48, 72, 120, 200)
"""Videos that are compared, and numbers of answers after which the scale is measured."""

QUALITY = (1.5, 3.0)
"""Standard deviations of the truth, where a difference of 1 is preferred in 73 of 100 answers."""

LABELLED, MORE, OTHERS = 40, 20, 200
"""Performances of the learning curve, further ones, and those on which the error is measured."""

FIRST = 1000
"""Number of the first world. The choice of pairs and the form of the forecast were chosen on worlds below it."""


def pairs(worlds: Sequence[int], quality: float) -> list[dict[str, Any]]:
    """By choice of pairs and number of answers: correlation with the truth, and coverage of the intervals.

    `quality` is the standard deviation of the truth.
    """
    names, rows = [f"{number:064x}" for number in range(VIDEOS)], []
    for choice in ("chosen", "random"):
        measured: dict[int, list[tuple[float, float, float]]] = {count: [] for count in AT}
        for world in worlds:
            rng = np.random.default_rng(world)
            truth = rng.normal(size=VIDEOS) * quality
            truth -= truth.mean()
            left = [(a, b) for a in range(VIDEOS) for b in range(a)]
            rng.shuffle(left)
            answers = Answers()
            for count in range(1, max(AT) + 1):
                question = next_pair(names, answers, set(names)) if choice == "chosen" else None
                a, b = (names.index(one) for one in question) if question else left[count - 1]
                better = rng.random() < 1 / (1 + np.exp(truth[b] - truth[a]))
                answer = Answer((names[a], names[b]), "better" if better else "worse")
                answers[answer.question] = answer
                if count in measured:
                    scale = pair_scale(names, [answers])
                    held = float((np.abs(scale.value - truth) <= 1.96 * scale.error).mean())
                    error = float(np.sqrt((scale.error**2).mean()))
                    measured[count].append((spearman(scale.value, truth), held, error))
        for count, each in measured.items():
            rho, held, error = np.mean(each, axis=0)
            spread = float(np.std([one[0] for one in each]) / np.sqrt(len(worlds)))
            row = {"quality": quality, "pairs": choice, "answers": count}
            rows.append(row | {"rho": rho, "rho_error": spread, "within95": held, "error": error})
    return rows


def components(scores: Floats) -> float:
    """ICC(2,1) from the residuals of three least-squares fits: by video, by rater, and by both."""
    n, k = scores.shape
    video, rater = np.repeat(np.eye(n), k, axis=0), np.tile(np.eye(k), (n, 1))
    values = scores.ravel()

    def rest(design: Floats) -> float:
        return float(((values - design @ np.linalg.lstsq(design, values, rcond=None)[0]) ** 2).sum())

    residual = rest(np.hstack([video, rater]))
    noise = residual / ((n - 1) * (k - 1))
    of_video, of_rater = (rest(rater) - residual) / (n - 1), (rest(video) - residual) / (k - 1)
    quality, leniency = (of_video - noise) / k, (of_rater - noise) / n
    return quality / (quality + leniency + noise)


def agreement(worlds: Sequence[int]) -> dict[str, float]:
    """Largest difference to `components`, and the share of intervals that hold the true ICC."""
    difference, held = 0.0, []
    for world in worlds:
        rng = np.random.default_rng(world)
        scores = rng.normal(size=(30, 1)) + 0.3 * rng.normal(size=(1, 3)) + 0.6 * rng.normal(size=(30, 3))
        made = intraclass(scores)[0]
        difference = max(difference, abs(made.value - components(scores)))
        held.append(made.low <= 1 / (1 + 0.09 + 0.36) <= made.high)
    return {"worlds": len(held), "largest_difference": difference, "within95": float(np.mean(held))}


def curve(worlds: Sequence[int]) -> list[dict[str, float]]:
    """The forecast of every world for `MORE` further performances, and the measured error."""
    config, system, rows = load_config("folder"), REGRESSIONS[0], []
    for world in worlds:
        features = made_features(LABELLED + MORE + OTHERS, trial=12, seed=world, noise=0.5)
        features = planted(features, world)
        one, more, others = np.split(np.arange(len(features)), [LABELLED, LABELLED + MORE])
        with one_thread(0):
            made = learning_curve(features.take(one), config, system=system)
            now, low, high = made.forecast(MORE)
            truth = label_table(features.records)[others, 0]
            errors = []
            for rows_ in (one, np.concatenate([one, more])):
                guess = train_and_predict(system, features.take(rows_), features.take(others)).score.mean(0)
                errors.append(float(np.abs(guess - truth).mean()))
        forecast = {"now": now, "low": low / now, "high": high / now}
        rows.append(forecast | {"measured": errors[1] / errors[0], "measured_now": errors[0]})
    return rows


def weights(worlds: Sequence[int], noise: float) -> dict[str, Any]:
    """Mean ratio of the errors with and without weights, and its standard error.

    `noise` is the deviation of one rater in units of that of the truth.
    """
    ratios = []
    for world in worlds:
        rng = np.random.default_rng(world)
        features = planted(made_features(LABELLED + OTHERS, trial=12, seed=world), world)
        truth, shown = label_table(features.records)[:, 0], features.trial.astype(np.float64)
        one, others = np.split(np.arange(len(features)), [LABELLED])
        raters = rng.choice((1, 2, 4, 8), LABELLED)
        labels = truth[one] + rng.normal(size=LABELLED) * noise * truth.std() / np.sqrt(raters)
        rest = (truth[others] - LinearRegression().fit(shown[others], truth[others]).predict(shown[others])).var()
        inverse_variance = 1 / (rest + (noise * truth.std()) ** 2 / raters)
        errors = []
        for weight in (np.ones(LABELLED), raters / raters.mean(), inverse_variance / inverse_variance.mean()):
            fitted = RidgeCV(PENALTIES).fit(shown[one], labels, weight)
            errors.append(float(np.abs(fitted.predict(shown[others]) - truth[others]).mean()))
        ratios.append([error / errors[0] for error in errors[1:]])
    mean, error = np.mean(ratios, axis=0), np.std(ratios, axis=0) / np.sqrt(len(ratios))
    return {"noise": noise, "by_raters": mean[0], "by_variance": mean[1], "errors": error.tolist()}


def planted(features: FeatureSet, seed: int) -> FeatureSet:
    """The performances with trial descriptors that show the score with noise, so that a ridge can learn it."""
    rng, scores = np.random.default_rng(seed), label_table(features.records)[:, 0]
    direction = rng.normal(size=features.trial.shape[1])
    shown = (scores - scores.mean())[:, None] / scores.std() * direction * 0.5 + rng.normal(size=features.trial.shape)
    return replace(features, trial=shown.astype(np.float32))


def main() -> None:
    """Run all parts, print the tables and write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("label.json"))
    given = parser.parse_args()
    worlds = range(FIRST, FIRST + given.worlds)
    compared = [row for quality in QUALITY for row in pairs(worlds, quality)]
    agreed = agreement(range(FIRST, FIRST + 20 * given.worlds))
    weighted = [weights(range(FIRST, FIRST + 20 * given.worlds), noise) for noise in (0.5, 1.0)]
    results = {"pairs": compared, "agreement": agreed, "curve": curve(worlds), "weights": weighted}
    console = Console()
    names = ("quality", "pairs", "answers", "rho", "rho_error", "within95", "error")
    table = Table(*names, title=f"Scale of {VIDEOS} videos, mean of {given.worlds} worlds")
    for row in compared:
        table.add_row(*(f"{row[name]:.3f}" if name in names[3:] else str(row[name]) for name in names))
    console.print(table)
    console.print("agreement:", results["agreement"])
    foreseen = results["curve"]
    inside = sum(one["low"] <= one["measured"] <= one["high"] for one in foreseen)
    middle = [float(np.median([one[k] for one in foreseen])) for k in ("low", "high", "measured")]
    console.print(
        f"learning curve: 80 % forecasts for {MORE} more held the measured error in {inside} of {len(foreseen)}; "
        f"medians: forecast {middle[0]:.3f} to {middle[1]:.3f} of the error with {LABELLED}, measured {middle[2]:.3f}"
    )
    for row in weighted:
        console.print("weights:", row)
    given.out.write_text(json.dumps(results, indent=1, default=float) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
