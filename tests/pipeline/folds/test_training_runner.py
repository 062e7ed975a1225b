"""Trainings on a real Ray on this machine: the same bits as here; a lost worker costs its training once."""

import json
import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.method_comparison import cue_features
from data.errors import Cancelled, UsageError
from data.splits import make_folds
from models.aim_config import AimConfig
from pipeline.evaluate import Protocol, cross_validate, read_results
from pipeline.evaluate.grid_search import CHOSEN, candidates, parse_grid
from pipeline.evaluate.leaderboard import UNDIVIDED, all_systems
from pipeline.folds import TrainingRunner, chosen_epoch, combination, folds_of, last_epoch, watching
from pipeline.folds.fit_predict import TrainingError, fit_predict, trainings_of
from pipeline.observer import Progress
from pipeline.pack.pack_file import write_pack
from pipeline.settings.config import load_config
from pipeline.settings.machine import WorkConfig
from pipeline.settings.train_config import TrainConfig
from pipeline.systems import PUBLISHED_ROWS, AimSystem, PublishedSystem, SimpleSystem, System, trivial_baselines
from pipeline.systems.regressors import regression_systems
from pipeline.train import TrainingControl, label_table
from pipeline.train.fit import one_thread, torch_threads
from run_pipeline import app
from tests.helpers.local_ray import local_ray
from tests.helpers.made_features import made_features, with_records

MODEL = AimConfig(width=8, regression_width=8)
RECIPE = TrainConfig(networks=2, epochs=3)


@pytest.fixture(scope="module")
def cluster():
    with local_ray():
        yield


def on_ray(workers=2, **more):
    return TrainingRunner(WorkConfig(workers=workers, engine="ray"), **more)


def features(count=40, **more):
    """Two tasks, eight users."""
    made = made_features(count, channels=6, scene=5, trial=3, **more)
    return replace(made, records=tuple(replace(r, task=f"t{i // 8 % 2}") for i, r in enumerate(made.records)))


def same(one, other):
    """Whether the predictions are equal to the last bit."""
    pairs = zip(one, other, strict=True)
    return all(a.chosen == b.chosen and a.score.tobytes() == b.score.tobytes() for a, b in pairs)


def training_of(system, features):
    """The training of a system on the first of two folds of the first task."""
    return trainings_of(system, features, folds_of(features, make_folds("kfold", features.records, k=2))[0])[0]


def without_time(results):
    return replace(results, origin=replace(results.origin, date=""))


def test_only_networks_say_where_they_trained_and_published_ones_stay_on_the_processor():
    given, elsewhere = features(), TrainingControl(device="cuda")
    published = next(one for one in all_systems(given, MODEL, RECIPE).values() if isinstance(one, PublishedSystem))
    for system, device in ((trivial_baselines(given)[0], ""), (regression_systems(given)[0], ""), (published, "cpu")):
        assert fit_predict(given, training_of(system, given), elsewhere).device == device
    assert AimSystem("AIM", MODEL, RECIPE).device(elsewhere) == "cuda"


@dataclass(frozen=True)
class Killer(System):
    """Kills the worker that it runs in, `times` times; then predicts the number of its tries."""

    folder: Path
    times: int
    name: str = "killer"
    joins_tasks: bool = True

    def fit(self, train, watched, control):
        tries = len(list(self.folder.iterdir()))
        (self.folder / str(tries)).touch()
        if tries < self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        counted = SimpleSystem("", lambda train: lambda test, repeat: np.full(len(test), tries + 1.0))
        return counted.fit(train, None, control)


@dataclass(frozen=True)
class Sleeper(System):
    """Writes a file when it runs, and ends only when it is asked to stop."""

    place: Path
    name: str = "sleeper"
    joins_tasks: bool = True

    def fit(self, train, watched, control):
        self.place.touch()
        assert control.stop is not None
        while not control.stop():
            time.sleep(0.05)
        self.place.with_suffix(".ended").touch()
        raise Cancelled


def broken(train):
    raise ZeroDivisionError("by nought")


def predicted(train):
    return lambda test, repeat: np.arange(len(test), dtype=float)


