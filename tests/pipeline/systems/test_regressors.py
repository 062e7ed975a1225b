"""Regressions: scikit-learn's results, views that count once, storage, and what carries over between people."""

import io
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR

from data.splits import bundle_numbers
from pipeline.systems.regressors import (
    ECONOMY_AND_RIDGE,
    FOR_KNOWN_PEOPLE,
    GRID,
    NEIGHBOURS,
    PENALTIES,
    FittedRegression,
    RegressionSystem,
    regression_systems,
)
from pipeline.systems.stored_regressions import dump_regressions, load_regressions
from pipeline.train.fit import one_thread
from pipeline.train.normalise import label_table
from tests.helpers.made_features import made_features
from tests.helpers.planted_people import people

OURS = [*FOR_KNOWN_PEOPLE, ECONOMY_AND_RIDGE]
RIDGE, VECTORS, PROCESS = FOR_KNOWN_PEOPLE
NEAREST = RegressionSystem("DCT+DFT+ApEn", "frequencies", "nearest")


@pytest.fixture(scope="module")
def features():
    return made_features(40, channels=4, scene=6, trial=5)


def standardised(features):
    """Descriptors cut to the range of the first 30 rows and standardised by them, and scores likewise."""
    table, scores = features.trial.astype(float), label_table(features.records)[:, 0]
    cut = np.clip(table, table[:30].min(0), table[:30].max(0))
    return (cut - cut[:30].mean(0)) / cut[:30].std(0), (scores - scores[:30].mean()) / scores[:30].std()


def predicted(system, features):
    """Standardised predictions for the last 10 of 40 rows."""
    scores = label_table(features.records)[:30, 0]
    made = replace(system, describe="trial").fitted(features.take(range(30))).predict(features.take(range(30, 40)))
    return (made.score[0] - scores.mean()) / scores.std()


def test_nearest_neighbours_ridge_and_vectors_are_scikit_learns(features):
    x, y = standardised(features)
    groups = bundle_numbers(features.take(range(30)).records, VECTORS.unsplit)
    search = GridSearchCV(SVR(), GRID, scoring="neg_mean_squared_error", cv=GroupKFold(3))
    theirs = {
        NEAREST: KNeighborsRegressor(NEIGHBOURS, weights="distance").fit(x[:30], y[:30]),
        RIDGE: RidgeCV(PENALTIES).fit(x[:30], y[:30]),
        VECTORS: search.fit(x[:30], y[:30], groups=groups),
    }
    for system, model in theirs.items():
        np.testing.assert_allclose(predicted(system, features), model.predict(x[30:]), atol=1e-6)
    low, span = y[:30].min(), np.ptp(y[:30])  # the paper's vectors have scores from 0 to 1
    for kernel in ("linear", "poly", "rbf"):
        system = RegressionSystem("x", "trial", f"svr {kernel}", in_range=True)
        model = SVR(kernel=kernel, C=1.0, epsilon=0.05).fit(x[:30], (y[:30] - low) / span)
        np.testing.assert_allclose(predicted(system, features), model.predict(x[30:]) * span + low, atol=1e-6)
    first = {name: values[0] for name, values in GRID.items()}
    assert first == {name: getattr(SVR(), name) for name in GRID}, "the library's defaults come first"


def test_copies_of_a_performance_do_not_choose_the_penalty(features):
    """A copy tells the label of the row that is left out, so that leaving out one row takes the least penalty."""
    given = replace(features, trial=np.random.default_rng(0).normal(size=(40, 60)).astype(np.float32))
    first, second = (
        replace(
            given,
            records=tuple(
                replace(record, id=record.id + end, groups={"original": record.id}) for record in given.records
            ),
        )
        for end in ("", "-mirrored")
    )
    ridge, twins = replace(RIDGE, describe="trial"), first.followed_by(second)
    unknown = replace(twins, records=tuple(replace(record, groups={}) for record in twins.records))
    assert ridge.fitted(unknown).model.alpha_ == PENALTIES[0]
    assert ridge.fitted(twins).model.alpha_ > 10


@pytest.mark.parametrize("system", OURS, ids=lambda s: s.name)
def test_views_of_a_trial_count_once_and_each_performance_is_computed_alone(system):
    features = people(trials=2)
    second = tuple(replace(record, id=f"{record.id}-b") for record in features.records)
    views = features.followed_by(replace(features, records=second))
    with one_thread():
        once, twice = system.fitted(features), system.fitted(views)
        scores = once.predict(features).score[0]
        np.testing.assert_allclose(scores, twice.predict(features).score[0], rtol=1e-5)
        (stored,) = load_regressions(dump_regressions([once]))
        assert np.array_equal(stored.predict(features).score[0], scores)
        alone = [once.predict(features.take([row])).score[0, 0] for row in range(len(features))]
        assert np.array_equal(alone, scores)
        assert np.array_equal(system.fitted(features).predict(features).score[0], scores)


def stored(**changes):
    """A stored ridge regression with other parts."""
    fitted = RIDGE.fitted(made_features(12, channels=2, scene=2, trial=3))
    return dump_regressions([FittedRegression(**vars(fitted) | changes)])


class Hostile:
    """Would run code where a pickle of it is read."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was read",))


def repacked(content, change, by):
    """A file of skops with other text in its description."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(change, by) if name == "schema.json" else old.read(name))
    return out.getvalue()


def test_damaged_and_hostile_files_are_refused():
    content = stored()
    assert load_regressions(content)
    files = {
        "empty": b"",
        "a pickle": pickle.dumps(Hostile()),
        "cut": content[: len(content) // 2],
        "no description": repacked(content, b"{", b"["),
        "another class of the library": repacked(content, b"RidgeCV", b"RidgeC"),
        "a class of elsewhere": repacked(content, b"sklearn.linear_model._ridge", b"subprocess"),
        "a function": stored(inputs={"": FunctionTransformer(np.exp)}),
        "inputs of another task": stored(inputs={"other": StandardScaler()}),
        "a model that is none": stored(model=StandardScaler()),
        "other descriptors": stored(describe="elsewhere"),
        "columns that are none": stored(columns=np.array([0.5])),
        "no inputs": stored(inputs=None),
    }
    for name, bad in files.items():
        with pytest.raises(ValueError, match="cannot be read"):
            print(name, load_regressions(bad))


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr("pipeline.systems.stored_regressions.MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="larger than any regression"):
        load_regressions(stored())


def test_features_in_which_nothing_varies_give_the_mean():
    features = made_features(24, trial=3)
    names = ("primary", "secondary", "scene", "trial")
    same = replace(features, **{name: np.ones_like(getattr(features, name)) for name in names})
    mean = label_table(same.records)[:16, 0].mean()
    for system in regression_systems(same):
        fitted = system.fitted(same.take(range(16)))
        assert isinstance(fitted.model, DummyRegressor)
        (again,) = load_regressions(dump_regressions([fitted]))
        assert np.allclose(again.predict(same.take(range(16, 24))).score, mean), system.name
