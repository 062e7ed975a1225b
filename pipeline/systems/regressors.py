"""Systems without networks: support vectors, Gaussian processes, ridge and nearest neighbours on fixed descriptors.

Standardisation and regression are fitted on the training part alone. The views of one trial count once there: equal
labels on nearly equal descriptors would look like labels without noise. A fitted regression is a few arrays, so that a
run folder can hold it (`FittedRegression.arrays`).

The systems on trial descriptors use the library's defaults or choose constants inside the training part. Inner
validation chooses C, epsilon and kernel (`GRID`). The marginal likelihood chooses length scale and noise. Leaving out
trials or users chooses the ridge penalty. The descriptors of `POOLED_RIDGE` were selected by experiments on the real
JIGSAWS that used its test folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from data.splits import TIED
from data.store.arrays import Floats, Rows
from pipeline.systems.descriptors import DESCRIPTORS
from pipeline.systems.inner_folds import inner_folds
from pipeline.systems.interface import Function, Model, Predicted, System, Trainings
from pipeline.train import label_table
from pipeline.train.features import FeatureSet

Kernel = Literal["linear", "poly", "rbf", "nearest"]
Solution = dict[str, Any]

CUT = 5.0
"""Standardised descriptors are clipped to +- this."""

PENALTIES = np.logspace(-1, 4, 20)
"""Ridge penalties to choose from, inside the training part."""

TASK_WEIGHT = 3.0
"""Value of a task's indicator column in a regression over several tasks."""

USER_WEIGHT = 3.0
"""Value of a training user's indicator column, see `_ridge_by_user`."""

GRID: tuple[tuple[Literal["rbf", "linear"], float, float], ...] = (
    ("rbf", 1.0, 0.1),
    *(
        (k, c, e)
        for k in ("rbf", "linear")
        for c in (0.1, 1.0, 10.0)
        for e in (0.1, 0.3)
        if (k, c, e) != ("rbf", 1.0, 0.1)
    ),
)
"""Kernel, C and epsilon to choose from for support vector regression; the library's defaults come first."""

NEIGHBOURS = 5
RANKS = np.linspace(0.0, 1.0, 21)
"""Quantiles of the training part; ranks are interpolated between them."""

LENGTHS = 2.0 ** np.arange(-1.5, 4.1, 0.5)
"""Length scales of the Gaussian process to choose from, in units of the root of the number of descriptors."""

NOISES = np.logspace(-2, 2, 21)
"""Noise variances of the Gaussian process to choose from, in units of the signal's: no judge is free of noise."""


