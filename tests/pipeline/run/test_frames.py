"""Folders of frames through the stages: equal to the lossless video, cached by content and rate, mixed with files."""

import json
import os

import cv2
import numpy as np
import pytest

from data.video import FrameFolder, Record, find_videos, probe, write_video
from pipeline.observer import SILENT
from pipeline.run.costs import expected_frames
from pipeline.run.inputs import list_inputs
from pipeline.settings.config import load_config
from tests.helpers.cached_outputs import output_of
from tests.helpers.drawn_people import person, picture
from tests.helpers.extracting import extract, opened, states


def dive(count=20):
    """Pictures of a drawn person who moves."""
    return [picture(person(120 + 2 * i, 110, angle=i / 20)) for i in range(count)]


def test_the_key_is_content_order_and_rate(tmp_path):
    values = {"cache": str(tmp_path / "cache"), "frames.fps": 25, "work.workers": 0, "stages": ["camera_flow"]}
    settings, folder = load_config(None, values), tmp_path / "in/dive"
    folder.mkdir(parents=True)
    for number, image in enumerate(dive(5)):
        cv2.imwrite(str(folder / f"img_{3 * number}.png"), image)
    (record,) = find_videos([tmp_path / "in"], frame_rate=25).records
    fresh = {"dive/camera_flow": ("fresh", "")}
    stale = {"dive/camera_flow": ("stale", "video file changed")}
    assert not extract([record], settings).failed
    assert states([record], settings) == fresh
    assert states([Record("dive", folder, frames=FrameFolder(folder, 30))], settings) == stale
    for number in range(5):  # other names, the same order
        os.rename(folder / f"img_{3 * number}.png", folder / f"{number:03d}.png")
    assert states([record], settings) == fresh
    os.rename(folder / "000.png", folder / "009.png")
    assert states([record], settings) == stale
    assert expected_frames([record]) == [5]
    parts = [FrameFolder(folder, 25, first=1, last=last) for last in (2, 3)]
    assert len({opened(settings).fingerprint(part) for part in parts}) == 2


def test_every_stage_counts_seconds_by_the_stated_rate(tmp_path):
    """A video that says 10 frames a second gives, with 25 stated, the outputs of one that says 25."""
    stages = ("clips", "pose", "camera_flow", "timesteps")
    made = []
    for said, stated in ((25, 0), (10, 25)):
        folder = tmp_path / str(said)
        write_video(folder / "dive.mkv", dive(), said, codec="ffv1", pixel_format="bgr0", options={})
        joints = [person(120 + 2 * i, 110, angle=i / 20).ravel().tolist() for i in range(20)]
        results = [{"image_id": frame, "keypoints": joint, "score": 0.8} for frame, joint in enumerate(joints)]
        (folder / "dive.json").write_text(json.dumps(results), encoding="utf-8")
        given = {"cache": str(tmp_path / "cache" / str(said)), "frames.fps": stated}
        given |= {"work.workers": 0, "pose.backend": "import", "clips.backbone": "x3d_xs", "clips.weights": "random"}
        config = load_config("folder", {**given, "clips.frames_per_clip": 4, "clips.steps": 3, "timesteps.steps": 3})
        records = list_inputs([folder], config, SILENT)[0].records
        assert not extract(records, config).failed
        assert {state for state, _ in states(records, config).values()} == {"fresh"}
        if stated:
            unstated = find_videos([folder]).records
            assert states(unstated, config)["dive.mkv/camera_flow"][0] == "stale"
            assert probe(records[0].video)[1] == pytest.approx(np.arange(20) / 25)
        cache = opened(config)
        made.append({stage: cache.load(output_of(cache.root, stage, "dive.mkv")).output for stage in stages})
    for stage in stages:
        honest, stated_rate = (outputs[stage] for outputs in made)
        assert honest.quality == stated_rate.quality
        for name, array in honest.arrays.items():
            np.testing.assert_array_equal(array.values, stated_rate.arrays[name].values, f"{stage}: {name}")
    assert made[1]["pose"].arrays["time"].values == pytest.approx(np.arange(20) / 25)
