"""Measures `label` on synthetic raters and performances whose truth is known, by code that shares nothing with it.

    python -m benchmarks.label [--worlds 40] [--out FILE]

choice   30 videos; pairs in a random balanced order, or each time the pair whose answer is most informative (largest
         p (1 - p) times the variance of the difference). Rank correlation of the scale with the truth at equal effort.
pairs    raters who answer six pairs a video by Bradley-Terry. Share of 95 % intervals of places that hold the truth;
         printed reliability beside the squared correlation with the truth; printed and true share of two videos in
         the right order; share of worlds called better than chance; share of worlds in which an honest rater, or a
         video, is called a misfit; share of raters who toss a coin that are.
scores   scores = quality + leniency of the rater + noise, a third of them missing. The printed reliability of the
         mean beside the true one; share of 95 % intervals of alpha that hold the true ICC; share of worlds called
         better than chance. The ICC of complete tables beside an independent one, from variance components.
weights  performances whose trial descriptors show the score, `LABELLED` of them labelled by 1, 2, 4 or 8 raters. The
         error of a ridge regression on `OTHERS` others, relative to that without weights. A label weighs by its
         number of raters, or by the inverse of its known variance: of raters, and of what descriptors do not show.

One core, no network is trained; some minutes. Prints tables and writes JSON.
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

from data.store.arrays import Floats
from models.agreement import agreement, intraclass
from models.metrics import spearman
from pipeline.label.pair_fit import chance_probability, infit
from pipeline.label.pair_order import all_pairs
from pipeline.label.pair_scale import WITH_EQUAL, fit_scale
from pipeline.label.verdicts import right_order
from pipeline.systems.regressors import PENALTIES
from pipeline.train import label_table
from pipeline.train.features import FeatureSet
from tests.helpers.made_features import made_features

VIDEOS, AT = 30, (30, 60, 90, 120, 150, 180)
"""Videos that are compared, and numbers of answers after which the choice of pairs is measured."""

RATERS = ((1.0, 0.0), (1.5, 0.0), (3.0, 0.0), (1.5, 0.2), (3.0, 0.2))
"""Deviation of the truth, where a difference of 1 is preferred in 73 of 100 answers, and share of tossed coins."""

LABELLED, OTHERS = 40, 200
"""Performances that are labelled, and those on which the error is measured."""

FIRST = 1000
"""Number of the first world."""


def posterior(count: int, a: Sequence[int], b: Sequence[int], won: Sequence[float]) -> tuple[Floats, Floats]:
    """Most probable places and their covariance under a normal prior with deviation 2, by Newton's method."""
    value, first, second, outcome = np.zeros(count), np.array(a), np.array(b), np.array(won)
    edges = np.zeros((len(first), count))
    edges[np.arange(len(first)), first], edges[np.arange(len(first)), second] = 1, -1
    for _ in range(30):
        chance = 1 / (1 + np.exp(-edges @ value))
        hessian = np.eye(count) / 4 + (edges * (chance * (1 - chance))[:, None]).T @ edges
        value = value + np.clip(np.linalg.solve(hessian, edges.T @ (outcome - chance) - value / 4), -1, 1)
    return value, np.linalg.inv(hessian)