@dataclass(frozen=True)
class FittedRegression:
    """A regression on standardised descriptors: bias + weights x kernel(anchors, x), in the units of the labels.

    Attributes:
        describe: key of `pipeline.systems.descriptors.DESCRIPTORS`.
        kernel: "nearest" averages the weights of the `NEIGHBOURS` nearest anchors, by inverse distance.
        tasks: (t) tasks of `centre`, `spread`, `knots` and `score`; a single "" where all tasks share them.
        centre, spread: (t, K) of the descriptors; an infinite spread drops a constant descriptor.
        knots: (t, len(RANKS), K) quantiles where descriptors become ranks, else (t, 0, K).
        score: (t, 2) shift and scale of the predictions.
        indicators: tasks that have an indicator column after the descriptors.
        anchors: (m, K + indicators) training rows; of a linear kernel, coefficients.
        weights: (m,).
    """

    describe: str
    kernel: Kernel
    tasks: tuple[str, ...]
    centre: Floats
    spread: Floats
    knots: Floats
    score: Floats
    indicators: tuple[str, ...]
    anchors: Floats
    weights: Floats
    gamma: float = 0.0
    bias: float = 0.0

    def predict(self, features: FeatureSet, table: Floats | None = None) -> Floats:
        """(n,) scores, each computed alone; `table` holds the descriptors if they are computed already."""
        table = DESCRIPTORS[self.describe](features) if table is None else table
        tasks = [record.task for record in features.records]
        inputs = self.inputs(table, tasks)
        scaled = np.array([self._one(row) for row in inputs])
        shift, scale = np.array([self._of_task(self.score, task) for task in tasks]).reshape(-1, 2).T
        return np.asarray(scaled * scale + shift)

    def inputs(self, table: Floats, tasks: Sequence[str]) -> Floats:
        """(n, K + indicators) the standardised rows that the kernel compares."""
        scaled = np.stack([self._scaled(table, i) for i in range(len(self.tasks))])  # (t, n, K)
        chosen = [self._of_task(scaled[:, row], task) for row, task in enumerate(tasks)]
        marks = [[_share(one, task, self.indicators) * TASK_WEIGHT for one in self.indicators] for task in tasks]
        joined = np.concatenate([np.array(chosen), np.array(marks).reshape(len(tasks), -1)], axis=1)
        return np.asarray(joined.astype(np.float32), dtype=np.float64)  # saved models have these digits

    def _scaled(self, table: Floats, i: int) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            out = np.clip(np.nan_to_num((table - self.centre[i]) / self.spread[i]), -CUT, CUT)
        if self.knots.shape[1]:
            below, steps = rank_segments(self.knots[i])
            rank = np.clip((np.nan_to_num(table)[:, None] - below) / steps, 0.0, 1.0).mean(1)
            out = np.where(np.isfinite(self.spread[i]), (rank - 0.5) * np.sqrt(12.0), 0.0)
        return np.asarray(out)

    def _of_task(self, values: Floats, task: str) -> Floats:
        """The entry of a task along the first axis; the mean over all entries for an unknown task."""
        return np.asarray(values[self.tasks.index(task)] if task in self.tasks else values.mean(0))

    def _one(self, row: Floats) -> float:
        if self.kernel in ("linear", "poly"):
            near = (self.anchors * row).sum(1)
            return float((near if self.kernel == "linear" else (self.gamma * near) ** 3) @ self.weights) + self.bias
        apart = np.square(self.anchors - row).sum(1)
        if self.kernel == "rbf":
            return float(np.exp(-self.gamma * apart) @ self.weights) + self.bias
        nearest = np.argsort(apart, kind="stable")[:NEIGHBOURS]
        inverse = 1.0 / np.sqrt(np.maximum(apart[nearest], 1e-18))
        return float(inverse @ self.weights[nearest] / inverse.sum())

    def arrays(self) -> dict[str, Floats]:
        """The numbers for storing; `description` has the rest."""
        rows = self.kernel != "linear"  # rows lose no digit in single precision (`inputs`), coefficients would
        kinds = {"anchors": np.float32 if rows else np.float64}
        return {name: np.array(getattr(self, name), kinds.get(name, np.float64), order="C") for name in _NUMBERS}

    def description(self) -> dict[str, Any]:
        """Everything but `arrays`, as texts and tuples of texts."""
        return {name: getattr(self, name) for name in _TEXTS}

    @classmethod
    def from_arrays(cls, description: Mapping[str, Any], arrays: Mapping[str, Floats]) -> FittedRegression:
        """The regression that `arrays` and `description` came from. Raises ValueError where they do not fit."""
        names: dict[str, Any] = {name: tuple(map(str, description[name])) for name in ("tasks", "indicators")}
        named = {"describe": str(description["describe"]), "kernel": description["kernel"], **names}
        numbers: dict[str, Any] = {name: np.asarray(arrays[name], dtype=np.float64) for name in _NUMBERS}
        tasks, size, width = len(names["tasks"]), numbers["centre"].shape[-1], len(names["indicators"])
        shapes = {"centre": (tasks, size), "spread": (tasks, size), "score": (tasks, 2), "gamma": (), "bias": ()}
        shapes |= {"anchors": (len(numbers["weights"]), size + width)}
        if any(numbers[name].shape != shape for name, shape in shapes.items()) or named["describe"] not in DESCRIPTORS:
            raise ValueError("a regression's arrays do not fit together")
        if named["kernel"] not in ("linear", "rbf", "nearest") or numbers["knots"].shape[::2] != (tasks, size):
            raise ValueError("a regression of another form")
        return cls(**named, **numbers | {name: float(numbers[name]) for name in ("gamma", "bias")})


_TEXTS = ("describe", "kernel", "tasks", "indicators")
_NUMBERS = tuple(field.name for field in fields(FittedRegression) if field.name not in _TEXTS)


