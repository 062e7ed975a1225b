"""Scoring from video files to tables and page, on a toy stage: numbers, flags, equal bytes, hostile names."""

from __future__ import annotations

import csv
import getpass
import io
import json
import math
import os
import platform
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from data.errors import CacheError, DataError, LossKind, UsageError, WorkerLost
from data.video.records import Labels, Record
from data.video.video_search import find_videos
from data.video.writer import LOSSLESS, write_video
from extractors.base import setting
from models.aim_config import AimConfig
from pipeline import api
from pipeline.cache import open_cache
from pipeline.cache.failure import TIPS, Failure
from pipeline.checks.flag import Flag
from pipeline.folds.combination import NETWORK
from pipeline.observer import Observer
from pipeline.pack.labelled_features import gather_features
from pipeline.pool import ThreadPool
from pipeline.report import ReportData, ScoredVideos, render_report, write_scores_page
from pipeline.report.report_pages import folder_page
from pipeline.run import STOPPED, Plan, Planner
from pipeline.run.batch import run_extract
from pipeline.score import train_model
from pipeline.score.calibration import Calibration
from pipeline.score.calibration_folds import calibrate
from pipeline.score.model_card import FILE as CARD
from pipeline.score.model_files import FILES, HASHES, cover, model_sha256
from pipeline.score.score import NO_JUDGEMENT, Score
from pipeline.score.score_tables import csv_text, score_rows, scores_as_json, write_csv
from pipeline.score.scorer import Scorer, load_scorer, percentile
from pipeline.score.trained_model import ModelScores, TrainedModel
from pipeline.settings.config import Config, validate
from pipeline.settings.method import Method, SplitConfig
from pipeline.settings.recipes import TrainConfig
from pipeline.train.feature_set import FeatureSet
from tests.helpers.cached_outputs import damage
from tests.helpers.extracting import cached_in
from tests.helpers.made_features import made_features
from tests.helpers.toy_stages import use_stages
from tests.helpers.toy_timesteps import ToyTimesteps, ToyTimestepsConfig
from tests.helpers.watching import Watching

COUNT = 22


def film(path: Path, grey: int, frames: int = 30) -> Path:
    """A flat video of one grey level."""
    pictures = (np.full((32, 48, 3), grey, np.uint8) for _ in range(frames))
    write_video(path, pictures, 25, options=LOSSLESS)
    return path


@pytest.fixture(scope="module")
def toy_table() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use_stages(patch, timesteps="tests.helpers.toy_timesteps:ToyTimesteps")
        yield


