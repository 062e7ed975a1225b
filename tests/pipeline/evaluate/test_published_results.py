"""Published results beside ours, and packs of features in the official names and types, made after the loaders.

- Rhythmic gymnastics, a folder of NAME.npy (clips, 1024): datasets.py of GDLT, CoFInAl and PHI, and
  dataloader_gymnastic.py of UIL-AQA. Fis-V in this form: scripts/train_all_fis.sh and main.py of CoFInAl.
- The same as pickled dictionaries for RGB, flow and audio: datasets.py of PAMFN, MCMoE and LIMSSR.
- FS1000, NAME.npy (clips, tokens, 768), and two folders of (clips, dims) for flow and audio: datasets.py of MLAVL,
  MCMoE and LIMSSR; the folders' names: README of MCMoE and LIMSSR.
- MTL-AQA, FineDiving and AQA-7: no loader of features was found; the names are the keys of the official lists.
"""

import pickle
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from data.datasets import list_records
from models.estimate import Estimate
from pipeline import api
from pipeline.cli import app
from pipeline.evaluate.published_results import published_results, published_table, terminal_table
from pipeline.evaluate.results_file import read_results
from synthetic.tiny_datasets import make_aqa7
from synthetic.tiny_jigsaws import make_jigsaws
from synthetic.tiny_published import PUBLISHED
from tests.helpers.made_results import made_results, system
from tests.helpers.watching import Watching


def rows(score, *shape):
    values = np.random.default_rng(int(100 * score)).normal(size=shape).astype(np.float32)
    values[..., 0] += score
    return values


def folder(place, named):
    vst = place / "swintx_avg_fps25_clip32"
    vst.mkdir()
    for name, score in named:
        np.save(vst / f"{name}.npy", rows(score, 68, 8))
    return [str(vst)]


def fisv(place, named):
    (place / "Fis-feature").mkdir()
    np.save(place / "Fis-feature/FISV_rgb_VST.npy", {name: rows(score, 124, 8) for name, score in named})  # type: ignore[arg-type]
    return [str(place / "Fis-feature/FISV_rgb_VST.npy")]


def tokens(place, named):
    (place / "output_feature_fs1000_new").mkdir()
    for name, score in named:
        np.save(place / "output_feature_fs1000_new" / f"{name}.npy", rows(score, 95, 4, 8))
    return [str(place / "output_feature_fs1000_new")]


def keys(place, named):
    """Keys of the annotations: (competition, number)."""
    parts = [(*name.rpartition("/")[::2], score) for name, score in named]
    made = {((int(a) if a.isdigit() else a), int(b)): rows(score, 9, 8) for a, b, score in parts}
    (place / "features.pkl").write_bytes(pickle.dumps(made))
    return [str(place / "features.pkl")]


def by_action(place, named):
    np.savez(place / "features.npz", **{name: rows(score, 10, 8) for name, score in named})
    return [str(place / "features.npz")]


OF_THE_PAGE = {
    "rhythmic-gymnastics": folder,
    "fis-v": fisv,
    "fs1000": tokens,
    "mtl-aqa": keys,
    "finediving": keys,
    "aqa7": by_action,
}
"""Packs that the commands of docs/datasets.md name, by preset."""


def commands_of_the_page():
    """The words of the two commands for each set, without the program."""
    page = (Path(__file__).parents[3] / "docs/datasets.md").read_text("utf-8")
    section = page.partition("\n## Published features\n")[2].partition("\n## ")[0]
    lines = [shlex.split(line)[1:] for line in section.splitlines() if line.startswith("aqa ")]
    return list(zip(lines[::2], lines[1::2], strict=True))


def without_videos(kind, root, **options):
    """Make a set and remove its videos; the names and scores of its performances."""
    make = make_aqa7 if kind == "aqa7" else PUBLISHED[kind]
    make(root, frames=8, **options)
    filmed = list_records(kind, root).records
    for path in sorted(root.rglob("*")):
        if path.suffix in (".mp4", ".avi", ".jpg"):
            path.unlink()
    for name in ("videos", "video", "Actions"):
        shutil.rmtree(root / name, ignore_errors=True)
    listed = list_records(kind, root, feature_names=["any"]).records
    assert len(listed) >= len(filmed)
    return [(one.id, one.labels.score or 0.0) for one in listed if one.labels]


