"""Systems without networks: regressions of scikit-learn on descriptors of whole performances.

Everything is fitted on the training part alone. Views of one trial count once there: equal labels on nearly equal
descriptors would look like noise-free labels. A fitted regression consists of scikit-learn objects, stored by
`pipeline.systems.stored_regressions`.

Known and new people need different regressions. For known people, descriptors that identify the performer help, so
each task learns separately from all descriptors. For new people, only the effects of skill on a trial transfer. Their
regressions read only trial-level descriptors, standardised within each task, and learn from all tasks at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from data.splits import TIED, bundle_numbers, unsplit_groups
from data.store.arrays import Floats, Rows
from extractors.timesteps import direction
from pipeline.settings.method import Method
from pipeline.systems.descriptors import DESCRIPTORS
from pipeline.systems.system import Predict, Predictions, System
from pipeline.train import TrainingControl, label_table, task_rows
from pipeline.train.feature_set import FeatureSet

# A Gaussian process with constants at their bounds is fine. Set before threads start: a thread that leaves its own
# filter also removes filters that others have set meanwhile.
warnings.filterwarnings("ignore", message="The optimal value found", module=r"sklearn\.gaussian_process")

PENALTIES = np.logspace(-1, 4, 20)
"""Ridge penalties, chosen by leaving out one trial, or by `_best` if trials have copies."""

GRID = {"kernel": ("rbf", "linear"), "C": (1.0, 0.1, 10.0), "epsilon": (0.1, 0.3)}
"""Constants of support vector regression, chosen on inner folds; the library's defaults come first."""

GRID_FOLDS = 3

NEIGHBOURS = 5

TINY = 1e-12

LEAST_DESCRIPTORS = 3
"""Fewest trial descriptors for regressions for new people, and fewest with a known direction for economy."""

LENGTHS, NOISES = (0.3, 16.0), (1e-2, 1e2)
"""Bounds of the Gaussian process: length scale in units of the root of the number of descriptors, and noise variance
in units of the scores' variance, since every judge is noisy."""


COPIES = ("original",)
"""Groups of copies of a performance, such as mirrored videos."""


@dataclass(frozen=True)
class Known:
    """Further inputs of a fit, besides scaled descriptors (n, K) and scores (n,)."""

    groups: Rows  # (n,) the group of each row, which the system's folds keep together
    copies: Rows  # (n,) the performance of each row
    directions: Rows  # (K,) -1 where less is better, 0 where unknown


@dataclass(frozen=True)
class FittedRegression:
    """A regression with its scaling of descriptors and scores.

    Attributes:
        describe: key of `pipeline.systems.descriptors.DESCRIPTORS`.
        columns: (K,) the descriptors that vary in the training part.
        inputs: by task, scales descriptors and clips them to the training range; empty without descriptors.
        model: from scaled descriptors to scaled scores.
        scores: by task, scales scores. The task "" joins all tasks, for videos without a task.
    """

    describe: str
    columns: Rows
    inputs: Mapping[str, Any]
    model: Any
    scores: Mapping[str, Any]

    def predict(self, features: FeatureSet) -> Predictions:
        """Scores, computed per performance."""
        table = DESCRIPTORS[self.describe](features)[:, self.columns]
        out = np.zeros((1, len(table)))
        for row, record in enumerate(features.records):
            # One at a time: the bits of a matrix product depend on the number of rows and the memory layout.
            task, cells = record.task if record.task in self.scores else "", np.ascontiguousarray(table[row : row + 1])
            x = self.inputs[task].transform(cells) if self.inputs else np.zeros((1, 1))
            out[0, row] = self.scores[task].inverse_transform(self.model.predict(x).reshape(1, 1))[0, 0]
        return Predictions(out)


