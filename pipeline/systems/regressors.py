"""Systems without networks: regressions of scikit-learn on descriptors of whole performances.

Everything is fitted on the training part alone. The views of one trial count once there: equal labels on nearly equal
descriptors would look like labels without noise. A fitted regression consists of scikit-learn's objects, which
`pipeline.systems.stored_regressions` stores.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from data.splits import TIED, bundle_numbers, unsplit_groups
from data.store.arrays import Floats, Rows
from pipeline.settings.method import Method
from pipeline.systems.descriptors import DESCRIPTORS
from pipeline.systems.system import Predict, Predictions, System
from pipeline.train import TrainingControl, label_table
from pipeline.train.feature_set import FeatureSet

# A Gaussian process with constants at an end of their bounds is fine. Set before threads start: one that ends a filter
# of its own takes back those that others set meanwhile.
warnings.filterwarnings("ignore", message="The optimal value found", module=r"sklearn\.gaussian_process")

PENALTIES = np.logspace(-1, 4, 20)
"""Ridge penalties to choose from; leaving out one trial chooses, and where trials have copies, `_best`."""

GRID = {"kernel": ("rbf", "linear"), "C": (1.0, 0.1, 10.0), "epsilon": (0.1, 0.3)}
"""Constants of support vector regression to choose from on inner folds; the library's defaults come first."""

GRID_FOLDS = 3

NEIGHBOURS = 5

LENGTHS, NOISES = (0.3, 16.0), (1e-2, 1e2)
"""Bounds of the Gaussian process: length scale in roots of the number of descriptors, and noise variance in those of
the scores, since no judge is free of noise."""


COPIES = ("original",)
"""Groups of the copies of a performance, such as mirrored ones."""


@dataclass(frozen=True)
class Tied:
    """What is kept together where constants are chosen."""

    groups: Rows  # (n,) the group of each row, as the folds of the system keep them together
    copies: Rows  # (n,) the performance of each row


@dataclass(frozen=True)
class FittedRegression:
    """A regression with what it does to descriptors and scores.

    Attributes:
        describe: key of `pipeline.systems.descriptors.DESCRIPTORS`.
        columns: (K,) the descriptors that vary in the training part.
        inputs: scales descriptors and cuts them to the range of the training part; None without a descriptor.
        model: from scaled descriptors to scaled scores.
        scores: scales scores.
    """

    describe: str
    columns: Rows
    inputs: Any
    model: Any
    scores: Any

    def predict(self, features: FeatureSet, table: Floats | None = None) -> Predictions:
        """Scores, each computed alone; `table` holds the descriptors if they are computed already."""
        table = DESCRIPTORS[self.describe](features) if table is None else table
        x = self.inputs.transform(table[:, self.columns]) if len(self.columns) else np.zeros((len(table), 1))
        # The bits of a matrix product depend on the number of rows, and on their order in memory.
        scaled = np.array([float(self.model.predict(row[None])[0]) for row in np.ascontiguousarray(x)])
        return Predictions(self.scores.inverse_transform(scaled.reshape(-1, 1)).reshape(1, -1))