QUICK = {"train.networks": 1, "train.epochs": 2, "timesteps.steps": 4, "work.workers": 0}
SEVERAL_TASKS = {"rhythmic-gymnastics": {"count": 16}}  # a test part for each

VALUES = {
    "rhythmic-gymnastics": ("PHI, its log (published)", "Ball", 0.84),
    "mtl-aqa": ("RICA2, stochastic, its log (published)", "rho", 0.9617),
    "finediving": ("TSA, with the dive number (published)", "rho", 0.9203),
    "aqa7": ("CoRe (published)", "average", 0.84),
}
"""A published value of a set: row, column, value. None is known of TES in Fis-V, nor of FS1000."""


@pytest.mark.parametrize(("first", "second"), commands_of_the_page(), ids=lambda words: f"{words[0]} {words[1]}")
def test_two_commands_of_the_page_give_the_tables_of_a_set_without_videos(tmp_path, monkeypatch, first, second):
    monkeypatch.chdir(tmp_path)
    _, root, _, kind, _, features = first[:6]
    assert first[:6] == ["evaluate", root, "--config", kind, "--features", features]
    assert second[:6] == ["leaderboard", *first[1:6]]
    listed = without_videos(kind, Path(root), **SEVERAL_TASKS.get(kind, {}))
    assert OF_THE_PAGE[kind](Path(root), listed) == [features]
    fast = [word for key, value in QUICK.items() for word in ("--set", f"{key}={value}")]
    for words, network in ((first, "whole scene (baseline)"), (second, "GDLT")):
        quick = [] if "--oracle" in words else ["--quick"]  # which chooses no epoch
        done = CliRunner().invoke(app, [*words, *fast, *quick, "--out", f"runs/{words[0]}"])
        assert done.exit_code == 0, done.output
        assert "In the form of published tables" in done.stdout
        results = read_results(f"runs/{words[0]}/results.json")
        assert (results.protocol, results.performances) == ("fixed", len(listed)), "the official split"
        table = published_table(results)
        rows = {row.name: dict(zip(table.columns, row.values, strict=True)) for row in reversed(table.rows)}
        assert rows[network]["epoch"] == "last"
        assert rows[network]["R-l2, %"] is not None
        assert not {"AIM (ours)", "ST-GCN", "Pose+DCT"} & results.systems.keys()
        assert any(row.kind == "paper" for row in table.rows) == (kind in VALUES)
        if kind in VALUES:
            row, column, value = VALUES[kind]
            assert rows[row][column] == value


def test_the_page_has_commands_for_each_set_that_has_a_pack():
    assert [first[3] for first, _ in commands_of_the_page()] == list(OF_THE_PAGE)


def trials_of_jigsaws(root):
    """The meta files alone."""
    make_jigsaws(root, trials=8, tasks=["Suturing"], rows=10, videos=False)
    names = [path.stem for path in (root / "Suturing/kinematics/AllGestures").glob("*.txt")]
    for folder in ("kinematics", "transcriptions"):
        shutil.rmtree(root / "Suturing" / folder)
    return names


def skeletons_with_scores(root):
    """The table of scores alone."""
    names = [f"s{number:02d}" for number in range(9)]
    root.mkdir()
    lines = [f"{name},{number}" for number, name in enumerate(names)]
    (root / "scores.csv").write_text("\n".join(["video,score", *lines]))
    return names


@pytest.mark.parametrize(
    ("config", "make", "task", "lost"),
    [("jigsaws", trials_of_jigsaws, "Suturing", "kinematics"), ("skeletons", skeletons_with_scores, "", "keypoints")],
)
def test_features_feed_sets_whose_recordings_are_no_videos(tmp_path, config, make, task, lost):
    names, notes = make(tmp_path / "set"), Watching()
    (tmp_path / "pack").mkdir()
    features = folder(tmp_path / "pack", [(name, float(n)) for n, name in enumerate(names)])
    given = QUICK | {"dataset.tasks": [task] if task else []}
    done = api.evaluate(
        tmp_path / "set", features=features, config=config, quick=True, overrides=given, cache=tmp_path / "cache",
        out=tmp_path / "out", observer=notes,
    )  # fmt: skip
    assert done.results.performances == len(names)
    assert "whole scene (baseline)" in done.results.systems
    (note,) = (line for line in notes.lines if line.startswith(f"note: no performance has {lost}, so"))
    assert note.endswith("; only systems of the whole scene run")


