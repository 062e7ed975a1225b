"""Scoring from video files to tables and page: numbers, flags, equal bytes, damage, hostile names."""

import csv
import getpass
import io
import json
import math
import platform
import shutil
import threading
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from data.errors import CacheError, DataError, UsageError, WorkerLost
from data.video.video_search import find_videos
from extractors.base import setting
from extractors.timesteps.stage import TimestepsConfig
from pipeline.cache.failure import TIPS, Failure
from pipeline.folds.combination import NETWORK
from pipeline.observer import Observer
from pipeline.pack.labelled_features import gather_features
from pipeline.report import ReportData, ScoredVideos, write_scores_page
from pipeline.run import STOPPED
from pipeline.score.model_card import FILE as CARD
from pipeline.score.model_files import FILES, HASHES, model_sha256
from pipeline.score.score_tables import Scores, csv_text, scores_as_json
from pipeline.score.scorer import load_scorer, percentile
from pipeline.score.trained_model import TrainedModel
from pipeline.score.video_score import Score
from pipeline.settings.method import Method, SplitConfig
from tests.helpers.approved import document_text, steady
from tests.helpers.cached_outputs import damage
from tests.helpers.extracting import cached_in
from tests.helpers.toy_timesteps import ToyTimesteps
from tests.helpers.watching import Watching
from tests.helpers.world import FILMS, film

pytestmark = pytest.mark.usefixtures("toy_timesteps")


@pytest.fixture
def scorer(world):
    """Scores with the model; its cache, in the folder of the test, is empty."""
    with load_scorer(world.model) as opened:
        yield opened


@pytest.fixture
def films(world):
    return find_videos([world.new]).records


def changed(scorer, **parts):
    """Let the scorer's model have other parts in its calibration; returns what it had."""
    calibration = scorer.model.calibration
    assert calibration is not None
    scorer.model = replace(scorer.model, calibration=replace(calibration, **parts))
    return calibration


def page_of(scorer, rows, films, **names):
    write_scores_page(Path("page.html"), ScoredVideos(scorer, list(rows), tuple(films), names), ReportData("t"))
    return unescape(Path("page.html").read_text("utf-8"))


def test_tables_documents_and_the_card_of_a_trained_model(world, snapshot):
    rows = [*world.scores, Score("x", failure=Failure("video", "", "no frame"))]
    assert steady(csv_text(rows), trained=True) == snapshot(name="CSV")
    assert document_text(scores_as_json(rows[2:]), trained=True) == snapshot(name="JSON")
    good, bad = json.loads(json.dumps(scores_as_json(rows[2:]), allow_nan=False))
    assert set(good) == set(bad)
    assert steady(repr(Scores(rows).table()), trained=True) == snapshot(name="terminal")
    assert "low80" in Scores(rows).to_frame()
    assert steady((world.model / CARD).read_text("utf-8"), trained=True) == snapshot(name="card")


def test_a_score_is_the_sum_of_its_parts_and_inside_its_intervals(world):
    low = float(world.bundle.normaliser.score_range[0, 0])
    for row, entry in zip(world.scores, scores_as_json(world.scores), strict=True):
        assert row.score == pytest.approx(low + sum(step.score for step in row.steps) + (row.other_share or 0))
        assert entry["constant"] == pytest.approx(low, abs=1e-6)
        (low80, high80), (low95, high95) = row.interval80, row.interval95
        assert low95 <= low80 <= row.score <= high80 <= high95
        assert (row.flags, row.failure, len(row.steps)) == ((), None, 4)
        assert {"length", "training videos", "distance to the training performances"} <= set(row.checked)
        assert not {"people detected", "right person", "camera"} & set(row.checked), "no such stage ran"
    dark, bright, darkest = (row.percentile for row in world.scores)
    assert darkest < dark < bright


def test_only_the_networks_part_of_a_score_has_steps(scorer, films):
    combination = scorer.model.combination
    for used in (combination.names[1:], combination.names):
        scorer.model = replace(scorer.model, combination=replace(combination, used=used))
        shares = NETWORK in used
        for row in scorer.score_records(films):
            assert {math.isfinite(step.score) for step in row.steps} == {shares}, "others only guess"
            assert (row.other_share is not None) == shares


def test_the_same_video_gives_the_same_bytes_in_company_alone_and_elsewhere(world, films, tmp_path):
    user, moved, copies = cached_in(tmp_path / "one"), world.copy_of_model(tmp_path), tmp_path / "new"
    shutil.copytree(world.new, copies)
    together, again = (load_scorer(world.model, user).score_records(films) for _ in range(2))
    alone = [load_scorer(moved, cached_in(tmp_path / name)).score(copies / f"{name}.mp4") for name in "abc"]
    assert [replace(row, path=None) for row in together] == [replace(row, path=None) for row in alone]
    assert csv_text(together) == csv_text(alone) == csv_text(again)
    digest = model_sha256(world.model)
    assert {row.model for row in together} == {digest} == {model_sha256(moved)}
    assert digest in (world.model / CARD).read_text()
    assert model_sha256(world.copy_of_model(tmp_path, not_calibrated="changed")) != digest