def test_every_system_of_the_leaderboard_is_the_same_on_ray(cluster):
    judged = cue_features("difficulty", 24)
    systems = all_systems(judged, MODEL, TrainConfig(networks=1, epochs=2), times_difficulty=True)
    rows = [*map(last_epoch, systems.values()), combination(regression_systems(judged)[:2], unseen_users=False)]
    rows.append(chosen_epoch(watching(systems["RICA2"])))
    folds = make_folds("kfold", judged.records, k=2)
    here = cross_validate(judged, Protocol(folds), rows)
    assert without_time(cross_validate(judged, Protocol(folds), rows, runner=on_ray(1))) == without_time(here)
    assert {*PUBLISHED_ROWS, "RICA2, epoch by inner validation", UNDIVIDED, "ST-GCN", "JR-GCN"} < set(here.systems)


@dataclass(frozen=True)
class Counting(System):
    """A system without identity, which notes how often it is fitted."""

    fitted: list[int]
    name: str = "counting"
    joins_tasks: bool = True

    def fit(self, train, watched, control):
        self.fitted.append(len(train))
        return SimpleSystem("", predicted).fit(train, None, control)


def test_a_system_without_identity_is_fitted_once_a_fold():
    made, fitted = features(), list[int]()
    cross_validate(made, Protocol(make_folds("kfold", made.records, k=3)), [Counting(fitted)])
    assert sum(fitted) == 2 * len(made), "each of three folds trains on two thirds"
    assert len(fitted) == 3


@dataclass(frozen=True)
class Halfway(System):
    """Reports half of its work, and ends once a file says that this was heard: Ray passes on what is latest."""

    heard: Path
    name: str = "halfway"
    joins_tasks: bool = True

    @property
    def passes(self):
        return 1000

    def fit(self, train, watched, control):
        assert control.progress is not None
        control.progress(1, 2)
        until = time.monotonic() + 60
        while not self.heard.exists() and time.monotonic() < until:
            time.sleep(0.05)
        return SimpleSystem("", predicted).fit(train, None, control)


class Shares(Progress):
    """Notes the items that finish, and the share of the work after every change; a file says that one was heard."""

    def __init__(self, heard):
        super().__init__("trainings")
        self.heard = heard
        self.finished = []
        self.shares = []

    def finish(self, item, failure=""):
        self.finished.append(item)
        super().finish(item, failure)

    def changed(self):
        self.shares.append(self.share)
        if 0.1 < self.share < 0.9:
            self.heard.touch()


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_the_longest_training_starts_first_and_reports_its_share(request, engine, tmp_path):
    if engine == "ray":
        request.getfixturevalue("cluster")
    made, seen = features(), Shares(tmp_path / "heard")
    long = watching(AimSystem("AIM (ours)", MODEL, TrainConfig(networks=2, epochs=120)))
    long = Halfway(seen.heard) if engine == "ray" else long
    wanted = [training_of(system, made) for system in (SimpleSystem("counts", predicted), long)]
    with one_thread():
        (on_ray(1, progress=seen) if engine == "ray" else TrainingRunner(progress=seen))(made, wanted)
    assert seen.finished == [1, 0]
    assert seen.shares == sorted(seen.shares)
    assert (seen.shares[0], seen.shares[-1]) == (0.0, 1.0)
    assert seen.heard.exists(), "a training reports its share while it runs"


def test_nothing_depends_on_the_number_of_cores():
    made = features(120)
    system = AimSystem("one network", AimConfig(width=32), TrainConfig(networks=3, epochs=2, batch=0))
    wanted, results = [training_of(system, made), training_of(replace(system, name="again"), made)], []
    with one_thread():
        for cores in (1, 3):
            results.append([fit_predict(made, one, TrainingControl(cores=cores)) for one in wanted])
    results += [TrainingRunner(WorkConfig(workers=workers))(made, wanted) for workers in (None, 1)]
    assert all(same(results[0], more) for more in results[1:])


def test_workers_bound_how_many_trainings_run_side_by_side():
    made, running, most = features(), list[int](), list[int]()

    def watched(train):
        running.append(1)
        most.append(len(running))
        time.sleep(0.2)
        running.pop()
        return predicted(train)

    wanted = [training_of(SimpleSystem(name, watched), made) for name in "abc"]
    with torch_threads(3):
        for workers, bound in ((None, 3), (0, 3), (2, 2), (1, 1)):
            most.clear()
            TrainingRunner(WorkConfig(workers=workers))(made, wanted)
            assert max(most) == bound


def test_a_killed_worker_costs_its_training_once(cluster, tmp_path):
    made = features()
    counts = training_of(SimpleSystem("counts", predicted), made)
    results = on_ray(1)(made, [counts, training_of(Killer(tmp_path, 1), made), counts])
    assert results[1].score[0, 0] == 2.0
    assert same(results[:1], results[2:])
    assert len(list(tmp_path.iterdir())) == 2


