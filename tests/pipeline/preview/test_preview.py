"""Previews: places of the drawings, lengths of the films, videos that cannot be drawn."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from data.errors import Cancelled
from data.store.arrays import Array, StageOutput
from data.video.decoder import decode, probe
from data.video.records import Record
from extractors.keypoint_geometry import boxes_of
from pipeline.observer import Observer, Progress
from pipeline.preview.draw import FLOW, MASKED, colour_of, draw_body, draw_border, draw_outputs
from pipeline.preview.preview_files import (
    draw_preview,
    draw_previews,
    drawn_size,
    film_frames,
    preview_paths,
    sheet_frames,
)
from pipeline.run import Planner, Previews
from pipeline.settings.config import Config
from tests.helpers.extracting import configured, extract, opened

Made = Callable[..., Path]
FRAMES, SIZE = 12, (64, 48)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def record(make_video: Made, tmp_path: Path) -> Record:
    """A small grey video of `FRAMES` frames."""
    return Record(id="folder/v.mp4", path=make_video(tmp_path / "v.mp4", FRAMES))


@pytest.fixture
def found() -> dict[str, StageOutput]:
    """The drawn arrays of that video's outputs: two agents, the second detected in the first half only."""
    times = np.arange(FRAMES) / 25
    points = np.random.default_rng(0).uniform(0.2, 0.8, (FRAMES, 2, 17, 2)) * SIZE
    keypoints = np.concatenate([points, np.full((FRAMES, 2, 17, 1), 0.9)], axis=3)
    keypoints[FRAMES // 2 :, 1, :, :2] = np.nan
    pose = {
        "time": Array(times, ("frame",), "s"),
        "keypoints": Array(keypoints, ("frame", "agent", "joint", "xyc"), "px"),
        "boxes": Array(np.stack([boxes_of(keypoint) for keypoint in keypoints]), ("frame", "agent", "xyxy"), "px"),
        "filled": Array(np.zeros((FRAMES, 2), bool), ("frame", "agent"), "1"),
    }
    flow = {
        "time": Array(np.stack([times[:-1], times[1:]], axis=1), ("pair", "frame"), "s"),
        "cells": Array(np.full((FRAMES - 1, 2, 2), 0.5), ("pair", "cell", "uv"), "1/s"),
        "cell_mask": Array(np.tile([True, False], (FRAMES - 1, 1)), ("pair", "cell"), "1"),
        "cell_box": Array(np.array([[0, 0, 1, 0.2], [0, 0.8, 1, 1]]), ("cell", "box"), "1"),
    }
    bounds = {"bounds": Array(np.stack([times[::4], times[3::4]], axis=1), ("step", "edge"), "s")}
    arrays = {"clips": bounds, "timesteps": bounds, "pose": pose, "camera_flow": flow}
    return {stage: StageOutput(array) for stage, array in arrays.items()}


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((455, 256), (640, 360)), ((1080, 1920), (404, 720)), ((3840, 1080), (1280, 360)), ((101, 901), (80, 720))],
)
def test_sizes_are_even_and_legible(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    assert drawn_size(*size) == drawn


@pytest.mark.parametrize(("frames", "rate"), [(50, 25.0), (100, 60.0), (3, 10.0), (1, 25.0)])
def test_film_keeps_the_pace(frames: int, rate: float) -> None:
    shown_rate, order = film_frames(np.arange(frames) / rate)
    assert shown_rate <= 30
    assert len(order) / shown_rate == pytest.approx(frames / rate, abs=1 / shown_rate)
    assert (np.diff(order) >= 0).all()
    assert order[0] == 0
    assert order[-1] >= frames - 1 - rate / shown_rate


def test_long_film_is_thinned_and_uneven_times_are_kept() -> None:
    rate, order = film_frames(np.arange(54_000) / 30)
    assert len(order) <= 4500
    assert len(order) / rate == pytest.approx(1800, rel=1e-3)
    _, order = film_frames(np.array([0.0, 0.04, 0.08, 0.12, 0.6]))  # a pause repeats the frame before it
    assert np.bincount(order).tolist() == [1, 1, 1, 12, 1]


def test_sheet_shows_the_middle_of_every_step(found: dict[str, StageOutput]) -> None:
    assert sheet_frames(np.arange(FRAMES) / 25, found) == [1, 5, 9]
    assert sheet_frames(np.arange(250) / 25, {}) == [12, 37, 62, 87, 112, 137, 162, 187, 212, 237]
    assert len(sheet_frames(np.arange(3600.0), {})) == 40


def test_body_is_drawn_in_place() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    joints = np.full((17, 3), np.nan)
    joints[[5, 7]] = [[40, 40, 0.9], [80, 40, 0.9]]  # left shoulder and elbow
    draw_body(image, 0, joints, np.full(4, np.nan))
    assert tuple(image[40, 60]) == colour_of(0)
    assert not image[60:].any()
    assert not image[:, 100:].any()
    before = image.copy()
    draw_body(image, 1, np.full((17, 3), np.nan), np.full(4, np.nan))
    assert (image == before).all()


def test_masked_cells_are_crossed_and_others_have_arrows() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    boxes = np.array([[0, 0, 0.5, 0.2], [0.5, 0, 1, 0.2]])
    draw_border(image, boxes, np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([True, False]))
    green, red = ((np.abs(image.astype(int) - colour) < 80).all(axis=2) for colour in (FLOW, MASKED))
    assert green[10, 55]
    assert not green[:, 100:].any()
    assert red[10, 150]
    assert not red[:, :100].any()


def test_agents_are_drawn_in_the_frames_in_which_they_are_detected(found: dict[str, StageOutput]) -> None:
    for time, agents in ((0.0, {0, 1}), (11 / 25, {0})):  # the second agent is missing in the second half
        image = np.zeros((480, 640, 3), np.uint8)
        draw_outputs(image, {"pose": found["pose"]}, time, np.array([10.0, 10.0]))
        assert {agent for agent in (0, 1) if (image == colour_of(agent)).all(axis=2).any()} == agents


def test_preview_files(record: Record, found: dict[str, StageOutput], tmp_path: Path) -> None:
    import cv2

    sheet, film = tmp_path / "out" / "v.jpg", tmp_path / "out" / "v.mp4"
    draw_preview(record, found, sheet, film)
    info, times = probe(film)
    assert (info.width, info.height, len(times)) == (640, 480, FRAMES)
    assert len(list(decode(film))) == FRAMES
    read = cv2.imread(str(sheet))
    assert read is not None
    assert read.shape[1] == 3 * 640
    assert sorted(p.name for p in sheet.parent.iterdir()) == ["v.jpg", "v.mp4"]


def test_a_video_without_outputs_or_with_one_frame_is_drawn(make_video: Made, tmp_path: Path) -> None:
    path = make_video(tmp_path / "one.mp4", 1)
    draw_preview(Record(id="one.mp4", path=path), {}, tmp_path / "one.jpg", tmp_path / "film.mp4")
    assert len(probe(tmp_path / "film.mp4")[1]) == 1


def test_stopping_leaves_nothing(record: Record, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        draw_preview(record, {}, tmp_path / "o" / "v.jpg", tmp_path / "o" / "v.mp4", stop=stop)
    assert list((tmp_path / "o").iterdir()) == []


def test_a_batch_draws_new_outputs_and_names_failed_videos(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        configured(tmp_path / "cache", stages=["camera_flow"], camera_flow={"stride": stride}) for stride in (1, 2)
    )
    for config in (first, second):
        extract([record], config)
    records = [record, Record(id="none", path=None), Record(id="new.mp4", path=record.path)]
    observer, shown = Observer(), Progress()
    monkeypatch.setattr(observer, "progress", lambda what: nullcontext(shown))
    cache = opened(first)

    def draw(config: Config, count: int = 3, **options: bool) -> Previews:
        return draw_previews([*Planner(config, cache).plan_all(records[:count])], config, cache, observer, **options)

    drawn = draw(first)
    assert drawn.written == tuple(map(str, preview_paths(cache, "folder/v.mp4")))
    assert drawn.written[0] == str(tmp_path / "cache" / "preview" / "folder" / "v.mp4.jpg")
    assert set(drawn.failed) == {"none", "new.mp4"}
    assert (shown.done, shown.total) == (3, 3)
    assert draw(first, 1).fresh == 1
    with monkeypatch.context() as patch:  # an error that no code expects
        patch.setattr("pipeline.preview.preview_files.draw_preview", lambda *_, **__: int("x"))
        assert draw(first, force=True).failed.keys() == {record.name for record in records}
    for config in (second, first):
        assert len(draw(config, 1).written) == 2, "another output"
    assert draw(first, 1).fresh == 1
    cache.close()


def test_command_line_draws_beside_a_damaged_video(make_video: Made, tmp_path: Path) -> None:
    make_video(tmp_path / "in/a.mp4", size=(128, 96))
    (tmp_path / "in/b.mp4").write_text("no video")
    command = [sys.executable, "run_pipeline.py", "extract", str(tmp_path / "in"), "--cache", str(tmp_path / "cache")]
    command += ["--set", "stages=[camera_flow]", "--workers", "0", "--preview", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    entry = json.loads(done.stdout)["preview"]
    assert done.returncode == 1
    assert list(entry["failed"]) == ["b.mp4"]
    assert "no preview of b.mp4" in done.stderr
    assert sorted(p.name for p in (tmp_path / "cache" / "preview").glob("[!.]*")) == ["a.mp4.jpg", "a.mp4.mp4"]