@pytest.fixture(scope="module")
def labelled(toy_table: None, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Films in a folder `train`, whose score is their brightness."""
    root = tmp_path_factory.mktemp("score")
    greys = np.random.default_rng(0).permutation(np.linspace(30, 220, COUNT).astype(int))
    for number, grey in enumerate(greys):
        film(root / f"train/{number:02d}.mp4", int(grey), 28 + number % 5)
    records = find_videos([root / "train"]).records
    days = [f"2026-03-{1 + int(record.name[:2]) % 9:02d}" for record in records]
    return [
        replace(r, labels=Labels(greys[int(r.name[:2])] / 2), day=day) for r, day in zip(records, days, strict=True)
    ]


@pytest.fixture(scope="module")
def trained(labelled: list[Record]) -> tuple[Path, Path]:
    """A calibrated run on these films, and a folder of unseen films."""
    root = folder_of(labelled)
    config = toy_config(root / "cache")
    with open_cache(config.machine) as cache:
        assert run_extract(Planner(config, cache).plan_all(labelled), config.machine, cache).ok
        done = train_model(gather_features(labelled, config, cache, Observer()), config, root / "run", cache)
    assert (done.calibration is not None, done.not_calibrated) == (True, "")
    for name, grey in (("a", 100), ("b", 180), ("c", 60)):
        film(root / f"new/{name}.mp4", grey)
    return root / "run", root / "new"


def folder_of(records: list[Record]) -> Path:
    """The folder that contains the folder of the films."""
    assert records[0].path is not None
    return records[0].path.parents[1]


@pytest.fixture
def scorer(trained: tuple[Path, Path]) -> Scorer:
    return load_scorer(trained[0])


def calibration_of(scorer: Scorer) -> Calibration:
    assert scorer.model.calibration is not None
    return scorer.model.calibration


def toy_config(cache: Path, folds: int = 4) -> Config:
    train = {"recipe": "fast", "networks": 2, "epochs": 30, "switch_epochs": [15, 25, 30]}
    settings = {"stages": ["timesteps"], "cache": str(cache), "work": {"workers": 0}, "train": train}
    settings |= {"split": {"calibration_folds": folds}}
    return validate({**settings, "model": {"width": 8, "regression_width": 8}})


@pytest.fixture
def run_copy(trained: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained[0], tmp_path / "run"))


def describe(folder: Path, **changes: Any) -> None:
    """Change the description of a run, with hashes that fit it."""
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**description, **changes}))
    cover(folder)


def test_a_score_with_everything_beside_it(scorer: Scorer, trained: tuple[Path, Path]) -> None:
    scored = scorer.score(trained[1] / "a.mp4")
    assert scored.score is not None
    assert scored.interval80 is not None
    assert scored.interval95 is not None
    low80, high80 = scored.interval80
    low95, high95 = scored.interval95
    assert low95 <= low80 <= scored.score <= high80 <= high95
    assert 0 <= (scored.percentile or -1) <= 100
    assert len(scored.steps) == 4
    low = scorer.model.normaliser.score_range[0, 0]
    assert scores_as_json([scored])[0]["constant"] == pytest.approx(low, abs=1e-6), "the lowest training score"
    assert (scored.flags, scored.failure) == ((), None)
    assert {"length", "settings", "calibration", "distance to the training performances"} <= set(scored.checked)
    assert not {"people detected", "right person", "camera"} & set(scored.checked)  # no such stage ran


def test_a_combination_is_scored_from_video_to_page(
    trained: tuple[Path, Path], labelled: list[Record], tmp_path: Path
) -> None:
    """The share that belongs to no step has a column in the tables and a line on the page."""
    run = tmp_path / "run"
    config = toy_config(folder_of(labelled) / "cache", folds=3)
    with open_cache(config.machine) as cache:
        train_model(gather_features(labelled, config, cache, Observer()), config, run, cache)
    scorer = load_scorer(run)
    films, combination = find_videos([trained[1]]).records, scorer.model.combination
    names = combination.names
    for used in (names[1:], names):
        scorer.model = replace(scorer.model, combination=replace(combination, used=used, ranks={}))
        rows, shares = scorer.score_records(films), NETWORK in used
        assert {math.isfinite(step.score) for row in rows for step in row.steps} == {shares}, "others only guess"
        assert [row.other_share is not None for row in rows] == [shares] * len(rows)
    low = min(record.labels.score for record in labelled if record.labels)
    for row in rows:
        assert row.score == pytest.approx(sum(step.score for step in row.steps) + (row.other_share or 0) + low)
        assert row.interval80 is not None
    assert next(csv.DictReader(io.StringIO(csv_text(rows))))["other_share"] == f"{rows[0].other_share:.6f}"
    assert scores_as_json(rows)[0]["other_share"] == pytest.approx(rows[0].other_share)
    assert scores_as_json(rows)[0]["constant"] == pytest.approx(low)
    write_scores_page(tmp_path / "page.html", ScoredVideos(scorer, rows, films), ReportData("films"))
    assert "(no step: the part of the model that reads the whole performance)" in (tmp_path / "page.html").read_text()
    assert "the score is the mean" in (run / CARD).read_text()


def test_a_kept_failure_is_tried_again(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """A crash of the decoder, which another version of it may not have."""
    run, new = trained
    scorer, record = load_scorer(run, cached_in(tmp_path / "cache")), find_videos([new / "a.mp4"]).records[0]
    planned = scorer.planner.plan(record).stages[-1]
    scorer.cache.keep_failure(planned.parts, record, Failure("crashed", planned.name, "killed by SIGSEGV"))
    assert scorer.score_records([record])[0].score is not None


def test_damage_is_computed_again_when_it_is_read(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, new = trained
    records = find_videos([new]).records
    before = load_scorer(run, cached_in(tmp_path / "cache")).score_records(records)
    scorer, observer = load_scorer(run, cached_in(tmp_path / "cache")), Watching()
    damage(scorer.cache.root, "timesteps", "b.mp4")
    assert csv_text(scorer.score_records(records, observer)) == csv_text(before)
    assert len(observer.lines) == 1
    assert "b.mp4 is extracted again: the output of timesteps cannot be used (damaged cache file" in observer.lines[0]
    damage(scorer.cache.root, "timesteps", "a.mp4")
    assert set(scorer.outputs(before[0], records[0])) == {"timesteps"}
    damage(scorer.cache.root, "timesteps", "a.mp4")
    assert len(gather_features(records, scorer.config, scorer.cache, Observer())) == len(records)


def test_an_output_that_is_always_damaged_fails_by_name(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, new = trained
    scorer = load_scorer(run, cached_in(tmp_path / "cache"))
    scorer.cache.read = damaged  # type: ignore[method-assign, assignment]
    row = scorer.score(new / "a.mp4")
    assert row.score is None
    assert "damaged cache file" in str(row.failure)


def damaged(*_: object) -> Any:
    raise CacheError("damaged cache file")


def test_the_same_video_gives_the_same_bytes(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, new = trained
    names = sorted(new.glob("*.mp4"))
    together = load_scorer(run, cached_in(tmp_path / "one")).score_records(find_videos([new]).records)
    alone = [load_scorer(run, cached_in(tmp_path / f"alone{i}")).score(name) for i, name in enumerate(names)]
    assert json.dumps(scores_as_json(together)) == json.dumps(scores_as_json(alone))
    assert csv_text(together) == csv_text(alone)
    again = load_scorer(run, cached_in(tmp_path / "one")).score_records(find_videos([new]).records)
    assert csv_text(again) == csv_text(together)


def test_the_folder_scores_elsewhere(trained: tuple[Path, Path], run_copy: Path, tmp_path: Path) -> None:
    video = Path(shutil.copy(trained[1] / "a.mp4", tmp_path / "a.mp4"))
    here = load_scorer(trained[0], cached_in(tmp_path / "c1")).score(trained[1] / "a.mp4")
    there = load_scorer(run_copy, cached_in(tmp_path / "c2")).score(video)
    assert replace(there, path=None) == replace(here, path=None)
    card = (run_copy / CARD).read_text()
    assert f"{COUNT} labelled performances" in card
    assert "4 folds, 2 networks each" in card
    assert "## Limits" in card


def test_other_settings_are_refused_with_what_to_type(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyTimesteps, "version", 2)
    with pytest.raises(UsageError, match=r"timesteps.version: 1 in the model, 2 here.*Train it again: .* train ROOT"):
        load_scorer(trained[0], cached_in(tmp_path))


class LaterTimesteps(ToyTimestepsConfig):
    """The settings of a stage in a later version of the program."""

    halves: bool = setting(False, "whether")


class LaterSplit(SplitConfig):
    """Those of a section of the method."""

    by_year: bool = setting(False, "whether")


class LaterMethod(Method):
    """The method with that section."""

    split: LaterSplit = LaterSplit()


def test_a_new_setting_with_a_default_leaves_a_trained_model_as_it_is(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, user = trained[1] / "a.mp4", cached_in(tmp_path)
    before = load_scorer(trained[0], user).score(video)
    monkeypatch.setattr(ToyTimesteps, "Config", LaterTimesteps)
    monkeypatch.setattr("pipeline.settings.method.Method", LaterMethod)
    after = load_scorer(trained[0], cached_in(tmp_path))
    assert after.config.dump()["split"]["by_year"] is after.config.dump()["timesteps"]["halves"] is False
    assert after.score(video) == before
    assert after.planner.plan(find_videos([video]).records[0]).todo == ()


def test_other_weights_are_refused_with_the_setting_that_names_a_file(run_copy: Path, tmp_path: Path) -> None:
    description = json.loads((run_copy / "model.json").read_text())
    description["settings"]["timesteps"]["identity"]["weights"] = "ab" * 32
    (run_copy / "model.json").write_text(json.dumps(description))
    cover(run_copy)
    with pytest.raises(UsageError, match=r'identity.weights: "abab.* --set timesteps.weights_file=FILE$'):
        load_scorer(run_copy, cached_in(tmp_path))


def test_a_video_of_the_training_part_is_flagged_whatever_its_name(
    trained: tuple[Path, Path], run_copy: Path, tmp_path: Path
) -> None:
    run, new = trained
    trained_video = Path(shutil.copy(run.parent / "train/03.mp4", tmp_path / "renamed.mp4"))
    flagged, other = (
        load_scorer(run, cached_in(tmp_path / "cache")).score(trained_video),
        load_scorer(run, cached_in(tmp_path / "cache")).score(new / "a.mp4"),
    )
    assert ("warn", "training video: no test") in [(flag.level, flag.title) for flag in flagged.flags]
    assert "training video: no test" in csv_text([flagged])
    assert "training video: no test" in score_rows([flagged])[1][0][-1]
    assert other.flags == ()
    assert "training videos" in other.checked
    contents = json.loads((run / "model.json").read_text())["contents"]
    assert len(contents) == COUNT
    assert {len(content) for content in contents} == {64}
    describe(run_copy, contents=None)  # a run of a pack
    assert "training videos" not in load_scorer(run_copy).score(trained_video).checked


def test_the_accuracy_on_held_out_videos_is_beside_every_score(
    scorer: Scorer, trained: tuple[Path, Path], tmp_path: Path
) -> None:
    new, calibration = trained[1], calibration_of(scorer)
    accuracy = calibration.accuracy
    scored = scorer.score(new / "a.mp4")
    assert accuracy.better
    assert accuracy.mae < accuracy.mean_mae
    assert scored.accuracy == accuracy
    assert scores_as_json([scored])[0]["accuracy"] == str(accuracy)
    page, records = tmp_path / "page.html", find_videos([new / "a.mp4"]).records
    write_scores_page(page, ScoredVideos(scorer, [scored], records), ReportData("t"))
    assert "that of guessing the mean" in page.read_text()
    scorer.model = replace(scorer.model, calibration=replace(calibration, predicted=2 * 60 - calibration.predicted))
    assert not calibration_of(scorer).accuracy.better
    flagged = scorer.score(new / "a.mp4")
    assert [(flag.level, flag.title) for flag in flagged.flags] == [("bad", "no better than guessing")]
    assert str(flagged.accuracy).startswith("no better than guessing the mean: on 8 of 10 new videos")
    assert flagged.flags[0].detail.startswith("On 8 of 10 new videos"), "its title says that the model guesses"
    write_scores_page(page, ScoredVideos(scorer, [flagged], records), ReportData("t"))
    assert "No score: no better than guessing." in page.read_text()
    assert f"{flagged.accuracy.errors[1:]}." in page.read_text()


def test_execution_has_its_own_accuracy_and_is_hidden_where_that_is_no_better_than_guessing(
    scorer: Scorer, trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, calibration, predict = trained[1], calibration_of(scorer), TrainedModel.predict

    def with_execution(model: TrainedModel, features: FeatureSet) -> ModelScores:
        made = predict(model, features)
        return replace(made, execution=made.score / 10)

    monkeypatch.setattr(TrainedModel, "predict", with_execution)
    truth = np.stack([calibration.truth / 10, np.full(len(calibration.truth), np.nan)], axis=1)
    page, records = tmp_path / "page.html", find_videos([new / "a.mp4"]).records
    scorer.model = replace(scorer.model, calibration=replace(calibration, head_truth=truth, head_predicted=truth + 0.3))
    scored = scorer.score(new / "a.mp4")
    assert scored.execution is not None
    write_scores_page(page, ScoredVideos(scorer, [scored], records), ReportData("t"))
    assert "Execution: on 8 of 10 new videos this model is right within ±0.3 (" in page.read_text()
    assert "within ±0.3 (" in scores_as_json([scored])[0]["head_accuracy"]["execution"]
    scorer.model = replace(
        scorer.model, calibration=replace(calibration, head_truth=truth, head_predicted=truth[::-1].copy())
    )
    hidden = scorer.score(new / "a.mp4")
    assert (hidden.execution, hidden.head_accuracy, hidden.score) == (None, {}, scored.score)
    write_scores_page(page, ScoredVideos(scorer, [hidden], records), ReportData("t"))
    assert "xecution" not in page.read_text().split("<main")[1].split('id="origin"')[0]


def test_the_calibration_keeps_the_first_and_the_last_day(scorer: Scorer) -> None:
    assert calibration_of(scorer).facts.days == ("2026-03-01", "2026-03-09")


def test_the_calibration_keeps_held_out_executions(tmp_path: Path) -> None:
    """Labels and predictions of the heads come back from the folder; a head without labels has no accuracy."""
    made = made_features(24, channels=3, scene=4)
    labels = [replace(record.labels or Labels(), synchronisation=None) for record in made.records]
    records = tuple(replace(record, labels=one) for record, one in zip(made.records, labels, strict=True))
    features = replace(made, records=records)
    run = TrainedModel.fit(
        features,
        TrainConfig(networks=1, epochs=4),
        AimConfig(width=8, regression_width=8, multi_task=True),
    )
    calibration = calibrate(features, run, folds=3)[0]
    replace(run, calibration=calibration).save(tmp_path)
    loaded = TrainedModel.load(tmp_path).calibration
    assert loaded is not None
    assert set(loaded.head_accuracies) == {"execution"}
    assert loaded.head_accuracies == calibration.head_accuracies
    assert loaded.head_accuracies["execution"].performances == 24


@pytest.mark.parametrize("calibrated", [True, False])
def test_training_videos_are_shown_by_their_held_out_predictions(
    trained: tuple[Path, Path], run_copy: Path, tmp_path: Path, calibrated: bool
) -> None:
    """A page about training videos shows held-out predictions, or says that it is no test."""
    if not calibrated:
        describe(run_copy, calibration=None)
    root = trained[0].parent
    names = [f"{number:02d}.mp4" for number in range(COUNT)]
    (tmp_path / "labels.csv").write_text("video,score\n" + "".join(f"{name},50\n" for name in names))
    dataset = {"kind": "folder", "root": str(root / "train"), "labels": str(tmp_path / "labels.csv")}
    user = validate({**toy_config(root / "cache").dump(), "dataset": dataset})
    data = folder_page(run_copy, (), tmp_path / "page.html", 2, user, Observer())
    page = render_report(data)
    if not calibrated:
        assert "<title>Training videos: no test (run)</title>" in page
        assert "eld-out prediction" not in page.split("<main")[1].split("<script")[0]
        return
    assert "<title>Training videos, held-out predictions (run)</title>" in page
    scorer = load_scorer(run_copy)
    held_out = dict(zip(scorer.model.train_ids, calibration_of(scorer).predicted.tolist(), strict=True))
    assert data.batch is not None
    assert len(data.batch.rows) == COUNT
    for row in data.batch.rows:
        assert row.shown_score == held_out[row.name] != row.result.score
        assert f'data-v="{held_out[row.name]}">' in page
    assert '<span class="label">held-out prediction</span>' in page
    assert "Networks that were trained without it made this prediction" in page
    assert data.evaluation is not None
    assert {p.id: p.predicted for p in data.evaluation.predictions} == held_out
    headline = data.evaluation.headline
    assert headline is not None
    assert headline.value is not None
    assert -1 <= headline.value <= 1
    assert str(COUNT) in headline.about


def test_intervals_end_at_the_lowest_possible_score(scorer: Scorer) -> None:
    """No training score is negative, so no interval reaches below zero."""
    calibration = calibration_of(scorer)
    wide = replace(calibration, predicted=calibration.predicted + 200)
    for truth, cut in ((wide.truth, True), (wide.truth - 100, False)):
        ends = replace(wide, truth=truth).intervals(scorer.model.blank_features(), np.array([-61.86]))[0.8]
        assert ends is not None
        assert (ends[0, 0] == 0) == cut == (ends[0, 0] >= 0)


def test_unlike_and_too_short_videos_are_flagged(trained: tuple[Path, Path], tmp_path: Path) -> None:
    film(tmp_path / "short.mp4", 100, 12)
    film(tmp_path / "long.mp4", 100, 100)
    scorer = load_scorer(trained[0], cached_in(tmp_path / "c"))
    short, long = (scorer.score(tmp_path / f"{name}.mp4") for name in ("short", "long"))
    assert {flag.title for flag in short.flags} >= {"too short"}
    assert {flag.title for flag in long.flags} == {"too long", "unlike the training performances"}
    assert long.flags[0].level == "bad"
    assert (long.valid, long.why, long.percentile) == (False, "too long; unlike the training performances", None)


def test_few_independent_performances_give_no_interval_of_95_percent(
    scorer: Scorer, trained: tuple[Path, Path]
) -> None:
    calibration = calibration_of(scorer)
    scorer.model = replace(scorer.model, calibration=replace(calibration, group=calibration.group % 6))
    scored = scorer.score(trained[1] / "a.mp4")
    assert scored.interval80 is not None
    assert scored.interval95 is None
    assert (scored.flags[-1].level, scored.flags[-1].title) == ("info", "no 95 % interval")


def test_without_calibration_there_are_no_intervals_and_a_flag(run_copy: Path, trained: tuple[Path, Path]) -> None:
    describe(run_copy, calibration=None)
    scored = load_scorer(run_copy).score(trained[1] / "a.mp4")
    assert (scored.interval80, scored.interval95) == (None, None)
    assert [flag.title for flag in scored.flags] == ["no intervals"]


def test_a_run_that_is_damaged_without_hashes_or_of_another_version_is_refused(run_copy: Path) -> None:
    describe(run_copy, names=5)
    with pytest.raises(DataError, match=r"this model is damaged \(.*\. Train it again: .* train ROOT"):
        load_scorer(run_copy)
    describe(run_copy, format=2)
    with pytest.raises(DataError, match=r"another version trained this model\. Train it again: .* train ROOT"):
        load_scorer(run_copy)
    (run_copy / HASHES).unlink()
    with pytest.raises(DataError, match="hashes of this model are missing"):
        load_scorer(run_copy)


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_refused_by_the_name_of_its_file(run_copy: Path, name: str) -> None:
    content = bytearray((run_copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run_copy / name).write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"damaged: it differs") as caught:
        load_scorer(run_copy)
    assert str(caught.value).startswith(str(run_copy / name))
    (run_copy / name).unlink()
    with pytest.raises(DataError, match=r"this file of the model is missing|no trained model here"):
        load_scorer(run_copy)


def test_every_command_gives_the_same_notes(
    trained: tuple[Path, Path], run_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notes are about inputs that are left out, and about outputs that are extracted again."""
    notes: dict[str, list[str]] = {}
    shutil.copytree(trained[1], tmp_path / "in")
    here = lambda *_: ThreadPool()  # noqa: E731 -- worker processes have no toy stage
    monkeypatch.setattr("pipeline.pool.ray_pool.ProcessPool", here)
    (tmp_path / "in/gone.mp4").symlink_to("nowhere")
    os.mkfifo(tmp_path / "in/pipe.mp4")
    calls: dict[str, Callable[[Observer], Any]] = {
        "score": lambda observer: api.score(tmp_path / "in", model=run_copy, workers=0, observer=observer),
        "report": lambda observer: api.report(run_copy, tmp_path / "in", workers=0, observer=observer),
        "plot": lambda observer: api.plot(run_copy, tmp_path / "in", out=tmp_path / "figures", observer=observer),
    }
    for command, call in calls.items():
        (tmp_path / command).mkdir()
        monkeypatch.chdir(tmp_path / command)
        scorer = load_scorer(run_copy)
        scorer.score_records(find_videos([tmp_path / "in"]).records)
        damage(scorer.cache.root, "timesteps", "a.mp4")
        scorer.cache.close()
        call(watching := Watching())
        notes[command] = [line.replace(str(tmp_path / command), "") for line in watching.lines]
    assert notes["score"] == notes["report"] == notes["plot"]
    texts = ("leads nowhere", "not a regular file", "extracted again")
    assert [text in line for text, line in zip(texts, notes["score"], strict=True)] == [True] * 3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_with_numbers_that_are_not_finite_is_refused(run_copy: Path, value: float) -> None:
    whole = load_file(run_copy / "model.safetensors")
    tensors = {k: torch.full_like(v, value) if k.startswith("state.regression") else v for k, v in whole.items()}
    assert any(not torch.equal(tensors[name], whole[name]) for name in whole)
    save_file(tensors, run_copy / "model.safetensors")
    describe(run_copy, calibration=None)
    with pytest.raises(DataError, match=r"this model is damaged \(a number of 'state\.regression\..* is not finite"):
        load_scorer(run_copy)


def test_bad_beside_good_and_the_page(trained: tuple[Path, Path], tmp_path: Path) -> None:
    film(tmp_path / "in/good.mp4", 90)
    (tmp_path / "in/bad.mp4").write_text("no video")
    scorer = load_scorer(trained[0], cached_in(tmp_path / "cache"))
    records = find_videos([tmp_path / "in"]).records
    rows = scorer.score_records(records)
    assert [row.failure is None for row in rows] == [False, True]
    hostile = '<script>alert("x")</script>\n.mp4'
    page = tmp_path / "page.html"
    names = {"good.mp4": hostile, "bad.mp4": hostile}
    write_scores_page(page, ScoredVideos(scorer, rows, records, names), ReportData("t"))
    text = page.read_text()
    assert '<script>alert("x")' not in text
    assert "&lt;script&gt;" in text
    assert "No flags. Checked:" in text
    assert scorer.model_sha256 in text
    assert NO_JUDGEMENT.replace("'", "&#39;") in text
    assert "9 of 10 training videos" in text
    private = (str(tmp_path), str(Path(__file__).parents[3]), f" on {platform.node()}", f" by {getpass.getuser()} ")
    assert [word for word in private if word in text] == []
    write_csv(tmp_path / "scores.csv", rows)
    lines = list(csv.DictReader((tmp_path / "scores.csv").open()))
    assert lines[0]["error"]
    assert float(lines[1]["low80"]) < float(lines[1]["score"]) < float(lines[1]["high80"])


@pytest.mark.parametrize("kind", ["killed", "timeout"])
def test_every_text_says_what_to_do_about_a_lost_worker(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: LossKind
) -> None:
    def lose(_: object, __: object, plans: deque[Plan], ___: object) -> Iterator[tuple[Plan, WorkerLost]]:
        while plans:
            yield plans.popleft(), WorkerLost("the worker ended", kind)

    monkeypatch.setattr("pipeline.run.batch.run_items", lose)
    scorer, films = load_scorer(trained[0], cached_in(tmp_path / "cache")), find_videos([trained[1] / "a.mp4"]).records
    rows = scorer.score_records(films)
    write_scores_page(tmp_path / "page.html", ScoredVideos(scorer, rows, films), ReportData("t"))
    (cells,), (line,), (entry,) = score_rows(rows)[1], csv.DictReader(io.StringIO(csv_text(rows))), scores_as_json(rows)
    said = f"the worker ended. {TIPS[kind]}"
    assert [cells[-1], line["error"], line["why"], entry["why"]] == [said] * 4
    assert entry["failure"]["fix"] == TIPS[kind]
    assert said in unescape((tmp_path / "page.html").read_text())


def test_json_is_strict_and_as_documented(scorer: Scorer, trained: tuple[Path, Path]) -> None:
    rows = [scorer.score(trained[1] / "a.mp4"), Score("x", failure=Failure("video", "", "no frame"))]
    good, bad = json.loads(json.dumps(scores_as_json(rows), allow_nan=False))
    assert set(good) == set(bad)
    assert len(good["interval80"]) == 2
    assert set(good["steps"][0]) == {"start", "end", "score", "scene", "interaction", "phase"}
    assert (bad["score"], bad["steps"], bad["failure"]["cause"]) == (None, [], "no frame")


def test_a_scorer_of_a_chosen_person_is_of_the_loaded_model(run_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with load_scorer(run_copy) as scorer:
        monkeypatch.setattr("pipeline.score.scorer.load_config", lambda config, _: config)  # these stages follow nobody
        (run_copy / "model.json").unlink()  # as while it is trained again
        with scorer.following((0.0, 0.0, 1.0, 1.0)) as chosen:
            assert chosen.model_sha256 == scorer.model_sha256


def test_scores_carry_the_hash_of_the_model(scorer: Scorer, trained: tuple[Path, Path], tmp_path: Path) -> None:
    digest = model_sha256(trained[0])
    rows = scorer.score_records(find_videos([trained[1]]).records)
    assert {row["model"] for row in scores_as_json(rows)} == {digest}
    assert {line["model"] for line in csv.DictReader(io.StringIO(csv_text(rows)))} == {digest}
    assert f"SHA-256 of the model: {digest}" in (trained[0] / CARD).read_text()
    moved = shutil.copytree(trained[0], tmp_path / "moved")
    assert model_sha256(moved) == digest, "a copy is the same model"
    (moved / "model.json").write_text((moved / "model.json").read_text() + " ")
    assert model_sha256(moved) != digest


@pytest.mark.parametrize("name", ["=1+1.mp4", "@x", "+x", "-x", os.fsdecode(b"\xff=.mp4"), 'a\nb,"c'])
def test_hostile_names_are_text(name: str) -> None:
    row = Score(name, path=Path(name), score=1.0, flags=(Flag("warn", "x", "=2+2\x1b[31m"),))
    (line,) = csv.DictReader(io.StringIO(csv_text([row])))
    assert line["video"][:1] not in ("=", "@", "+", "-")
    assert "\n" not in line["video"]
    assert "\x1b" not in csv_text([row]) + json.dumps(scores_as_json([row])) + repr(score_rows([row]))
    json.dumps(scores_as_json([row])).encode("utf-8")


@pytest.mark.parametrize(("score", "expected"), [(0.5, 0), (2, 37.5), (3, 75), (9, 100)])
def test_percentile(score: float, expected: float) -> None:
    assert percentile(np.array([1.0, 2, 3, 3, np.nan]), score) == pytest.approx(expected)
    assert percentile(np.array([np.nan]), score) is None


def test_the_command_fails_where_a_video_has_no_score(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import run_pipeline

    handler = "pipeline.cli.terminal.stop_on_interrupt"
    monkeypatch.setattr(handler, lambda *_: threading.Event())  # leave pytest's Ctrl-C alone
    (tmp_path / "bad.mp4").write_text("no video")
    words = ["--model", trained[0], "--cache", tmp_path / "cache", "--workers", 0, "--out", tmp_path / "s.csv"]
    done = CliRunner().invoke(
        run_pipeline.app, [str(word) for word in ("score", tmp_path / "bad.mp4", trained[1] / "a.mp4", *words)]
    )
    assert done.exit_code == 1
    rows = {row["video"]: row for row in csv.DictReader((tmp_path / "s.csv").open())}
    assert "not a readable video" in rows["bad.mp4"]["error"]
    assert float(rows["a.mp4"]["score"])


def test_a_stopped_scoring_keeps_what_is_there(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """After Ctrl-C videos with fresh outputs have a score; those with stale or missing ones are not extracted."""
    run, new = trained
    videos = [Path(shutil.copy(new / f"{name}.mp4", tmp_path / f"{name}.mp4")) for name in "abc"]
    scorer = load_scorer(run, cached_in(tmp_path / "cache"))
    before = scorer.score_records(find_videos(videos[:2]).records)
    film(videos[1], 90)  # its output is stale now
    stop = threading.Event()
    records = find_videos(videos).records
    rows = scorer.score_records(records, Watching(stop=stop, on_plan=lambda *_: stop.set()))
    assert [row.score for row in rows] == [before[0].score, None, None]
    assert [row.failure for row in rows[1:]] == [STOPPED] * 2
    stop.set()
    assert [row.score for row in scorer.score_records(records, Watching(stop=stop))] == [None] * 3


def test_new_videos_of_a_data_set_are_not_taken_for_training_videos(
    trained: tuple[Path, Path], run_copy: Path, tmp_path: Path
) -> None:
    """Another video of the same name is scored: it is not shown by a training video's prediction."""
    root, new = trained[0].parent, tmp_path / "new"
    new.mkdir()
    (new / "00.mp4").write_bytes((trained[1] / "a.mp4").read_bytes())
    dataset = {"kind": "folder", "root": str(new)}
    user = validate({**toy_config(root / "cache").dump(), "dataset": dataset})
    data = folder_page(run_copy, (), tmp_path / "page.html", 2, user, Observer())
    assert data.title == "run"
    assert data.evaluation is None
    assert data.batch is not None
    assert [row.held_out_score for row in data.batch.rows] == [None]
