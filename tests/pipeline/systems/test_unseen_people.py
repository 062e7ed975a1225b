"""Systems for people who were not seen in training, on drawn surgical trials (`benchmarks.unseen_people`)."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.unseen_people import draw
from data.video import Labels
from extractors.timesteps import direction
from pipeline.systems.regressors import ECONOMY, ECONOMY_AND_RIDGE, UNSEEN_RIDGE, unseen_systems

SYSTEMS = (ECONOMY, UNSEEN_RIDGE, ECONOMY_AND_RIDGE)
TRIALS = draw(0)
NAMES = TRIALS.names["trial"]
DIRECTED = [column for column, name in enumerate(NAMES) if direction(name)]
SEEN, NEW = (
    TRIALS.take([row for row, record in enumerate(TRIALS.records) if (record.groups["subject"] == "user 3") == new])
    for new in (False, True)
)


def scores(system, train=SEEN, test=NEW):
    return np.asarray(system.fitted(train).predict(test).score[0])


def with_trial(features, trial):
    return replace(features, trial=trial.astype(np.float32))


def with_scores(features, values):
    records = zip(features.records, values.tolist(), strict=True)
    return replace(features, records=tuple(replace(one, labels=Labels(score)) for one, score in records))


def labels(features):
    return np.array([record.labels.score for record in features.records if record.labels])


def test_time_path_gripper_travel_and_turning_of_each_tool_have_a_direction():
    assert len(DIRECTED) == 1 + 4 * 3
    assert direction("log_duration_s") == direction("secondary.right.log_turned_rad") == -1
    assert direction("primary.left.log_path_body") == direction("primary.left.log_speed_m_s") == 0


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: one.name)
def test_who_performs_and_where_changes_no_score(system):
    other = [replace(part, scene=part.scene * 0, primary=part.primary * 0) for part in (SEEN, NEW)]
    assert np.array_equal(scores(system, *other), scores(system))


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: one.name)
def test_each_task_has_units_of_its_own(system):
    """Descriptors and scores of one task in other units give the same scores in these units."""
    other = []
    for part in (SEEN, NEW):
        mine = np.array([record.task == "Suturing" for record in part.records])
        trial = np.where(mine[:, None], 3.0 * part.trial + 5.0, part.trial)
        other.append(with_scores(with_trial(part, trial), np.where(mine, 2.0 * labels(part) + 7.0, labels(part))))
    mine = np.array([record.task == "Suturing" for record in NEW.records])
    expected = scores(system)
    np.testing.assert_allclose(scores(system, *other), np.where(mine, 2.0 * expected + 7.0, expected), atol=0.02)


def test_all_tasks_teach_one_regression():
    alone = SEEN.take([row for row, record in enumerate(SEEN.records) if record.task == "Suturing"])
    test = NEW.take([row for row, record in enumerate(NEW.records) if record.task == "Suturing"])
    assert not np.allclose(scores(UNSEEN_RIDGE, alone, test), scores(UNSEEN_RIDGE, SEEN, test), atol=0.1)


@pytest.mark.parametrize("column", DIRECTED)
def test_less_motion_is_never_worse(column):
    less = NEW.trial.copy()
    less[:, column] -= 0.3
    assert (scores(ECONOMY, test=with_trial(NEW, less)) >= scores(ECONOMY) - 1e-9).all()


def test_labels_that_contradict_economy_give_it_no_slope():
    """The direction is known before the labels, so they cannot turn it: the score is the mean of each task."""
    contrary = scores(ECONOMY, with_scores(SEEN, 40 - labels(SEEN)))
    for task in {record.task for record in NEW.records}:
        mean = np.mean([40 - record.labels.score for record in SEEN.records if record.labels and record.task == task])
        np.testing.assert_allclose(contrary[[record.task == task for record in NEW.records]], mean)


def test_a_video_that_names_no_task_is_scaled_like_all_of_them():
    fitted = ECONOMY_AND_RIDGE.fitted(SEEN)
    nameless = replace(NEW, records=tuple(replace(record, task="") for record in NEW.records))
    x = fitted.inputs[""].transform(NEW.trial[:, fitted.columns].astype(np.float64))
    found = fitted.predict(nameless).score[0]
    assert found == pytest.approx(labels(SEEN).mean() + labels(SEEN).std() * fitted.model.predict(x))
    assert np.abs(found - fitted.predict(NEW).score[0]).max() > 1


def test_the_combination_weighs_both_parts_alike():
    """Economy has the deviation of the ridge's predictions; without directions there is the ridge alone."""
    seen = replace(SEEN, records=tuple(replace(record, task="") for record in SEEN.records))
    ridge, both = (one.fitted(seen).model.coef_.ravel() for one in (UNSEEN_RIDGE, ECONOMY_AND_RIDGE))
    fitted = ECONOMY_AND_RIDGE.fitted(seen)
    x = fitted.inputs[""].transform(seen.trial[:, fitted.columns].astype(np.float64))
    economy = x @ (2 * both - ridge)
    assert np.std(economy) == pytest.approx(np.std(x @ ridge))
    nameless = {"trial": tuple(f"d{number}" for number in range(len(NAMES)))}
    assert unseen_systems(TRIALS) == SYSTEMS
    assert unseen_systems(replace(TRIALS, names=nameless)) == (UNSEEN_RIDGE,)
    assert unseen_systems(replace(TRIALS, trial=TRIALS.trial[:, :2])) == ()