def shuffled_rounds(count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """All pairs by the circle method, rounds and places in random order."""
    places, turning = rng.permutation(count), count - 1
    rounds = [
        [(turning, r), *(((r + j) % turning, (r - j) % turning) for j in range(1, count // 2))] for r in range(turning)
    ]
    return [(int(places[a]), int(places[b])) for r in rng.permutation(turning) for a, b in rounds[r]]


def choice(worlds: Sequence[int], quality: float, coins: float) -> list[dict[str, Any]]:
    """Rank correlation with the truth by number of answers, with random and with chosen pairs."""
    found: dict[bool, list[list[float]]] = {False: [], True: []}
    for world in worlds:
        for chosen in found:
            rng = np.random.default_rng(world)
            truth, order = rng.normal(size=VIDEOS) * quality, shuffled_rounds(VIDEOS, rng)
            a, b, won, rhos = list[int](), list[int](), list[float](), list[float]()
            for count in range(1, max(AT) + 1):
                pair = order[count - 1]
                if chosen and count > VIDEOS // 2:
                    value, covariance = posterior(VIDEOS, a, b, won)
                    p, variance = 1 / (1 + np.exp(value - value[:, None])), np.diag(covariance)
                    gain = np.triu(p * (1 - p) * (variance[:, None] + variance - 2 * covariance), 1)
                    gain[np.minimum(a, b), np.maximum(a, b)] = 0
                    pair = divmod(int(gain.argmax()), VIDEOS)
                better = coins / 2 + (1 - coins) / (1 + np.exp(truth[pair[1]] - truth[pair[0]]))
                a.append(pair[0])
                b.append(pair[1])
                won.append(float(rng.random() < better))
                if count in AT:
                    rhos.append(spearman(posterior(VIDEOS, a, b, won)[0], truth))
            found[chosen].append(rhos)
    random, chosen_pairs = (np.mean(found[chosen], axis=0) for chosen in (False, True))
    rows = zip(AT, random, chosen_pairs, strict=True)
    return [{"quality": quality, "coins": coins, "answers": n, "random": r, "chosen": c} for n, r, c in rows]


def pairs(worlds: Sequence[int], videos: int, raters: int, quality: float, coins: int) -> dict[str, Any]:
    """What is printed about a scale, beside the truth; `coins` of the raters toss a coin."""
    made = []
    for world in worlds:
        rng = np.random.default_rng([world, videos, raters, coins])
        truth = rng.normal(size=videos) * quality
        parts = []
        for rater in range(raters):
            first, second = rng.permutation(videos)[all_pairs(videos)[: videos * 3]].T
            chance = 1 / (1 + np.exp(truth[second] - truth[first])) if rater >= coins else np.full(len(first), 0.5)
            parts.append((first, second, (rng.random(len(first)) < chance).astype(float), np.full(len(first), rater)))
        a, b, won, rater_of = (np.concatenate(part) for part in zip(*parts, strict=True))
        scale, reliability = fit_scale(videos, a, b, won), fit_scale(videos, a, b, won, WITH_EQUAL).reliability
        judges = infit(scale.value, a, b, won, np.arange(raters)[:, None] == rater_of).misfits
        numbers = np.arange(videos)[:, None]
        of_videos = infit(scale.value, a, b, won, (numbers == a) | (numbers == b)).misfits
        low, high = np.triu_indices(videos, 1)
        same = (truth[low] > truth[high]) == (scale.value[low] > scale.value[high])
        made.append(
            {
                "within95": (np.abs(scale.value - (truth - truth.mean())) <= 1.96 * scale.error).mean(),
                "reliability": reliability,
                "true": np.corrcoef(scale.value, truth)[0, 1] ** 2 if quality else 0.0,
                "order": float(right_order(reliability).split()[-4]) / 100,
                "true_order": same.mean() if quality else 0.5,
                "not_chance": chance_probability(videos, a, b, won) < 0.05,
                "honest_misfit": judges[coins:].any() if coins < raters else False,
                "coin_misfit": judges[:coins].mean() if coins else np.nan,
                "video_misfit": of_videos.any(),
            }
        )
    means = {name: float(np.mean([one[name] for one in made])) for name in made[0]}
    return {"videos": videos, "raters": raters, "quality": quality, "coins": coins, **means}


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
    return float(quality / (quality + leniency + noise))


def scores(worlds: Sequence[int], quality: float) -> dict[str, float]:
    """What is printed about scores, beside the truth; leniency .3, noise .8, a third of the scores missing."""
    made = []
    for world in worlds:
        rng = np.random.default_rng(world)
        truth = rng.normal(size=(30, 1)) * quality
        whole = truth + 0.3 * rng.normal(size=(1, 3)) + 0.8 * rng.normal(size=(30, 3))
        table = np.where(rng.random(whole.shape) < 1 / 3, np.nan, whole)
        table = table[np.isfinite(table).sum(axis=1) > 1]
        agreed = agreement(table)
        if agreed is None:
            continue
        alone = intraclass(whole)[0]
        icc = quality**2 / (quality**2 + 0.09 + 0.64)
        made.append(
            {
                "reliability": agreed.reliability,
                "true": of_mean_score(quality, np.isfinite(table).sum(axis=1).mean()),
                "alpha_error": agreed.alpha - icc,
                "icc95": alone.low <= icc <= alone.high,
                "icc_difference": abs(alone.value - components(whole)),
                "not_chance": agreed.chance < 0.05,
            }
        )
    return {"quality": quality, **{name: float(np.mean([one[name] for one in made])) for name in made[0]}}


def of_mean_score(quality: float, judges: float) -> float:
    """The true share of the variance of the mean of so many judges that is quality."""
    return quality**2 / (quality**2 + (0.09 + 0.64) / judges)


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
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("label.json"))
    given = parser.parse_args()
    worlds = range(FIRST, FIRST + given.worlds)
    cases = [(n, r, q, c) for n in (12, 30) for r, c in ((1, 0), (2, 0), (4, 0), (4, 1)) for q in (0.5, 1.0, 2.0)]
    cases += [(n, r, 0.0, r) for n in (12, 30) for r in (1, 2, 4)]
    results = {
        "choice": [row for rater in RATERS for row in choice(worlds, *rater)],
        "pairs": [pairs(worlds, *case) for case in cases],
        "scores": [scores(worlds, quality) for quality in (0.0, 0.5, 1.0, 2.0)],
        "weights": [weights(range(FIRST, FIRST + 10 * given.worlds), noise) for noise in (0.5, 1.0)],
    }
    given.out.write_text(json.dumps(results, indent=1, default=float) + "\n", encoding="utf-8")
    console = Console(width=160)
    for name, rows in results.items():
        table = Table(*rows[0], title=f"{name}, mean of the worlds")
        for row in rows:
            table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
        console.print(table)


if __name__ == "__main__":
    main()