def test_the_table_has_three_epochs_side_by_side_with_published_ones():
    given, one = published_results("rhythmic-gymnastics", "", "fixed"), system(Estimate(0.5, 0.3, 0.7))
    epochs = {"a": "last", "a, chosen": "inner validation", "a, best": "best on the test part"}
    ours = {name: replace(one, tasks={"Ball": one.tasks[""]}, epoch=epoch) for name, epoch in epochs.items()}
    ours["a"] = replace(ours["a"], epoch="")
    results = made_results(ours, protocol="fixed", folds=1, published=given, tasks=("Ball",))
    held_out = tuple(replace(prediction, task="Ball") for prediction in results.predictions)
    table = published_table(replace(results, predictions=held_out))
    assert table.columns == ("rho", "R-l2, %", "MSE", "epoch")
    values = {row.name: row.values for row in table.rows}
    for name, epoch in epochs.items():
        assert values[name] == (0.5, pytest.approx(100 / 59**2), pytest.approx(1 / 25**2), epoch)
    logs = [row.values for row in table.rows if row.name == "PHI, its log (published)"]
    assert logs == [(0.84, None, None, "best on the test part"), (0.816, None, None, "last")]
    assert "not an honest result" in table.note
    assert "MSE of scores divided by 25." in table.note


def test_the_papers_table_is_published_by_action():
    given = published_results("aqa7", "", "fixed")
    aim = next(result for result in given.results if result.method == "AIM")
    assert (aim.rho["diving"], aim.rho["sync_diving_3m"], aim.average) == (0.7419, 0.9298, None)
    names, one = tuple(aim.rho), system(Estimate(0.5, (0.2, 0.7)))
    ours = replace(one, tasks=dict.fromkeys(names, one.tasks[""]))
    results = made_results({"a": ours}, protocol="fixed", folds=1, published=given, tasks=names)
    held_out = tuple(replace(prediction, task=name) for name in names for prediction in results.predictions[:2])
    table, terminal = (show(replace(results, predictions=held_out)) for show in (published_table, terminal_table))
    rows = {row.name: (row.values[6], row.values[-1]) for row in table.rows}
    averages = [rows[f"{name} (published)"][0] for name in ("AIM", "Pose+DCT", "CoRe")]
    assert averages == [pytest.approx(0.7789, abs=1e-4), None, 0.84]
    assert rows.pop("Pose+DCT (published)") == (None, "not stated")
    assert {row.name: row.values for row in terminal.rows} == rows
    assert "Pose+DCT" not in terminal.note
    of_paper = "AIM, JR-GCN, C3D-SVR, C3D-LSTM, ST-GCN, Pose+DCT"
    assert f"Sources: {of_paper}: Gao et al., ECCV 2020, table 7; CoRe:" in table.note


@pytest.mark.parametrize("kind", ["rhythmic-gymnastics", "mtl-aqa", "finediving", "aqa7"])
def test_rows_of_one_name_differ_by_their_epoch(kind):
    given = published_results(kind, "", "fixed")
    names = [(result.method, result.epoch, *result.rho) for result in given.results]
    assert len(set(names)) == len(names)


def test_an_average_alone_stands_for_the_whole_set_only():
    rows = {"a": system(Estimate(0.5, (0.2, 0.7)))}
    part = made_results(rows, protocol="fixed", folds=1, published=published_results("aqa7", "", "fixed"))
    table = published_table(part)
    assert [row.name for row in table.rows] == ["a"]
    assert "Sources" not in table.note
    assert terminal_table(part) == table, "few columns"
    assert published_table(made_results(rows)) is None
    of_pcs = {result.method: result.rho for result in published_results("fis-v", "pcs", "fixed").results}
    assert of_pcs["MS-LSTM, its weights"] == {"skating": 0.78}
    for other in (("aqa7", "", "kfold"), ("mtl-aqa", "execution", "fixed"), ("folder", "", "fixed")):
        assert published_results(*other) is None
