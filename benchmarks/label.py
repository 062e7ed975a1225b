"""Measures `label` on synthetic raters with a known truth, by independent code.

    python -m benchmarks.label [--worlds 200] [--out FILE]

pairs    raters who answer three pairs per video by Bradley-Terry. Share of 95 % intervals of positions that contain the
         truth; printed reliability and squared correlation with the truth; printed and true share of correctly ordered
         pairs; share of worlds called better than chance; with at least three raters, share of honest and of
         coin-tossing raters whose answers are called random; share of worlds in which a video is a misfit.
scores   scores = quality + leniency of the rater + noise, a third of them missing. The printed and the true reliability
         of the mean; alpha minus the true ICC; share of worlds called better than chance; share of 95 % intervals of
         ICC(2,1) and ICC(2,k) of complete tables that contain the truth; the ICC and an independent one from variance
         components.

Scores use twice as many worlds. It takes five minutes of one core (100 worlds: 160 s). Prints tables and writes JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.measuring import options, show, write
from data.store.arrays import Floats
from models.agreement import agreement, intraclass
from pipeline.label.bradley_terry import fit_scale, pair_reliability
from pipeline.label.pair_consistency import LEAST_RATERS, chance_probability, design_of, infit, rater_chance
from pipeline.label.pair_order import all_pairs
from pipeline.label.verdicts import right_order

FIRST = 1000
"""Number of the first world."""

PANELS = ((1, 0), (2, 0), (4, 0), (3, 1), (4, 1), (5, 1))
"""Raters, and how many of them toss a coin."""


def pairs(worlds: Sequence[int], videos: int, raters: int, quality: float, coins: int) -> dict[str, Any]:
    """The printed values of a scale and the truth; `coins` of the raters toss a coin."""
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
        scale, reliability = fit_scale(videos, a, b, won), pair_reliability(videos, a, b, won)
        judged = range(raters) if raters >= LEAST_RATERS else ()
        random = [rater_chance(videos, a, b, won, rater_of == one)[1] for one in judged]
        misfits = infit(scale.value, design_of(videos, a, b), won)[1]
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
                "honest_random": np.mean(random[coins:]) if random[coins:] else np.nan,
                "coin_random": np.mean(random[:coins]) if random[:coins] else np.nan,
                "video_misfit": misfits.any(),
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


def scores(worlds: Sequence[int], quality: float, leniency: float) -> dict[str, float]:
    """The printed values of scores and the truth; noise .8, a third of the scores missing."""
    made = []
    for world in worlds:
        rng = np.random.default_rng(world)
        truth = rng.normal(size=(30, 1)) * quality
        whole = truth + leniency * rng.normal(size=(1, 3)) + 0.8 * rng.normal(size=(30, 3))
        table = np.where(rng.random(whole.shape) < 1 / 3, np.nan, whole)
        table = table[np.isfinite(table).sum(axis=1) > 1]
        agreed = agreement(table)
        if agreed is None:
            continue
        alone, of_all = (np.array([one.value, one.low, one.high], dtype=float) for one in intraclass(whole))
        icc = of_mean_score(quality, leniency, 1)
        made.append(
            {
                "reliability": agreed.reliability,
                "true": of_mean_score(quality, leniency, np.isfinite(table).sum(axis=1).mean()),
                "alpha_error": agreed.alpha - icc,
                "icc95": bool(alone[1] <= icc <= alone[2]),
                "icc_mean95": bool(of_all[1] <= of_mean_score(quality, leniency, 3) <= of_all[2]),
                "icc_difference": abs(alone[0] - components(whole)),
                "not_chance": agreed.chance < 0.05,
            }
        )
    return {
        "quality": quality,
        "leniency": leniency,
        **{name: float(np.mean([one[name] for one in made])) for name in made[0]},
    }


def of_mean_score(quality: float, leniency: float, judges: float) -> float:
    """The true share of quality in the variance of the mean of `judges` judges."""
    return quality**2 / (quality**2 + (leniency**2 + 0.64) / judges)


def main() -> None:
    """Run all parts, print the tables and write JSON."""
    parser = options(__doc__, "label.json")
    parser.add_argument("--worlds", type=int, default=200)
    given = parser.parse_args()
    worlds, many = (range(FIRST, FIRST + count) for count in (given.worlds, 2 * given.worlds))
    cases = [(n, r, q, c) for n in (10, 30) for r, c in PANELS for q in (0.5, 1.0, 2.0)]
    cases += [(n, r, 0.0, r) for n in (10, 30) for r in (1, 2, 4)]
    results = {
        "pairs": [pairs(worlds, *case) for case in cases],
        "scores": [scores(many, quality, bias) for bias in (0.3, 0.8) for quality in (0.0, 0.5, 1.0, 2.0)],
    }
    write(given.out, results)
    for name, rows in results.items():
        show(f"{name}, mean of the worlds", rows)


if __name__ == "__main__":
    main()
