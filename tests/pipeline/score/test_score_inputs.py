"""Inputs of `score`: videos with their kinematics, the files of one trial, and data sets in the layout of JIGSAWS."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from data.errors import DataError
from data.video.video_search import CACHE_INDEX
from pipeline import api
from pipeline.api import extract, report, train
from pipeline.score import Scorer, load_scorer
from pipeline.score.model_files import cover
from pipeline.score.video_score import Score
from pipeline.settings.config import load_config
from synthetic.tiny_jigsaws import make_jigsaws
from synthetic.tiny_published import make_finediving
from tests.helpers.watching import Watching

score = partial(api.score, workers=0)
LACKS = "no kinematics file; this model reads video and kinematics. Name it with --kinematics FILE"


def settings_of(root, cache, **more):
    """Settings of a short training on kinematics."""
    settings = {"dataset.root": root, "stages": ["timesteps"], "timesteps": {"scene": ""}, "cache": cache}
    network = {"model.width": 4, "combined": False}
    return {**settings, **network, "work.workers": 0, "train": {"networks": 1, "epochs": 1}, **more}


def trained(folder, **timesteps):
    root = make_jigsaws(folder / "JIGSAWS", trials=4, tasks=["Suturing"], rows=30)
    more = {
        "dataset.tasks": ["Suturing"],
        "timesteps": {"scene": "", **timesteps},
        "train": {"networks": 2, "epochs": 2},
    }
    settings = settings_of(root, folder / "cache", **more)
    assert extract(config="jigsaws", overrides=settings).ok
    train(config="jigsaws", overrides=settings, out=folder / "run", folds=2)
    return folder / "run"


@pytest.fixture(scope="module")
def surgery(tmp_path_factory):
    """A run that reads video and kinematics."""
    return trained(tmp_path_factory.mktemp("both"), secondary=["camera_flow"])


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """A run that reads kinematics alone."""
    return trained(tmp_path_factory.mktemp("tools"))


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """New trials without a meta file; one lacks its kinematics, one its second view."""
    root = make_jigsaws(tmp_path_factory.mktemp("new") / "NEW", trials=3, tasks=["Suturing"], rows=45, seed=5)
    (root / "Suturing/meta_file_Suturing.txt").unlink()
    names = sorted(path.stem for path in (root / "Suturing/kinematics/AllGestures").iterdir())
    (root / f"Suturing/kinematics/AllGestures/{names[1]}.txt").unlink()
    (root / f"Suturing/video/{names[2]}_capture2.avi").unlink()
    return root


def by_name(rows):
    return {Path(row.id).name: row.score for row in rows}


def test_every_way_to_name_a_trial_gives_its_score(surgery, new, tmp_path):
    notes = Watching()
    rows = score(model=surgery, config="jigsaws", overrides={"dataset.root": new}, observer=notes)
    first, second, third = sorted({Path(row.id).stem.rpartition("_")[0] for row in rows})
    assert [Path(row.id).stem for row in rows] == [
        f"{first}_capture1", f"{first}_capture2", f"{second}_capture1", f"{second}_capture2", f"{third}_capture1",
    ]  # fmt: skip
    assert notes.lines[0] == f"note: {second}: no kinematics file"
    assert notes.lines[1].startswith("note: the model keeps its settings: model.width: 4 in the model, 128 here")
    assert [row.failure is None for row in rows] == [True, True, False, False, True]
    assert all(str(row.failure).startswith(LACKS) for row in rows[2:4])
    expected = by_name(rows)
    for folder in (new, new / "Suturing"):
        notes = Watching()
        assert by_name(score(folder, model=surgery, observer=notes)) == expected
        assert notes.lines[0] == f"recognised {folder}: jigsaws, 5 performances"
    video, kinematics = rows[0].path, new / f"Suturing/kinematics/AllGestures/{first}.txt"
    assert by_name(score(video, model=surgery)) == {video.name: expected[video.name]}, "the layout names its kinematics"
    moved = Path(shutil.copy(video, tmp_path / "film.avi"))
    assert str(score(moved, model=surgery)[0].failure).startswith(LACKS)
    assert score(moved, kinematics=kinematics, model=surgery)[0].score == expected[video.name]
    assert load_scorer(str(surgery)).score(str(moved), str(kinematics)).score == expected[video.name]
    with pytest.warns(UserWarning, match=r"^the model keeps its settings: model.width"):
        load_scorer(surgery, load_config("jigsaws", {"cache": tmp_path / "cache"}))
    page = report(surgery, new, out=tmp_path / "page.html", workers=0)
    assert f"{first}_capture1" in page.read_text("utf-8")


@pytest.mark.parametrize(("damaged", "why"), [(False, "(it was removed meanwhile)"), (True, "(damaged cache file")])
def test_flags_need_the_quality_of_outputs_that_are_gone(tools, new, tmp_path, damaged, why):
    """Fresh time steps give a score; that of a stage whose output is gone, a copied cache no longer knows."""
    cache = tmp_path / "cache"
    first = score(new, model=tools, cache=cache)
    outputs = [*(cache / "kinematics").rglob("*.h5")]
    for gone in (*outputs, *cache.glob(f"{CACHE_INDEX}*")):
        gone.unlink()
    if damaged:
        outputs[0].write_bytes(b"")
    again = score(new, model=tools, cache=cache, observer=(notes := Watching()))
    assert any(f"is extracted again: the output of kinematics cannot be used {why}" in line for line in notes.lines)
    assert [(row.checked, row.raw_score) for row in again] == [(row.checked, row.raw_score) for row in first]
    assert "kinematics" in again[0].checked
    assert all(output.exists() for output in outputs)


def test_a_model_of_kinematics_needs_no_video(tools, new, tmp_path):
    only = shutil.copytree(new, tmp_path / "only", ignore=shutil.ignore_patterns("video"))
    rows = score(only, model=tools)
    assert len(rows) == 2
    kinematics = only / rows[0].id
    alone = score(kinematics=kinematics, model=tools, out=tmp_path / "scores.csv")
    assert [(row.id, row.raw_score) for row in alone] == [(kinematics.name, rows[0].raw_score)]
    assert rows[0].raw_score is not None
    assert (tmp_path / "scores.csv").read_text().splitlines()[1].startswith(f"{kinematics.name},")
    notes = Watching()
    page = report(tools, only, out=tmp_path / "page.html", workers=0, observer=notes)
    assert notes.bars == [], "nothing is extracted again"
    assert rows[0].id in page.read_text("utf-8")


def test_kinematics_alone_are_not_enough_for_a_model_of_both(surgery, new):
    kinematics = sorted((new / "Suturing/kinematics/AllGestures").iterdir())[0]
    (row,) = score(kinematics=kinematics, model=surgery)
    assert str(row.failure).startswith("no video file; this model reads video and kinematics. Name the video")


def test_bad_training_data_is_seen_before_training(surgery, tmp_path):
    root = Path(shutil.copytree(surgery.parent / "JIGSAWS", tmp_path / "copy", ignore=shutil.ignore_patterns("video")))
    short = sorted((root / "Suturing/kinematics/AllGestures").iterdir())[0]
    short.write_text("".join(short.read_text().splitlines(keepends=True)[:8]))
    given = {"config": "jigsaws", "overrides": settings_of(root, tmp_path / "cache")}
    training = {**given, "out": tmp_path / "run", "folds": 0}
    extract(**given)
    done = extract(**given, observer=(notes := Watching()))  # of outputs that are all fresh
    assert [[*titles] for titles in done.flags.values()] == [["too short"]]
    assert "--preview draws a contact sheet" in notes.lines[-1]
    train(**training, observer=(later := Watching()))
    assert notes.flags == later.flags == [(["too short"], 4)]
    assert any("4 independent performances of Suturing, fewer than 20" in text for text in later.lines)
    for call in (extract, train):
        with pytest.raises(DataError, match="1 of 4 videos are flagged"):
            call(**given, strict=True)
    short.unlink()
    assert train(**training, strict=True).calibration is None


def test_new_files_do_not_get_the_rate_that_was_stated_in_training(surgery, new, tmp_path, monkeypatch):
    model, rates = Path(shutil.copytree(surgery, tmp_path / "model")), list[set[float]]()
    stored = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**stored, "frames": {"fps": 12}}))
    cover(model)

    def taken(_, records, observer=None):
        rates.append({record.rate for record in records})
        return [Score("x")]

    monkeypatch.setattr(Scorer, "score_records", taken)
    video = sorted(new.rglob("*.avi"))[0]
    for place, stated in ((video, {}), (new, {}), (video, {"frames.fps": 25})):
        score(place, model=model, overrides=stated)
    with load_scorer(model) as scorer:
        assert scorer.config.frames.fps == 12, "of folders of frames"
        scorer.score(video)
    assert rates == [{0.0}, {0.0}, {25.0}, {0.0}]


def test_a_model_of_phases_refuses_videos_without_them(tmp_path, toy_timesteps, make_video):
    run, new = tmp_path / "run", make_video(tmp_path / "new.mp4")
    sets = {"dataset.root": make_finediving(tmp_path / "set", count=8, frames=8), "stages": ["timesteps"]}
    sets |= {"timesteps.bounds": ["take-off", "flight", "entry"], "timesteps.steps": 6, "cache": tmp_path / "cache"}
    sets |= {"train.epochs": 1, "train.networks": 1, "model.width": 4, "combined": False, "work.workers": 0}
    assert api.extract(config="finediving", overrides=sets).ok
    api.train(config="finediving", overrides=sets, out=run, folds=0)
    (row,) = api.score(new, model=run, workers=0)
    assert row.score is None
    assert "no phases" in row.failure.cause
    assert "dataset.phases" in row.failure.fix
    (tmp_path / "phases.csv").write_text("video,phase,start_s,end_s\nnew.mp4,flight,0,0.1\nnew.mp4,entry,0.3,0.4\n")
    (row,) = api.score(new, model=run, workers=0)
    gap = "its phases are not used: 'flight' and 'entry' leave a gap of 0.20 s"
    assert (row.failure.cause, row.failure.fix) == (gap, "Correct them")
    assert load_scorer(run).config.machine.work.workers == 0, "a script needs no guard for worker processes"
    user = load_config("finediving", {**sets, "work.workers": 3})
    assert load_scorer(run, user).config.machine.work.workers == 3, "report, compare and label pass a user"