@dataclass(frozen=True)
class RegressionSystem(System):
    """A regression as a system.

    Attributes:
        describe: key of `pipeline.systems.descriptors.DESCRIPTORS`.
        model: key of `SOLVERS`.
        scaling: "all" standardises descriptors and scores over all training rows, "task" within each task. "rank" turns
            descriptors into ranks within each task. "range" scales scores to 0..1.
        kernel, c, epsilon: of the support vector regression; the defaults are the library's.
        grid: inner folds of the training part choose these three from `GRID`, by the squared error.
        kinds: groups that no inner fold splits.
        pool: learn from all tasks of a fold at once, each with an indicator column.
    """

    name: str
    describe: str
    model: str
    scaling: Literal["all", "task", "rank", "range"] = "all"
    kernel: Kernel = "rbf"
    c: float = 1.0
    epsilon: float = 0.1
    grid: bool = False
    kinds: tuple[str, ...] = TIED
    pool: bool = False

    def fit(self, train: FeatureSet, trainings: Trainings) -> Model:
        """See `System.fit`."""
        fitted = self.fitted(train)
        return Function(lambda features: Predicted(fitted.predict(features)[None]))

    def identity(self) -> Any:
        """See `System.identity`."""
        return [type(self).__name__, {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}]

    def fitted(self, train: FeatureSet, table: Floats | None = None) -> FittedRegression:
        """Fit to labelled performances; `table` holds their descriptors if they are computed already."""
        table = DESCRIPTORS[self.describe](train) if table is None else table
        firsts, means = _trials(train)
        values, scores = means @ table, means @ label_table(train.records)[:, 0]
        records = [train.records[row] for row in firsts]
        tasks = [record.task for record in records]
        names = tuple(dict.fromkeys(tasks))
        apart = [np.ones(len(tasks), dtype=bool)]
        if self.scaling in ("task", "rank"):
            apart = [np.array([one == task for one in tasks]) for task in names]
        ranks = RANKS if self.scaling == "rank" else RANKS[:0]
        empty = FittedRegression(
            describe=self.describe,
            kernel=self.kernel,
            tasks=names if len(apart) > 1 else ("",),
            centre=np.stack([values[mine].mean(0) for mine in apart]),
            spread=np.stack([_spread(values[mine]) for mine in apart]),
            knots=np.stack([np.quantile(values[mine], ranks, axis=0) for mine in apart]),
            score=np.array([_moments(scores[mine], in_range=self.scaling == "range") for mine in apart]),
            indicators=names if len(names) > 1 and self.pool and self.scaling != "task" else (),
            anchors=np.zeros((0, 0)),
            weights=np.zeros(0),
        )
        x = empty.inputs(values, tasks)
        shift, scale = np.array([empty._of_task(empty.score, task) for task in tasks]).T
        return replace(empty, **self._solve(x, (scores - shift) / scale, train.take(firsts)))

    def _solve(self, x: Floats, y: Floats, trials: FeatureSet) -> Solution:
        if not x.any():  # all descriptors are constant, for example without any detection
            return {"kernel": "linear", "anchors": x[:1], "weights": np.zeros(1), "bias": float(y.mean())}
        return SOLVERS[self.model](self, x, y, trials)


def rank_segments(knots: Floats) -> tuple[Floats, Floats]:
    """Lower ends and lengths (segments, K) of the segments between knots (len(RANKS), K).

    The rank of a value is the mean, over the segments, of the share of the segment below the value. Segments between
    equal knots get a small length, so that a share is always defined.
    """
    span = np.maximum(knots[-1] - knots[0], 1e-9)
    return knots[:-1], np.maximum(np.diff(knots, axis=0), 1e-3 * span)


def _trials(features: FeatureSet) -> tuple[Rows, Floats]:
    """The first row of every trial, and the matrix (trials, rows) that averages the views of each."""
    names = [record.groups.get("trial", record.id) for record in features.records]
    trials = list(dict.fromkeys(names))
    views = np.array([[name == trial for name in names] for trial in trials], dtype=np.float64)
    return views.argmax(1), views / views.sum(1, keepdims=True)


def _share(one: str, task: str, tasks: Sequence[str]) -> float:
    """1 where `task` is `one`, 0 where it is another of `tasks`; an unknown task belongs to all of them alike."""
    return float(one == task) if task in tasks else 1.0 / len(tasks)