def test_a_training_that_loses_two_workers_is_named(cluster, tmp_path):
    made = features()
    with pytest.raises(TrainingError, match=r"^killer: lost 2 workers"):
        on_ray(1)(made, [training_of(Killer(tmp_path, 9), made)])


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_failing_system_names_itself(request, engine):
    if engine == "ray":
        request.getfixturevalue("cluster")
    made = features()
    runner = on_ray(1) if engine == "ray" else TrainingRunner()
    folds = make_folds("kfold", made.records, k=2)
    with pytest.raises(TrainingError, match=r"^test_training_runner.py:\d+: counts badly: ZeroDivisionError"):
        cross_validate(
            made, Protocol(folds), [*trivial_baselines(made), SimpleSystem("counts badly", broken)], runner=runner
        )


def test_settings_that_do_not_fit_the_features_are_an_error_of_use():
    made = features()
    absent = AimSystem("w/o transformation", AimConfig(transformation=False), RECIPE)
    uneven = replace(made, secondary=made.secondary[..., :4])
    with pytest.raises(UsageError, match=r"^w/o transformation: "):
        cross_validate(uneven, Protocol(make_folds("kfold", made.records, k=2)), [absent])


def test_stop_ends_what_runs_and_starts_nothing_more(cluster, tmp_path):
    made = features()
    wanted = [training_of(Sleeper(tmp_path / str(i)), made) for i in range(3)]
    with pytest.raises(Cancelled):
        on_ray(stop=lambda: (tmp_path / "0").exists() and (tmp_path / "1").exists())(made, wanted)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "0.ended", "1", "1.ended"]


def test_stopped_networks_save_their_state(tmp_path):
    """The first checkpoint tells that training runs; the last is written because of the stop."""
    made = features()
    endless = TrainConfig(networks=1, epochs=10**6)
    wanted = [training_of(AimSystem("aim", MODEL, endless), made)]
    with pytest.raises(Cancelled):
        TrainingRunner(stop=lambda: any(tmp_path.iterdir()), folder=tmp_path)(made, wanted)
    assert any(tmp_path.glob("*/stack-*.safetensors"))


def test_the_planted_setting_is_chosen(tmp_path):
    """One channel of the scene shows the score. A network learns it if noise does not drown it and steps are not small.

    In the test part the channel shows the opposite.
    """
    made = features(48, noise=0.0)
    scores, scene = label_table(made.records)[:, 0], made.scene.copy()
    scene[..., 0] = 3 * ((scores - scores.mean()) / scores.std())[:, None]
    turned = with_records(
        made,
        lambda r, i: (
            {"split": "train"} if i < 36 else {"split": "test", "labels": replace(r.labels, score=-r.labels.score)}
        ),
    )
    write_pack(tmp_path / "made.h5", replace(turned, scene=scene))
    words = ["evaluate", "--pack", str(tmp_path / "made.h5"), "--out", str(tmp_path / "out")]
    for grid in ("train.weight_decay=1000,0", "train.learning_rates=[1e-6],[1e-2]"):
        words += ["--grid", grid]
    for setting in ("switch_epochs=[15]", "epochs=15", "learning_rates=[1e-6]", "networks=2"):
        words += ["--set", f"train.{setting}"]
    for setting in ("model.width=8", "combined=false", "protocol=fixed"):
        words += ["--set", setting]
    said = CliRunner().invoke(app, words, catch_exceptions=False).stderr
    chosen = "train.weight_decay=0, train.learning_rates=[0.01]"
    assert f"inner validation, with the number of trainings: {chosen} in 2" in " ".join(said.split())
    result = read_results(tmp_path / "out/results.json").systems[CHOSEN]
    assert [choice.chosen for choice in result.chosen] == [(chosen,), (chosen,)]  # of two tasks


def test_a_grid_has_all_combinations_of_its_values():
    grid = parse_grid(["model.width=8,16,16", "train.learning_rates=[1e-3, 1e-4],[2e-3, 1e-4]"])
    assert grid == {"model.width": [8, 16], "train.learning_rates": [[1e-3, 1e-4], [2e-3, 1e-4]]}
    made = candidates(grid, lambda more: load_config(None, ["train.switch_epochs=[5, 9]", *more]))
    assert len(made) == 4
    for name, method in made.items():
        rates = json.dumps(method.train.learning_rates)
        assert name == f"model.width={method.network.width}, train.learning_rates={rates}"
    with pytest.raises(UsageError, match="nothing to search"):
        parse_grid([])