def test_damage_is_computed_again_when_it_is_read(world, films, tmp_path):
    before = load_scorer(world.model, cached_in(tmp_path)).score_records(films)
    scorer, observer = load_scorer(world.model, cached_in(tmp_path)), Watching()
    damage(scorer.cache.root, "timesteps", "b.mp4")
    assert csv_text(scorer.score_records(films, observer)) == csv_text(before)
    (line,) = observer.lines
    assert "b.mp4 is extracted again: the output of timesteps cannot be used (damaged cache file" in line
    damage(scorer.cache.root, "timesteps", "a.mp4")
    assert set(scorer.outputs(before[0], films[0])) == {"timesteps"}
    damage(scorer.cache.root, "timesteps", "a.mp4")
    assert len(gather_features(films, scorer.config, scorer.cache, Observer())) == len(films)

    def damaged(*_):
        raise CacheError("damaged cache file")

    scorer.cache.read = damaged  # type: ignore[method-assign]
    assert "damaged cache file" in str(scorer.score(films[0].path).failure), "always damaged"


def test_a_kept_failure_is_tried_again(scorer, films):
    """A crash of the decoder, which another version of it may not have."""
    planned = scorer.planner.plan(films[0]).stages[-1]
    scorer.cache.keep_failure(planned.parts, films[0], Failure("crashed", planned.name, "killed by SIGSEGV"))
    assert scorer.score_records(films[:1])[0].score is not None


class LaterTimesteps(TimestepsConfig):
    """The settings of a stage in a later version of the program."""

    halves: bool = setting(False, "whether")


class LaterSplit(SplitConfig):
    """Those of a section of the method."""

    by_year: bool = setting(False, "whether")


class LaterMethod(Method):
    """The method with that section."""

    split: LaterSplit = LaterSplit()


def test_a_new_setting_with_a_default_leaves_a_trained_model_as_it_is(world, tmp_path, monkeypatch):
    video, user = world.new / "a.mp4", cached_in(tmp_path)
    before = load_scorer(world.model, user).score(video)
    monkeypatch.setattr(ToyTimesteps, "Config", LaterTimesteps)
    monkeypatch.setattr("pipeline.settings.method.Method", LaterMethod)
    after = load_scorer(world.model, cached_in(tmp_path))
    assert after.config.dump()["split"]["by_year"] is after.config.dump()["timesteps"]["halves"] is False
    assert after.score(video) == before
    assert after.planner.plan(find_videos([video]).records[0]).todo == ()


def test_other_features_are_refused_with_what_to_type(world, tmp_path, monkeypatch):
    described = json.loads((world.model / "model.json").read_text())["settings"]
    described["timesteps"]["identity"]["weights"] = "ab" * 32
    with pytest.raises(UsageError, match=r'identity.weights: "abab.* --set timesteps.weights_file=FILE$'):
        load_scorer(world.copy_of_model(tmp_path, settings=described))
    monkeypatch.setattr(ToyTimesteps, "version", 2)
    with pytest.raises(UsageError, match=r"timesteps.version: 1 in the model, 2 here.*Train it again: .* train ROOT"):
        load_scorer(world.model)


def test_what_is_said_of_a_video_and_of_its_score(world, tmp_path, snapshot):
    """A training video is known whatever its name; intervals need independent performances."""

    def guess(scorer):
        predicted = changed(scorer).predicted
        changed(scorer, predicted=2 * predicted.mean() - predicted)

    videos = {f"{count} frames": film(tmp_path / f"{count}.mp4", 100, count) for count in (12, 100)}
    videos["a training video"] = Path(shutil.copy(world.films / "03.mp4", tmp_path / "renamed.mp4"))
    changes = {
        "a model that guesses": guess,
        "six groups": lambda scorer: changed(scorer, group=np.arange(FILMS) % 6),
        "no calibration": lambda scorer: setattr(scorer, "model", replace(scorer.model, calibration=None)),
    }
    for name in (*videos, *changes):
        with load_scorer(world.model) as scorer:
            changes.get(name, changed)(scorer)
            row = scorer.score(videos.get(name, world.new / "a.mp4"))
        assert steady(json.dumps(scores_as_json([row]), indent=1), trained=True) == snapshot(name=name)
    of_a_pack = load_scorer(world.copy_of_model(tmp_path, contents=None))
    assert "training videos" not in of_a_pack.score(videos["a training video"]).checked