def _spread(values: Floats) -> Floats:
    """(K,) standard deviations, infinite where constant."""
    spread = values.std(0)
    return np.where(spread > 1e-9 * np.maximum(np.abs(values).mean(0), 1e-9), spread, np.inf)


def _moments(scores: Floats, *, in_range: bool) -> tuple[float, float]:
    """Shift and scale of the scores; the scale is never 0."""
    if in_range:
        return float(scores.min()), float(np.ptp(scores)) or 1.0
    return float(scores.mean()), float(scores.std()) or 1.0


def _support_vectors(system: RegressionSystem, x: Floats, y: Floats, trials: FeatureSet) -> Solution:
    from sklearn.svm import SVR

    def fit(rows: Rows, kernel: Kernel, c: float, epsilon: float) -> Any:
        return SVR(kernel=kernel, C=c, epsilon=epsilon, gamma="scale").fit(x[rows], y[rows])

    chosen: tuple[Kernel, float, float] = (system.kernel, system.c, system.epsilon)
    if system.grid and (inner := inner_folds(trials, system.kinds)):
        errors = [
            sum(float(np.square(fit(p.train, *one).predict(x[p.test]) - y[p.test]).sum()) for p in inner)
            for one in GRID
        ]
        chosen = GRID[int(np.argmin(errors))]
    fitted, kernel = fit(np.arange(len(x)), *chosen), chosen[0]
    bias, weights = float(fitted.intercept_[0]), np.asarray(fitted.dual_coef_[0])
    solution: Solution = {"kernel": kernel, "bias": bias}
    if kernel == "linear":
        return solution | {"anchors": np.asarray(weights @ fitted.support_vectors_)[None], "weights": np.ones(1)}
    return solution | {"anchors": fitted.support_vectors_, "weights": weights, "gamma": float(fitted._gamma)}


def _process(system: RegressionSystem, x: Floats, y: Floats, trials: FeatureSet) -> Solution:
    gamma, weights = _gaussian_process(x, y - y.mean())
    return {"kernel": "rbf", "anchors": x, "weights": weights, "gamma": gamma, "bias": float(y.mean())}


def _nearest(system: RegressionSystem, x: Floats, y: Floats, trials: FeatureSet) -> Solution:
    return {"kernel": "nearest", "anchors": x, "weights": y}


def _ridge(system: RegressionSystem, x: Floats, y: Floats, trials: FeatureSet) -> Solution:
    """Ridge regression; leave-one-out over the trials chooses the penalty."""
    from sklearn.linear_model import RidgeCV

    ridge = RidgeCV(alphas=PENALTIES).fit(x, y)
    slopes, bias = np.asarray(ridge.coef_)[None], float(ridge.intercept_)
    return {"kernel": "linear", "anchors": slopes, "weights": np.ones(1), "bias": bias}


def _ridge_for_new_users(system: RegressionSystem, x: Floats, y: Floats, trials: FeatureSet) -> Solution:
    users = np.array([record.groups.get("subject", "") for record in trials.records])
    if len(set(users)) <= 2:
        return _ridge(system, x, y, trials)
    slopes, bias = _ridge_by_user(x, y, users)
    return {"kernel": "linear", "anchors": slopes[None], "weights": np.ones(1), "bias": bias}


SOLVERS: Mapping[str, Callable[[RegressionSystem, Floats, Floats, FeatureSet], Solution]] = {
    "svr": _support_vectors,
    "process": _process,
    "ridge": _ridge,
    "ridge by user": _ridge_for_new_users,
    "nearest": _nearest,
}
"""Functions that fit standardised scores y (m,) to inputs x (m, K); they give kernel, anchors, weights, gamma, bias."""


def _ridge_by_user(x: Floats, y: Floats, users: Any) -> tuple[Floats, float]:
    """Slopes and intercept for a new user; leave-one-user-out chooses the penalty.

    Every training user has an indicator column. It takes up part of the user's level, so that the slopes rest more on
    differences within users. A new user has 0 in all these columns.
    """
    names = sorted(set(users))
    marks = USER_WEIGHT * np.array([[user == name for name in names] for user in users], dtype=np.float64)
    columns = np.concatenate([x, marks], axis=1)
    errors = np.zeros(len(PENALTIES))
    for name in names:
        new = users == name
        slopes, biases = _ridge_paths(columns[~new], y[~new])
        predicted = x[new] @ slopes[: x.shape[1]] + biases  # (m, penalties)
        errors += np.square(predicted - y[new][:, None]).sum(0)
    slopes, biases = _ridge_paths(columns, y)
    best = int(np.argmin(errors))
    return np.asarray(slopes[: x.shape[1], best]), float(biases[best])