@dataclass(frozen=True)
class RegressionSystem(System):
    """A regression as a system; each task has its own.

    Attributes:
        describe: key of `pipeline.systems.descriptors.DESCRIPTORS`.
        model: key of `FITS`.
        in_range: scale scores to 0..1 as the paper does, not to deviations from their mean.
        within_users: learn ranks within each user, from descriptors relative to the user's mean.
        unsplit: groups that no inner fold splits.
    """

    name: str
    describe: str
    model: str
    in_range: bool = False
    within_users: bool = False
    unsplit: tuple[str, ...] = TIED

    def fit(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predict:
        """See `System.fit`."""
        return self.fitted(train).predict

    def identity(self) -> Any:
        """See `System.identity`."""
        return [type(self).__name__, {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}]

    def fitted(self, train: FeatureSet, table: Floats | None = None) -> FittedRegression:
        """Fit to labelled performances; `table` holds their descriptors if they are computed already."""
        from sklearn.dummy import DummyRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MinMaxScaler, StandardScaler

        table = DESCRIPTORS[self.describe](train) if table is None else table
        firsts, means = _trials(train)
        values, labels, trials = means @ table, means @ label_table(train.records)[:, 0], train.take(firsts)
        scores = (MinMaxScaler if self.in_range else StandardScaler)().fit(labels[:, None])
        columns = np.flatnonzero(_varies(values))
        if not len(columns):  # for example without any detection
            mean = DummyRegressor().fit(np.zeros((len(labels), 1)), scores.transform(labels[:, None])[:, 0])
            return FittedRegression(self.describe, columns, None, mean, scores)
        cut, scale = MinMaxScaler(clip=True), StandardScaler()
        x, y = cut.fit_transform(values[:, columns]), scores.transform(labels[:, None])[:, 0]
        if self.within_users:
            x, y = _within_users(x, labels, trials)
        x = scale.fit_transform(x)
        tied = Tied(*(bundle_numbers(trials.records, unsplit) for unsplit in (self.unsplit, COPIES)))
        model = FITS[self.model](x, y, tied)
        return FittedRegression(self.describe, columns, make_pipeline(cut, scale), model, scores)


def _varies(values: Floats) -> Any:
    """(K,) whether a descriptor (n, K) is more than rounding."""
    return values.std(0) > 1e-9 * np.maximum(np.abs(values).mean(0), 1e-9)


def _trials(features: FeatureSet) -> tuple[Rows, Floats]:
    """The first row of every trial, and the matrix (trials, rows) that averages the views of each."""
    names = [record.groups.get("trial", record.id) for record in features.records]
    trials = list(dict.fromkeys(names))
    views = np.array([[name == trial for name in names] for trial in trials], dtype=np.float64)
    return views.argmax(1), views / views.sum(1, keepdims=True)


def _within_users(x: Floats, labels: Floats, trials: FeatureSet) -> tuple[Floats, Floats]:
    """Descriptors with every user's mean moved to that of all, and ranks of the scores within each user.

    The ranks have a variance of about 1. What tells users apart, in descriptors and in scores, says nothing about the
    trials of another user.
    """
    from scipy.stats import rankdata

    users = np.array([record.groups.get("subject", "") for record in trials.records])
    x, y, mean = x.copy(), np.zeros(len(labels)), x.mean(0)
    for user in dict.fromkeys(users.tolist()):
        mine = users == user
        x[mine] += mean - x[mine].mean(0)
        y[mine] = ((rankdata(labels[mine]) - 0.5) / mine.sum() - 0.5) * np.sqrt(12.0)
    return x, y


def _best(model: Any, grid: Mapping[str, Any], x: Floats, y: Floats, groups: Rows) -> dict[str, Any]:
    """The constants of a grid with the least squared error on folds that split no group; none for a single group."""
    from sklearn.model_selection import GridSearchCV, GroupKFold

    if (folds := min(GRID_FOLDS, len(np.unique(groups)))) < 2:
        return {}
    search = GridSearchCV(model, grid, scoring="neg_mean_squared_error", cv=GroupKFold(folds), refit=False)
    return dict(search.fit(x, y, groups=groups).best_params_)


def _ridge(x: Floats, y: Floats, tied: Tied) -> Any:
    from sklearn.linear_model import Ridge, RidgeCV

    copied = len(np.unique(tied.copies)) < len(x)
    best = _best(Ridge(), {"alpha": PENALTIES}, x, y, tied.copies) if copied else {}
    return RidgeCV([*best.values()] or PENALTIES).fit(x, y)


def _support_vectors(x: Floats, y: Floats, tied: Tied) -> Any:
    from sklearn.svm import SVR

    return SVR(**_best(SVR(), GRID, x, y, tied.groups)).fit(x, y)


def _paper_vectors(kernel: str) -> Callable[[Floats, Floats, Tied], Any]:
    def fit(x: Floats, y: Floats, tied: Tied) -> Any:
        from sklearn.svm import SVR

        return SVR(kernel=kernel, C=1.0, epsilon=0.05).fit(x, y)

    return fit


def _gaussian_process(x: Floats, y: Floats, tied: Tied) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    root = float(np.sqrt(x.shape[1]))
    similar = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(root, (LENGTHS[0] * root, LENGTHS[1] * root))
    return GaussianProcessRegressor(similar + WhiteKernel(1.0, NOISES)).fit(x, y)


def _nearest(x: Floats, y: Floats, tied: Tied) -> Any:
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor(min(NEIGHBOURS, len(x)), weights="distance", algorithm="brute").fit(x, y)


FITS: Mapping[str, Callable[[Floats, Floats, Tied], Any]] = {
    "ridge": _ridge,
    "svr": _support_vectors,
    "process": _gaussian_process,
    "nearest": _nearest,
    **{f"svr {kernel}": _paper_vectors(kernel) for kernel in ("linear", "poly", "rbf")},
}
"""Fit scaled scores (n,) to scaled descriptors (n, K)."""

REGRESSIONS = (
    RegressionSystem("descriptors, ridge", "whole", "ridge"),
    RegressionSystem("descriptors, SVR", "whole", "svr"),
    RegressionSystem("descriptors, Gaussian process", "whole", "process"),
    RegressionSystem("descriptors, nearest neighbours", "whole", "nearest"),
)
"""Regressions beside AIM in a combination: one linear, two with kernels, one without a model, all on every descriptor.

They are the four that a first course teaches. No result on JIGSAWS chose them, nor their descriptors.
"""

FOR_NEW_USERS = RegressionSystem("descriptors, ridge within users", "whole", "ridge", within_users=True)
"""The regression beside them where users are unseen."""


def regressions_of(method: Method) -> tuple[RegressionSystem, ...]:
    """The regressions that the networks' score is averaged with; none where the method does not combine."""
    return regressions_for(unsplit_groups(method.protocol)) if method.combined else ()


def regressions_for(unsplit: Sequence[str]) -> tuple[RegressionSystem, ...]:
    """The regressions of a combination, where folds keep groups of `unsplit` together."""
    systems = (*REGRESSIONS, FOR_NEW_USERS) if "subject" in unsplit else REGRESSIONS
    return tuple(replace(one, unsplit=tuple(unsplit)) for one in systems)


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
    ours = (*REGRESSIONS, FOR_NEW_USERS) if _has_users(features) else REGRESSIONS
    return [*systems, *(replace(one, unsplit=tuple(unsplit)) for one in ours)]


def _has_users(features: FeatureSet) -> bool:
    """Whether users are known, and at least one has two performances."""
    users = [record.groups["subject"] for record in features.records if "subject" in record.groups]
    return len(set(users)) < len(users)
