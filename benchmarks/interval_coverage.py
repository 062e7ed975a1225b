"""Coverage of the 95 % intervals of an evaluation on simulated predictions, by independent code.

    python -m benchmarks.interval_coverage [--draws 1000] [--out FILE]

folds  normal scores and predictions with a true correlation of 0, .5, .85 or .95, and a different mean in each fold.
       The true Spearman's rho is 6 / pi * asin(r / 2). Also with heavy tails of score and error of the same
       performances (Student's t, 3 degrees of freedom); the truth is then that of a million performances.
users  the same under leave-one-user-out, with correlations that differ between users: Fisher's z has a deviation of 0,
       .3 or .6. The truth is the correlation of 4 000 users ranked together after subtracting their means.
unequal  the same for one task of 13, 15, 12, 5, 2 and 1 trials, for the Suturing of JIGSAWS, and for the average of its
         three tasks, in which the users differ together or in each task on their own.
together  the same with different means of users, and one or two users held out in a fold, as in a calibration.
skewed  scores exp(k z) of normal z, k 0 to 1.5, and predictions of equal rank correlation for every k: their skewness,
       and rho with and without the means of the folds.
phases  movements of six channels at an uneven tempo, with errors of 0, .04 or .08 s in the marked edges: share of true
        edges within the range of the nearest annotated edges on both sides, and within half of it.
leads  eight systems with equal true correlation and half of their errors in common: share of sets in which any interval
       of a difference excludes zero, in twice as many sets. It is .05 if the simultaneous coverage is right.
verdicts  two new performances, and a bound that 8 of 10 held-out errors do not exceed: share of pairs in which the
        higher score is right, for differences up to the bound ("no sign"), up to twice the bound (the 80 % intervals
        overlap: "probably scores higher") and beyond ("scores higher"). 20 times as many sets.

Prints the numbers and writes JSON.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew, spearmanr

from benchmarks.measuring import options, show, write
from data.video import Phase
from pipeline.checks.held_out import HeldOut
from pipeline.checks.paired_test import paired_test
from pipeline.evaluate.rank_intervals import Units, rank_agreement
from pipeline.phases.carried_phases import PhaseReferences, Signal

Values = NDArray[np.float64]

TRUE = (0.0, 0.5, 0.85)
HEAVY = 3.0
SETS = ((28, 3), (28, 4), (28, 7), (28, 10), (36, 4), (36, 9), (36, 10), (102, 4), (102, 10), (102, 25))
"""Performances and folds: 4 to 10 folds, and folds of 4 to 10 performances."""

USERS, TRIALS, FOLDS, DIFFERENT = 8, 5, 5, (0.0, 0.3, 0.6)


def drawn(
    rng: np.random.Generator, fold: NDArray[np.intp], r: Values | float, heavy: bool = False
) -> tuple[Values, Values]:
    """(n,) labels and predictions with correlation r within each fold; `heavy`: with heavy tails."""
    true, noise = rng.normal(size=(2, len(fold))) * (np.sqrt(HEAVY / rng.chisquare(HEAVY, len(fold))) if heavy else 1)
    shift = rng.normal(size=(2, fold.max() + 1))[:, fold]
    return np.asarray(true + shift[1]), np.asarray(r * true + np.sqrt(1 - np.square(r)) * noise + shift[0])


def holds(rows: HeldOut, truth: float, units: Units = "performances") -> bool:
    """Whether the interval of one simulated set contains the truth."""
    found = rank_agreement([rows], units)
    return found.low is not None and found.high is not None and found.low <= truth <= found.high


def folds(draws: int) -> list[dict[str, Any]]:
    """Coverage for every size of set, number of folds and true correlation."""
    rng, rows = np.random.default_rng(0), []
    for heavy, r in product((False, True), (*TRUE, 0.95)):
        truth = float(6 / np.pi * np.arcsin(r / 2))
        if heavy:
            truth = float(spearmanr(*drawn(rng, np.zeros(1_000_000, dtype=np.intp), r, heavy)).statistic)
        for count, number in SETS:
            fold, each = np.arange(count) % number, np.arange(count)
            hits = sum(holds(HeldOut(*drawn(rng, fold, r, heavy), fold, each), truth) for _ in range(draws))
            rows.append({"n": count, "folds": number, "r": r, "heavy": heavy, "coverage": hits / draws})
    return rows


def users(draws: int) -> list[dict[str, Any]]:
    """Coverage under leave-one-user-out."""
    rng, rows = np.random.default_rng(1), []
    fold = np.repeat(np.arange(USERS), TRIALS)
    for r in TRUE:
        for between in DIFFERENT:
            truth = population(rng, r, between)
            hits = 0
            for _ in range(draws):
                own = np.tanh(np.arctanh(r) + between * rng.normal(size=USERS))[fold]
                hits += holds(HeldOut(*drawn(rng, fold, own), fold, np.arange(len(fold))), truth, "folds")
            rows.append({"users": USERS, "trials": TRIALS, "r": r, "between": between, "coverage": hits / draws})
    return rows


JIGSAWS = ((5, 5, 5, 5, 5, 5, 4, 5), (4, 5, 5, 4, 3, 0, 3, 4), (4, 5, 5, 5, 5, 5, 3, 4))
"""Scored trials of users B to I: Suturing, Needle_Passing, Knot_Tying."""

UNEQUAL = {"unequal": ((13, 15, 12, 5, 2, 1),), "Suturing": JIGSAWS[:1], "JIGSAWS": JIGSAWS}


def unequal(draws: int) -> list[dict[str, Any]]:
    """Coverage under leave-one-user-out where users have different numbers of trials, and for averages of tasks."""
    rng, rows = np.random.default_rng(7), []
    for (name, tasks), r, between, common in product(UNEQUAL.items(), TRUE, DIFFERENT, (True, False)):
        if common and (len(tasks) == 1 or not between):
            continue  # nothing to have in common

        def made(times: int, tasks: Any = tasks, r: float = r, between: float = between, common: bool = common) -> Any:
            """Labels, predictions and users of each task, for `times` as many users."""
            users = times * len(tasks[0])
            shared = rng.normal(size=users)
            for counts in tasks:
                own = np.tanh(np.arctanh(r) + between * (shared if common else rng.normal(size=users)))
                user = np.repeat(np.arange(users), np.tile(counts, times))
                yield *drawn(rng, user, own[user]), user

        z = []
        for true, predicted, user in made(1000):
            means = np.maximum(np.bincount(user), 1)
            sides = (side - (np.bincount(user, side) / means)[user] for side in (true, predicted))
            z.append(np.arctanh(spearmanr(*sides).statistic))
        hits, truth = 0, float(np.tanh(np.mean(z)))
        for _ in range(draws):
            tasks_held = [HeldOut(true, guess, user, np.arange(len(user))) for true, guess, user in made(1)]
            found = rank_agreement(tasks_held, "folds")
            hits += found.low is not None and found.high is not None and found.low <= truth <= found.high
        rows.append({"set": name, "r": r, "between": between, "common": common, "coverage": hits / draws})
    return rows


def together(draws: int) -> list[dict[str, Any]]:
    """Coverage for users in folds of one or two."""
    rng, rows, user = np.random.default_rng(3), [], np.repeat(np.arange(USERS), TRIALS)
    for r in TRUE:
        for between in DIFFERENT:

            def made(sets: int, r: float = r, between: float = between) -> tuple[Values, Values, NDArray[np.intp]]:
                """Labels, predictions and folds of several sets."""
                each = np.arange(sets * USERS).repeat(TRIALS)
                own = np.tanh(np.arctanh(r) + between * rng.normal(size=sets * USERS))[each]
                return *drawn(rng, each, own), each // USERS * FOLDS + each % USERS % FOLDS

            *sides, fold = made(1000)
            true, predicted = (side - (np.bincount(fold, side) / np.bincount(fold))[fold] for side in sides)
            truth = float(spearmanr(true, predicted).statistic)
            hits = 0
            for _ in range(draws):
                true, predicted, fold = made(1)
                hits += holds(HeldOut(true, predicted, fold, user), truth, "groups")
            rows.append({"users": USERS, "folds": FOLDS, "r": r, "between": between, "coverage": hits / draws})
    return rows


def population(rng: np.random.Generator, r: float, between: float, many: int = 4000) -> float:
    """The correlation of `many` users, ranked together after subtracting their means."""
    fold = np.repeat(np.arange(many), TRIALS)
    each = np.tanh(np.arctanh(r) + between * rng.normal(size=many))[fold]
    sides = (values.reshape(many, TRIALS) for values in drawn(rng, fold, each))
    return float(spearmanr(*((side - side.mean(1, keepdims=True)).ravel() for side in sides)).statistic)


def skewed(draws: int) -> list[dict[str, Any]]:
    """The effect of subtracting fold means on the correlation of skewed scores."""
    rng, rows = np.random.default_rng(4), []
    for k, (count, number) in product((0.0, 0.4, 0.8, 1.0, 1.5), ((40, 4), (40, 20), (102, 10))):
        fold, made = np.arange(count) % number, []
        for _ in range(draws):
            true, noise = rng.normal(size=(2, count))
            sides = [np.exp(k * side) if k else side for side in (true, 0.85 * true + (1 - 0.85**2) ** 0.5 * noise)]
            apart = (side - (np.bincount(fold, side) / np.bincount(fold))[fold] for side in sides)
            made.append((skew(sides[0]), spearmanr(*sides).statistic, spearmanr(*apart).statistic))
        skewness, kept, removed = np.mean(made, axis=0).tolist()
        rows.append({"k": k, "n": count, "folds": number, "skewness": skewness, "kept": kept, "removed": removed})
    return rows


def marked(rng: np.random.Generator, curves: Values, error: float) -> tuple[Signal, list[Phase], Values]:
    """A movement of 2.5 to 4 s at an uneven tempo, its marked phases, and the true edges in seconds."""
    end, even = rng.uniform(2.5, 4), np.linspace(0, 1, 6)
    tempo = np.cumsum([0, *rng.uniform(0.5, 1.5, 5)])
    time = np.arange(round(end * 25)) / 25
    share = np.interp(time / end, tempo / tempo[-1], even)
    rows = np.stack([np.interp(share, np.linspace(0, 1, curves.shape[1]), curve) for curve in curves], axis=1)
    rows = rows * (1 + 0.1 * rng.normal(size=len(curves))) + 0.05 * rng.normal(size=rows.shape)
    edges = np.interp([0.3, 0.65], even, tempo / tempo[-1]) * end
    starts = [0.0, *(edges + error * rng.normal(size=2)).tolist(), end]
    return Signal(rows, end), [Phase(*one) for one in zip("abc", starts, starts[1:], strict=False)], edges


def phases(draws: int) -> list[dict[str, Any]]:
    """Coverage of the range of transferred edges, for a tenth of the draws with four movements each."""
    rows = []
    for error, count in product((0.0, 0.04, 0.08), (4, 8, 20)):
        rng, made = np.random.default_rng([5, count]), []
        for _ in range(draws // 10):
            curves = np.array([np.convolve(rng.normal(size=40), np.hanning(9), "same") for _ in range(6)])
            known = PhaseReferences.fit("abc", [marked(rng, curves, error)[:2] for _ in range(count)])
            for _ in range(4):
                query, _, edges = marked(rng, curves, error)
                carried = known.carry(query)
                starts = {phase.name: phase.start for phase in carried.phases}
                apart = np.abs([starts.get(name, np.nan) for name in "bc"] - edges) / carried.range_s[1:3]
                made += [(one <= 1, one <= 0.5) for one in apart]
        whole, half = np.mean(made, axis=0).tolist()
        rows.append({"error_s": error, "annotated": count, "in_range": whole, "in_half": half})
    return rows


def leads(draws: int) -> list[dict[str, Any]]:
    """Share of sets in which equal systems are separated."""
    rng, rows = np.random.default_rng(2), []
    for count, number in ((28, 4), (36, 9)):
        fold, apart = np.arange(count) % number, 0
        for _ in range(draws):
            true, shared = rng.normal(size=(2, count))
            guesses = 0.6 * true + 0.8 * (0.5**0.5 * shared + 0.5**0.5 * rng.normal(size=(8, count)))
            given = {str(i): [HeldOut(true, guess, fold, np.arange(count))] for i, guess in enumerate(guesses)}
            apart += any(lead.verdict != "tie" for lead in paired_test(given, "0")[1].values())
        rows.append({"n": count, "folds": number, "systems": 8, "some_separated": apart / draws})
    return rows


def verdicts(draws: int) -> list[dict[str, Any]]:
    """Share of each verdict of a comparison, and how often its direction is right."""
    rng, rows = np.random.default_rng(6), []
    for heavy, count, r in product((False, True), (10, 20, 40, 100), (0.5, 0.8, 0.95)):
        known, noise = rng.normal(size=(2, 20 * draws, count + 2))
        scale = np.sqrt(HEAVY / rng.chisquare(HEAVY, known.shape)) if heavy else 1
        predicted, true = r * known * scale, (r * known + (1 - r**2) ** 0.5 * noise) * scale
        bound = np.sort(abs(true - predicted)[:, 2:])[:, int(np.ceil(0.8 * (count + 1))) - 1]
        gap, right = np.diff(predicted[:, :2])[:, 0], np.diff(true[:, :2])[:, 0]
        row: dict[str, Any] = {"heavy": heavy, "held_out": count, "r": r}
        for name, low, high in (("no_sign", 0, 1), ("probably", 1, 2), ("higher", 2, np.inf)):
            here = (abs(gap) >= low * bound) & (abs(gap) < high * bound)
            row |= {name: here.mean(), f"{name}_right": (gap * right > 0)[here].mean()}
        rows.append(row)
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = options(__doc__, "interval_coverage.json")
    parser.add_argument("--draws", type=int, default=1000)
    given = parser.parse_args()
    measured = {
        part.__name__: part(given.draws) for part in (folds, users, unequal, together, skewed, phases, verdicts)
    }
    measured["leads"] = leads(2 * given.draws)
    for name, rows in measured.items():
        show(name, rows)
    write(given.out, measured)


if __name__ == "__main__":
    main()