def _ridge_paths(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Slopes (K, penalties) and intercepts (penalties,) of ridge regression."""
    left, sizes, right = np.linalg.svd(x - x.mean(0), full_matrices=False)
    shrunk = sizes[:, None] / (np.square(sizes)[:, None] + PENALTIES)
    slopes = right.T @ (shrunk * (left.T @ (y - y.mean()))[:, None])
    return slopes, y.mean() - x.mean(0) @ slopes


def _gaussian_process(x: Floats, y: Floats) -> tuple[float, Floats]:
    """Gamma of the kernel, and weights (m,) of the training rows.

    The marginal likelihood chooses length scale and noise from a grid; the signal's variance has a closed form. A grid
    has no local optimum to end in, and one eigendecomposition serves all noises.
    """
    square = np.square(x).sum(1)
    apart = np.maximum(square[:, None] + square - 2 * x @ x.T, 0.0)
    best: tuple[float, float, Floats] = (-np.inf, 0.0, y)
    for length in LENGTHS * np.sqrt(np.count_nonzero(x.any(0))):
        gamma = float(1.0 / (2.0 * length * length))
        values, vectors = np.linalg.eigh(np.exp(-gamma * apart))
        along = vectors.T @ y
        total = np.maximum(values, 0.0)[:, None] + NOISES  # (m, noises)
        variance = np.maximum((np.square(along)[:, None] / total).mean(0), 1e-12)
        fits = -0.5 * (len(y) * np.log(variance) + np.log(total).sum(0))
        noise = int(np.argmax(fits))
        if fits[noise] > best[0]:
            best = (float(fits[noise]), gamma, vectors @ (along / total[:, noise]))
    return best[1], best[2]


SUPPORT_VECTORS = RegressionSystem("trial descriptors, SVR", "whole", "svr", grid=True)
GAUSSIAN_PROCESS = RegressionSystem("trial descriptors, Gaussian process", "whole", "process")
POOLED_RIDGE = RegressionSystem("trial descriptors, pooled ridge", "skill", "ridge", pool=True)


def regression_systems(features: FeatureSet) -> list[RegressionSystem]:
    """The regressions of the paper's tables that these features allow, and ours."""

    def of_paper(name: str, describe: str, kernel: Kernel) -> RegressionSystem:
        return RegressionSystem(name, describe, "svr", "range", kernel, c=1.0, epsilon=0.05)

    systems: list[RegressionSystem] = []
    if features.scene.shape[-1]:
        kernels: dict[str, Kernel] = {"L": "linear", "P": "poly", "RBF": "rbf"}
        systems += [of_paper(f"I3D-SVR-{short}", "scene", kernel) for short, kernel in kernels.items()]
        systems.append(of_paper("C3D-SVR (on our clips)", "scene_unit", "linear"))
    if features.primary.shape[-1]:
        systems.append(of_paper("Pose+DCT", "cosines", "linear"))
        systems.append(RegressionSystem("DCT+DFT+ApEn", "frequencies", "nearest", "range"))
    systems += [SUPPORT_VECTORS, GAUSSIAN_PROCESS]
    return [*systems, *(trial_regressions() if features.trial.shape[-1] else ())]


def trial_regressions() -> tuple[RegressionSystem, ...]:
    """Regressions on trial-level descriptors alone, which carry over between people best."""
    return (
        POOLED_RIDGE,
        RegressionSystem("trial descriptors, pooled ridge by user", "skill", "ridge by user", pool=True),
        RegressionSystem("trial descriptors, pooled ridge on ranks", "skill", "ridge by user", "rank", pool=True),
        RegressionSystem("trial descriptors, ridge within tasks", "trial", "ridge", "task", pool=True),
        RegressionSystem("trial descriptors, pooled Gaussian process", "skill", "process", pool=True),
    )
