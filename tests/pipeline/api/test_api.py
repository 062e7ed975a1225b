"""`pipeline.api`: raw data to an evaluation from Python alone."""

from pathlib import Path

from pipeline.api import evaluate, extract, pack, status, train
from pipeline.settings.config import load_config
from synthetic.tiny_jigsaws import make_jigsaws
from tests.helpers.watching import Watching


def ended(observer):
    """The total of the last progress bar of each kind; all of these bars are done."""
    bars = {bar.what: bar for bar in observer.bars}
    assert all(bar.done == bar.total and bar.share == 1 for bar in bars.values() if bar.total)
    return {what: bar.total for what, bar in bars.items()}


def test_raw_data_to_an_evaluation(tmp_path, capfd):
    root = make_jigsaws(tmp_path / "set", trials=8, tasks=["Suturing"], rows=45, videos=False)
    settings = {
        "dataset.root": root,
        "stages": ["kinematics", "timesteps"],
        "timesteps": {"scene": ""},
        "cache": tmp_path / "cache",
        "work.workers": 0,
        "train": {"networks": 2, "epochs": 2},
        "model.width": 8,
    }
    notes = Watching()
    done = extract(config="jigsaws", overrides=settings, observer=notes)
    assert done.ok
    assert ended(notes) == {"videos": 8}
    config = load_config("jigsaws", settings)
    assert pack(config=config, out=str(tmp_path / "set.h5")).performances == 8
    train(config=config, out=tmp_path / "run", folds=0, observer=notes)
    result = evaluate(config=config, out=tmp_path / "evaluation", pack=tmp_path / "set.h5", observer=notes)
    assert ended(notes)["epochs"] == 2
    assert ended(notes)["trainings"] > 2
    assert sorted(path.name for path in result.folder.glob("*.*")) == ["report.html", "results.json"]
    assert "<td>AIM" in result._repr_html_()
    again = evaluate(config=config, out=tmp_path / "again")
    assert again.results.systems == result.results.systems, "packed or cached, the results are the same"
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", ""), "nothing is printed"


def test_without_a_configuration_the_preset_of_plain_folders_holds(make_video, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.pool.process_pool.usable_cores", lambda: 2)
    for name in "ab":
        make_video(Path(f"films/{name}.mp4"), size=(128, 96))
    notes = Watching()
    done = extract("films", stages="camera_flow", observer=notes)
    assert (done.cache, done.ok) == ("cache/folder", True)
    assert "note: no --config, so the preset folder: clips, pose, camera_flow, timesteps in cache/folder" in notes.lines
    assert any(text.endswith("; on 2 processes with 1 thread each") for text in notes.lines)
    states = status("films", config="folder", stages="camera_flow")
    assert (repr(states), repr(done)) == (
        "camera_flow: 2 fresh",
        "2 extracted, 0 fresh, 0 failed of 2 videos in cache/folder",
    )
    assert "<tr><td>b.mp4<td>camera_flow<td>fresh<td>" in states._repr_html_()
    assert [*states.to_frame()["state"]] == ["fresh", "fresh"]
    assert "<tr><td>b.mp4<td>camera_flow<td>" in done._repr_html_()
