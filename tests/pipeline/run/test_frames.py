"""Folders of frames through the stages: equal to the lossless video, cached by content and rate, mixed with files."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.store import hdf5 as store
from data.video import FrameFolder, Record, decode, find_videos, write_video
from data.weights import cache_dir
from pipeline.cache.local_cache import Cache
from pipeline.config import BaseConfig, load_config
from pipeline.observer import Observer
from pipeline.preview import draw_previews
from pipeline.run.batch import run_extract, status_rows
from pipeline.run.costs import expected_frames
from pipeline.run.plan import Planner
from synthetic.dives import render_dives
from tests.helpers.cached_outputs import output_of
from tests.helpers.drawn_people import person, picture

STAGES = {
    "camera_flow": {},
    "clips": {"clips.steps": 2},
    "pose": {"timesteps.secondary": ["camera_flow"], "timesteps.scene": ""},
}
"""Settings by stage; the last two need published weights."""
WEIGHTS = {"clips": "i3d-kinetics400.safetensors", "pose": "movenet-multipose.tflite"}


def dive(count: int = 20) -> list[np.ndarray]:
    """Pictures of a drawn person who moves."""
    return [picture(person(120 + 2 * i, 110, angle=i / 20), size=(320, 240)) for i in range(count)]


def rendered(folder: Path) -> list[np.ndarray]:
    """Pictures of a rendered dive, in which the pose network detects somebody."""
    render_dives(folder / "rendered", 1, seed=0)
    (record,) = find_videos([folder / "rendered"]).records
    return [frame.image for frame in decode(record.path, range(12))]


def folder_of(path: Path, images: list[np.ndarray]) -> Path:
    path.mkdir(parents=True)
    for number, image in enumerate(images):
        cv2.imwrite(str(path / f"img_{3 * number}.png"), image[..., ::-1])
    return path


def run(root: Path, config: BaseConfig) -> tuple[tuple[Record, ...], Cache]:
    """Extract a folder; every stage of every video must have ended well."""
    records, cache = find_videos([root], frame_rate=config.frames.fps).records, Cache(config.cache)
    summary = run_extract(records, Planner(config, cache))
    assert not summary.failed
    return records, cache


@pytest.mark.parametrize("stage", STAGES)
def test_features_are_those_of_the_lossless_video(tmp_path: Path, stage: str) -> None:
    if stage in WEIGHTS and not (cache_dir() / "weights" / WEIGHTS[stage]).is_file():
        pytest.skip(f"needs {WEIGHTS[stage]}")
    images = rendered(tmp_path) if stage == "pose" else dive()
    folder_of(tmp_path / "in/dive", images)
    write_video(tmp_path / "in/dive.mkv", images, 25, codec="ffv1", pixel_format="bgr0", options={})
    stages = ["timesteps"] if stage == "pose" else [stage]  # which reads pose and camera_flow
    settings = {"cache": str(tmp_path / "cache"), "frames.fps": 25, "run.workers": 0, "stages": stages}
    run(tmp_path / "in", load_config(None, settings | STAGES[stage]))
    if stage == "pose":
        assert store.read(output_of(tmp_path / "cache", "pose", "dive")).output.arrays["tracks"].values.size
    for written in {stage, *stages}:
        ours, theirs = (store.read(output_of(tmp_path / "cache", written, n)) for n in ("dive", "dive.mkv"))
        assert ours.output.quality == theirs.output.quality
        for array, values in theirs.output.arrays.items():
            np.testing.assert_array_equal(ours.output.arrays[array].values, values.values, err_msg=array)


@pytest.fixture
def settings(tmp_path: Path) -> BaseConfig:
    values = {"cache": str(tmp_path / "cache"), "frames.fps": 25, "run.workers": 0, "stages": ["camera_flow"]}
    return load_config(None, values)


def state(record: Record, config: BaseConfig) -> str:
    (row,) = status_rows([record], Planner(config, Cache(config.cache)))
    return f"{row['state']}: {row['reason']}"


def test_the_key_is_content_order_and_rate(tmp_path: Path, settings: BaseConfig) -> None:
    folder = folder_of(tmp_path / "in/dive", dive(5))
    (record,), cache = run(tmp_path / "in", settings)
    assert state(record, settings) == "fresh: "
    moved = Record("dive", folder, frames=FrameFolder(folder, 30))
    assert state(moved, settings) == "stale: video file changed"
    for number in range(5):  # other names, the same order
        os.rename(folder / f"img_{3 * number}.png", folder / f"{number:03d}.png")
    assert state(record, settings) == "fresh: "
    os.rename(folder / "000.png", folder / "009.png")
    assert state(record, settings) == "stale: video file changed"
    part = FrameFolder(folder, 25, first=1, last=2)
    assert cache.fingerprint(part) != cache.fingerprint(FrameFolder(folder, 25, first=1, last=3))
    cache.close()


def test_one_bad_picture_fails_by_name_and_nothing_else(tmp_path: Path, settings: BaseConfig) -> None:
    folder_of(tmp_path / "in/good", dive(5))
    bad = folder_of(tmp_path / "in/bad", dive(5)) / "img_6.png"
    bad.unlink()
    os.mkfifo(bad)
    records, cache = find_videos([tmp_path / "in"], frame_rate=25).records, Cache(settings.cache)
    summary = run_extract(records, Planner(settings, cache))
    (failed,) = summary.failed
    assert failed.record.id == "bad"
    assert failed.failed == {"camera_flow": f"{bad}: cannot be opened (not a regular file)"}
    assert state(records[1], settings) == "fresh: "


def test_estimates_and_previews(tmp_path: Path, settings: BaseConfig) -> None:
    folder_of(tmp_path / "in/dive", dive(8))
    write_video(tmp_path / "in/other.mkv", dive(20), 25, codec="ffv1", pixel_format="bgr0", options={})
    records, cache = run(tmp_path / "in", settings)
    assert expected_frames(records) == [8, 20]
    done = draw_previews(records, Planner(settings, cache), Observer())
    assert not done["failed"]
    assert len(done["written"]) == 4