@dataclass(frozen=True)
class RegressionSystem(System):
    """A regression as a system.

    Attributes:
        describe: key of `pipeline.systems.descriptors.DESCRIPTORS`.
        model: key of `FITS`.
        in_range: scale scores to 0..1, as in the paper, instead of standardising them.
        joins_tasks: scale descriptors and scores within each task; else all tasks count as one.
        unsplit: groups that no inner fold splits.
    """

    name: str
    describe: str
    model: str
    in_range: bool = False
    joins_tasks: bool = False
    unsplit: tuple[str, ...] = TIED
    times_difficulty: bool = False

    def fit(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predict:
        """See `System.fit`."""
        return self.fitted(train).predict

    def identity(self) -> Any:
        """See `System.identity`."""
        return [type(self).__name__, {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}]

    def fitted(self, train: FeatureSet) -> FittedRegression:
        """Fit to labelled performances."""
        from sklearn.dummy import DummyRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MinMaxScaler, StandardScaler

        firsts, means = _trials(train)
        values, labels = means @ DESCRIPTORS[self.describe](train), means @ label_table(train.records)[:, 0]
        trials = train.take(firsts)
        whole = {"": np.arange(len(labels))}
        tasks = task_rows(trials) if self.joins_tasks else whole
        columns = np.flatnonzero(np.any([_varies(values[rows]) for rows in tasks.values()], axis=0))
        inputs, scores, y = dict[str, Any](), dict[str, Any](), np.zeros(len(labels))
        x = np.zeros((len(labels), max(1, len(columns))))
        for task, rows in (whole | tasks).items():
            scores[task] = (MinMaxScaler if self.in_range else StandardScaler)().fit(labels[rows, None])
            y[rows] = scores[task].transform(labels[rows, None])[:, 0]
            if len(columns):
                inputs[task] = make_pipeline(MinMaxScaler(clip=True), StandardScaler())
                x[rows] = inputs[task].fit_transform(values[np.ix_(rows, columns)])
        if not len(columns):  # for example without any detection
            return FittedRegression(self.describe, columns, {}, DummyRegressor().fit(x, y), scores)
        names = train.names.get("trial", ()) if self.describe == "trial" else ()
        directions = np.array([direction(name) for name in names] or np.zeros(values.shape[1]), dtype=np.intp)
        groups, copies = (bundle_numbers(trials.records, unsplit) for unsplit in (self.unsplit, COPIES))
        model = FITS[self.model](x, y, Known(groups, copies, directions[columns]))
        return FittedRegression(self.describe, columns, inputs, model, scores)


def _varies(values: Floats) -> Any:
    """(K,) whether a descriptor (n, K) varies by more than rounding."""
    return values.std(0) > 1e-9 * np.maximum(np.abs(values).mean(0), 1e-9)


def _trials(features: FeatureSet) -> tuple[Rows, Floats]:
    """The first row of every trial, and a matrix (trials, rows) that averages its views."""
    names = [record.groups.get("trial", record.id) for record in features.records]
    trials = list(dict.fromkeys(names))
    views = np.array([[name == trial for name in names] for trial in trials], dtype=np.float64)
    return views.argmax(1), views / views.sum(1, keepdims=True)


def _best(model: Any, grid: Mapping[str, Any], x: Floats, y: Floats, groups: Rows) -> dict[str, Any]:
    """The grid's constants with the least squared error on folds that split no group; empty for a single group."""
    from sklearn.model_selection import GridSearchCV, GroupKFold

    if (folds := min(GRID_FOLDS, len(np.unique(groups)))) < 2:
        return {}
    search = GridSearchCV(model, grid, scoring="neg_mean_squared_error", cv=GroupKFold(folds), refit=False)
    return dict(search.fit(x, y, groups=groups).best_params_)


def _ridge(x: Floats, y: Floats, known: Known) -> Any:
    from sklearn.linear_model import Ridge, RidgeCV

    copied = len(np.unique(known.copies)) < len(x)
    best = _best(Ridge(), {"alpha": PENALTIES}, x, y, known.copies) if copied else {}
    return RidgeCV([*best.values()] or PENALTIES).fit(x, y)


def _support_vectors(x: Floats, y: Floats, known: Known) -> Any:
    from sklearn.svm import SVR

    return SVR(**_best(SVR(), GRID, x, y, known.groups)).fit(x, y)


def _paper_vectors(kernel: str) -> Callable[[Floats, Floats, Known], Any]:
    def fit(x: Floats, y: Floats, known: Known) -> Any:
        from sklearn.svm import SVR

        return SVR(kernel=kernel, C=1.0, epsilon=0.05).fit(x, y)

    return fit


def _gaussian_process(x: Floats, y: Floats, known: Known) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    root = float(np.sqrt(x.shape[1]))
    similar = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(root, (LENGTHS[0] * root, LENGTHS[1] * root))
    return GaussianProcessRegressor(similar + WhiteKernel(1.0, NOISES)).fit(x, y)


def _nearest(x: Floats, y: Floats, known: Known) -> Any:
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor(min(NEIGHBOURS, len(x)), weights="distance", algorithm="brute").fit(x, y)


def _economy(x: Floats, y: Floats, known: Known) -> Any:
    """The mean of the descriptors with a known direction, mapped by a line with a slope of at least 0.

    The mean has no weights to learn (Dawes 1979, "The robust beauty of improper linear models in decision making"). All
    tasks share the slope: one line per task ranks worse (`benchmarks.unseen_people`).
    """
    economy = x @ known.directions
    slope = max(0.0, float(economy @ y) / max(float(economy @ economy), TINY))
    return _line(slope * known.directions, float(y.mean()))


def _economy_and_ridge(x: Floats, y: Floats, known: Known) -> Any:
    """The mean of economy of motion and a ridge regression, both scaled to the ridge's standard deviation."""
    ridge = _ridge(x, y, known)
    weights = np.asarray(ridge.coef_, dtype=np.float64).ravel()
    deviations = [float((x @ direction).std()) for direction in (weights, known.directions)]
    economy = known.directions * (deviations[0] / max(deviations[1], TINY))
    return _line((weights + economy) / 2, float(ridge.intercept_))


def _line(coefficients: Any, intercept: float) -> Any:
    from sklearn.linear_model import LinearRegression

    line = LinearRegression()
    line.coef_, line.intercept_, line.n_features_in_ = coefficients, intercept, len(coefficients)
    return line


FITS: Mapping[str, Callable[[Floats, Floats, Known], Any]] = {
    "ridge": _ridge,
    "svr": _support_vectors,
    "process": _gaussian_process,
    "nearest": _nearest,
    "economy": _economy,
    "economy and ridge": _economy_and_ridge,
    **{f"svr {kernel}": _paper_vectors(kernel) for kernel in ("linear", "poly", "rbf")},
}
"""Functions that fit scaled scores (n,) to scaled descriptors (n, K)."""

FOR_KNOWN_PEOPLE = (
    RegressionSystem("descriptors, ridge", "whole", "ridge"),
    RegressionSystem("descriptors, SVR", "whole", "svr"),
    RegressionSystem("descriptors, Gaussian process", "whole", "process"),
)
"""Regressions beside AIM in a combination: one linear, two with kernels, all on every descriptor.

These are textbook methods. Neither they nor their descriptors were chosen by results on JIGSAWS.
"""

ECONOMY = RegressionSystem("economy of motion", "trial", "economy", joins_tasks=True)
UNSEEN_RIDGE = RegressionSystem("trial descriptors, ridge", "trial", "ridge", joins_tasks=True)
ECONOMY_AND_RIDGE = RegressionSystem("economy and ridge", "trial", "economy and ridge", joins_tasks=True)
"""System for people outside the training part."""


def regressions_of(method: Method, features: FeatureSet) -> tuple[RegressionSystem, ...]:
    """The regressions to average with the networks' score; empty if the method does not combine."""
    systems = regressions_for(unsplit_groups(method.protocol), features) if method.combined else ()
    return tuple(replace(system, times_difficulty=method.times_difficulty) for system in systems)


def regressions_for(unsplit: Sequence[str], features: FeatureSet) -> tuple[RegressionSystem, ...]:
    """The regressions of a combination if folds keep groups of `unsplit` together."""
    systems = unseen_systems(features)[-1:] if for_new_people(unsplit, features) else FOR_KNOWN_PEOPLE
    return tuple(replace(system, unsplit=tuple(unsplit)) for system in systems)


def for_new_people(unsplit: Sequence[str], features: FeatureSet) -> bool:
    """Whether a combination is for new people: folds keep users together, and trial-level descriptors exist."""
    return "subject" in unsplit and bool(unseen_systems(features))


def regression_systems(features: FeatureSet, unsplit: Sequence[str] = TIED) -> list[RegressionSystem]:
    """The regressions of the paper's tables that these features allow, and ours; `unsplit` as in `regressions_for`."""

    def of_paper(name: str, describe: str, model: str) -> RegressionSystem:
        return RegressionSystem(name, describe, model, in_range=True)

    systems: list[RegressionSystem] = []
    if features.scene.shape[-1]:
        kernels = {"L": "linear", "P": "poly", "RBF": "rbf"}
        systems += [of_paper(f"I3D-SVR-{short}", "scene", f"svr {kernel}") for short, kernel in kernels.items()]
        systems.append(of_paper("C3D-SVR (on our clips)", "scene_unit", "svr linear"))
    if features.primary.shape[-1]:
        systems.append(of_paper("Pose+DCT", "cosines", "svr linear"))
        systems.append(of_paper("DCT+DFT+ApEn", "frequencies", "nearest"))
    ours = (*FOR_KNOWN_PEOPLE, *unseen_systems(features))
    return [*systems, *(replace(system, unsplit=tuple(unsplit)) for system in ours)]


def unseen_systems(features: FeatureSet) -> tuple[RegressionSystem, ...]:
    """The systems for unseen people that these features allow; the combination uses the last."""
    if features.trial.shape[-1] < LEAST_DESCRIPTORS:
        return ()
    directed = sum(direction(name) != 0 for name in features.names.get("trial", ()))
    return (ECONOMY, UNSEEN_RIDGE, ECONOMY_AND_RIDGE) if directed >= LEAST_DESCRIPTORS else (UNSEEN_RIDGE,)