def test_execution_has_its_own_accuracy_and_is_hidden_where_that_is_no_better_than_guessing(scorer, films, monkeypatch):
    predict = TrainedModel.predict

    def with_execution(model, features):
        made = predict(model, features)
        return replace(made, execution=made.score / 10)

    monkeypatch.setattr(TrainedModel, "predict", with_execution)
    truth = np.stack([changed(scorer).truth / 10, np.full(FILMS, np.nan)], axis=1)
    changed(scorer, head_truth=truth, head_predicted=truth + 0.3)
    shown = scorer.score(films[0].path)
    assert ": on 8 of 10 new videos this model is off by at most 0.3 (" in page_of(scorer, [shown], films[:1])
    assert "at most 0.3 (" in scores_as_json([shown])[0]["head_accuracy"]["execution"]
    changed(scorer, head_truth=truth, head_predicted=truth[::-1].copy())
    hidden = scorer.score(films[0].path)
    assert (hidden.execution, hidden.head_accuracy, hidden.score) == (None, {}, shown.score)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_model_is_refused_by_the_name_of_its_file(world, tmp_path, name):
    run = world.copy_of_model(tmp_path)
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"damaged: it differs") as caught:
        load_scorer(run)
    assert str(caught.value).startswith(str(run / name))
    (run / name).unlink()
    with pytest.raises(DataError, match=r"this file of the model is missing|no trained model here"):
        load_scorer(run)


def test_a_model_of_other_values_is_refused(world, tmp_path):
    whole = load_file(world.model / "model.safetensors")
    tensors = {k: torch.full_like(v, math.nan) if k.startswith("state.regression") else v for k, v in whole.items()}
    for changes, said in (
        ({"names": 5}, r"this model is damaged \(.*\. Train it again: .* train ROOT"),
        ({"format": 2}, r"another version trained this model\. Train it again: .* train ROOT"),
        ({"tensors": tensors}, r"model is damaged \(a number of 'state\.regression\..* is not finite"),
    ):
        with pytest.raises(DataError, match=said):
            load_scorer(run := world.copy_of_model(tmp_path, **changes))
    (run / HASHES).unlink()
    with pytest.raises(DataError, match="hashes of this model are missing"):
        load_scorer(run)


def test_a_bad_video_beside_a_good_one_and_what_no_page_says(world, scorer, tmp_path):
    film(tmp_path / "in/good.mp4", 90)
    (tmp_path / "in/bad.mp4").write_text("no video")
    records = find_videos([tmp_path / "in"]).records
    rows = scorer.score_records(records)
    assert [row.failure is None for row in rows] == [False, True]
    hostile = '<script>alert("x")</script>\n.mp4'
    page_of(scorer, rows, records, **{"good.mp4": hostile, "bad.mp4": hostile})
    page = Path("page.html").read_text("utf-8")
    assert '<script>alert("x")' not in page
    assert "&lt;script&gt;" in page
    assert scorer.model_sha256 in page
    private = (str(tmp_path), str(Path(__file__).parents[3]), f" on {platform.node()}", f" by {getpass.getuser()} ")
    assert [word for word in private if word in page] == []


def test_every_text_says_what_to_do_about_a_lost_worker(scorer, films, monkeypatch):
    def lose(_, __, plans, ___, lost, ____):
        while plans:
            yield (plan := plans.popleft()), lost(plan, WorkerLost("the worker ended", "killed"))

    monkeypatch.setattr("pipeline.run.batch.run_items", lose)
    rows = scorer.score_records(films[:1])
    (cells,), (line,), (entry,) = (
        Scores(rows).table()[1],
        csv.DictReader(io.StringIO(csv_text(rows))),
        scores_as_json(rows),
    )
    said = f"the worker ended. {TIPS['killed']}"
    assert [cells[-1], line["error"], line["why"], entry["why"]] == [said] * 4
    assert entry["failure"]["fix"] == TIPS["killed"]
    assert said in page_of(scorer, rows, films[:1])


def test_a_scorer_of_a_chosen_person_is_of_the_loaded_model(world, tmp_path, monkeypatch):
    run = world.copy_of_model(tmp_path)
    with load_scorer(run) as scorer:
        (run / "model.json").unlink()  # as while it is trained again
        with scorer.following((0.0, 0.0, 1.0, 1.0)) as chosen:
            assert chosen.model_sha256 == scorer.model_sha256


@pytest.mark.parametrize(("score", "expected"), [(0.5, 0), (2, 37.5), (3, 75), (9, 100)])
def test_percentile(score, expected):
    assert percentile(np.array([1.0, 2, 3, 3, np.nan]), score) == pytest.approx(expected)
    assert percentile(np.array([np.nan]), score) is None


def test_a_stopped_scoring_keeps_what_is_there(world, tmp_path):
    """After Ctrl-C videos with fresh outputs have a score; those with stale or missing ones are not extracted."""
    videos = [Path(shutil.copy(world.new / f"{name}.mp4", tmp_path / f"{name}.mp4")) for name in "abc"]
    scorer = load_scorer(world.model, cached_in(tmp_path / "cache"))
    before = scorer.score_records(find_videos(videos[:2]).records)
    film(videos[1], 90)  # its output is stale now
    stop = threading.Event()
    records = find_videos(videos).records
    rows = scorer.score_records(records, Watching(stop=stop, on_plan=lambda *_: stop.set()))
    assert [row.score for row in rows] == [before[0].score, None, None]
    assert [row.failure for row in rows[1:]] == [STOPPED] * 2
    assert [row.score for row in scorer.score_records(records, Watching(stop=stop))] == [None] * 3
