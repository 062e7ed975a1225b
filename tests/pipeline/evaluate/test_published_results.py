"""Published results beside ours, and packs of features in the official names and types, made after the loaders.

- Rhythmic gymnastics and Fis-V, a folder of NAME.npy (clips, 1024): datasets.py of GDLT, CoFInAl and PHI, and
  dataloader_gymnastic.py of UIL-AQA.
- The same as pickled dictionaries for RGB, flow and audio: datasets.py of PAMFN, MCMoE and LIMSSR.
- FS1000, NAME.npy (clips, tokens, 768), flow and audio (clips, dims): datasets.py of MLAVL, MCMoE and LIMSSR.
- MTL-AQA, FineDiving and AQA-7: no loader of features was found; the names are the keys of the official lists.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.datasets import list_records
from pipeline import api
from pipeline.evaluate.evaluation_results import Estimate
from pipeline.evaluate.published_results import published_results, published_table, terminal_table
from pipeline.evaluate.results_file import results_as_json
from synthetic.tiny_datasets import make_aqa7
from synthetic.tiny_published import PUBLISHED
from tests.helpers.made_results import made_results, system

Pack = Callable[[Path, Sequence[tuple[str, float]]], list[str]]
"""Writes the features of performances (name, score) below a folder, and returns what `--features` names."""


def rows(score: float, *shape: int) -> np.ndarray:
    values = np.random.default_rng(int(100 * score)).normal(size=shape).astype(np.float32)
    values[..., 0] += score
    return values


def folder(place: Path, named: Sequence[tuple[str, float]]) -> list[str]:
    vst = place / "swintx_avg_fps25_clip32"
    vst.mkdir()
    for name, score in named:
        np.save(vst / f"{name}.npy", rows(score, 68, 8))
    return [str(vst)]


def dictionaries(place: Path, named: Sequence[tuple[str, float]]) -> list[str]:
    """RG: one dictionary for each apparatus and modality."""
    for apparatus in {name.partition("_")[0] for name, _ in named}:
        mine = [(name, score) for name, score in named if name.startswith(apparatus)]
        for modality, dims in (("rgb_VST", 8), ("flow_I3D", 8), ("audio_AST", 6)):
            np.save(place / f"{apparatus}_{modality}.npy", {name: rows(score, 68, dims) for name, score in mine})  # type: ignore[arg-type]
    parts = ("", "rgb_VST"), ("primary=", "flow_I3D"), ("secondary=", "audio_AST")
    return [f"{part}{place}/*_{modality}.npy" for part, modality in parts]


def fisv(place: Path, named: Sequence[tuple[str, float]]) -> list[str]:
    np.save(place / "FISV_rgb_VST.npy", {name: rows(score, 124, 8) for name, score in named})  # type: ignore[arg-type]
    return [str(place / "FISV_rgb_VST.npy")]


def tokens(place: Path, named: Sequence[tuple[str, float]]) -> list[str]:
    (place / "output_feature_fs1000_new").mkdir()
    for name, score in named:
        np.save(place / "output_feature_fs1000_new" / f"{name}.npy", rows(score, 95, 4, 8))
    return [str(place / "output_feature_fs1000_new")]


def keys(place: Path, named: Sequence[tuple[str, float]]) -> list[str]:
    """Keys of the annotations: (competition, number)."""
    parts = [(*name.rpartition("/")[::2], score) for name, score in named]
    made = {((int(a) if a.isdigit() else a), int(b)): rows(score, 9, 8) for a, b, score in parts}
    (place / "i3d.pkl").write_bytes(pickle.dumps(made))
    return [str(place / "i3d.pkl")]


def by_action(place: Path, named: Sequence[tuple[str, float]]) -> list[str]:
    np.savez(place / "i3d.npz", **{name: rows(score, 10, 8) for name, score in named})
    return [str(place / "i3d.npz")]


PACKS: list[tuple[str, Pack]] = [
    ("rhythmic-gymnastics", folder),
    ("rhythmic-gymnastics", dictionaries),
    ("fis-v", fisv),
    ("fs1000", tokens),
    ("mtl-aqa", keys),
    ("finediving", keys),
    ("aqa7", by_action),
]


@pytest.mark.parametrize(("kind", "write"), PACKS, ids=[f"{kind}-{write.__name__}" for kind, write in PACKS])
def test_a_pack_in_the_official_names_needs_no_video(tmp_path: Path, kind: str, write: Pack) -> None:
    make: Callable[..., Any] = make_aqa7 if kind == "aqa7" else PUBLISHED[kind]
    make(tmp_path / "set", frames=8)
    filmed = list_records(kind, tmp_path / "set").records
    for path in sorted((tmp_path / "set").rglob("*")):
        if path.suffix in (".mp4", ".avi", ".jpg"):
            path.unlink()
    for name in ("videos", "video", "Actions"):
        shutil.rmtree(tmp_path / "set" / name, ignore_errors=True)
    listed = list_records(kind, tmp_path / "set", unfilmed=["any"]).records
    assert len(listed) >= len(filmed)
    (tmp_path / "pack").mkdir()
    features = write(tmp_path / "pack", [(one.id, one.labels.score or 0.0) for one in listed if one.labels])
    given = {"dataset.root": tmp_path / "set", "run.workers": 0}
    done = api.extract(features=features, config=kind, overrides=given, cache=tmp_path / "cache")
    assert done.ok
    assert done.summary.videos == len(listed)
    assert not (tmp_path / "cache/pose").exists()


def test_the_table_has_three_epochs_side_by_side_with_published_ones(tmp_path: Path) -> None:
    lines = {"train": range(1, 25), "test": range(25, 33)}
    scores = dict(enumerate(np.random.default_rng(0).uniform(8, 18, 33).round(2).tolist()))
    for side, numbers in lines.items():
        text = [f"Ball_{n:03d}\t{scores[n] / 2}\t{scores[n] / 2}\t{scores[n]}\t0\t90" for n in numbers]
        (tmp_path / f"{side}.txt").write_text("\n".join(["Video_Name\tD\tE\tT\tP\tL", *text]))
    (tmp_path / "pack").mkdir()
    features = folder(tmp_path / "pack", [(f"Ball_{n:03d}", scores[n]) for n in range(1, 33)])
    given = {"train.runs": 1, "train.epochs": 20, "run.workers": 0}
    words = {"features": features, "cache": tmp_path / "cache", "out": tmp_path / "out"}
    done = api.evaluate(tmp_path, config="rhythmic-gymnastics", overrides=given, oracle=True, **words)  # type: ignore[arg-type]
    table = published_table(done.results)
    assert table is not None
    assert table.columns == ("rho", "R-l2, %", "MSE", "epoch")
    epochs = {row.name: row.values[-1] for row in table.rows}
    name = "whole scene (baseline)"
    assert epochs[name] == "last"
    assert epochs[f"{name}, epoch by inner validation"] == "inner validation"
    assert epochs[f"{name}, best epoch on the test part (oracle)"] == "best on the test part"
    assert epochs["descriptors, ridge"] is None
    logs = [row.values for row in table.rows if row.name == "PHI, its log (published)"]
    assert logs == [(0.84, None, None, "best on the test part"), (0.816, None, None, "last")]
    assert "no honest result" in table.note
    assert "MSE of scores divided by 25." in table.note
    best = next(row for row in table.rows if row.kind == "oracle")
    errors = [(one.true - one.systems[best.name].mean) / 25 for one in done.results.predictions]
    assert best.values[2] == pytest.approx(np.mean(np.square(errors)))
    assert results_as_json(done.results)["published"]["range"] == 25


def test_the_papers_table_is_published_by_action() -> None:
    given = published_results("aqa7", "", "fixed")
    assert given is not None
    aim = next(one for one in given.results if one.method == "AIM")
    assert (aim.rho["diving"], aim.rho["sync_diving_3m"], aim.average) == (0.7419, 0.9298, None)
    names, one = tuple(aim.rho), system(Estimate(0.5, (0.2, 0.7)))
    ours = replace(one, tasks=dict.fromkeys(names, one.tasks[""]))
    results = made_results({"a": ours}, protocol="fixed", folds=1, published=given, tasks=names)
    held_out = tuple(replace(one, task=name) for name in names for one in results.predictions[:2])
    table = published_table(replace(results, predictions=held_out))
    assert table is not None
    averages = {row.name: row.values[6] for row in table.rows}
    assert averages["AIM (published)"] == pytest.approx(0.7789, abs=1e-4)
    assert averages["Pose+DCT (published)"] is None
    assert averages["CoRe (published)"] == 0.84
    terminal = terminal_table(replace(results, predictions=held_out))
    assert terminal is not None
    assert {row.name: row.values for row in terminal.rows} == {
        row.name: (row.values[6], row.values[-1]) for row in table.rows if row.name != "Pose+DCT (published)"
    }
    assert "Pose+DCT" not in terminal.note
    of_paper = "AIM, JR-GCN, C3D-SVR, C3D-LSTM, ST-GCN, Pose+DCT"
    assert f"Sources: {of_paper}: Gao et al., ECCV 2020, table 7; CoRe:" in table.note


@pytest.mark.parametrize("kind", ["rhythmic-gymnastics", "mtl-aqa", "finediving", "aqa7"])
def test_rows_of_one_name_differ_by_their_epoch(kind: str) -> None:
    given = published_results(kind, "", "fixed")
    assert given is not None
    names = [(one.method, one.epoch, *one.rho) for one in given.results]
    assert len(set(names)) == len(names)


def test_an_average_alone_stands_for_the_whole_set_only() -> None:
    given = published_results("aqa7", "", "fixed")
    rho = Estimate(0.5, (0.2, 0.7))
    part = made_results({"a": system(rho)}, protocol="fixed", folds=1, published=given)
    table = published_table(part)
    assert table is not None
    assert [row.name for row in table.rows] == ["a"]
    assert "Sources" not in table.note
    assert terminal_table(part) == table, "few columns"
    assert published_table(made_results({"a": system(rho)})) is None
    assert published_results("aqa7", "", "kfold") is None
    assert published_results("mtl-aqa", "execution", "fixed") is None
    assert published_results("folder", "", "fixed") is None
