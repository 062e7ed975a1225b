"""Previews: places of the drawings, lengths of the films, videos that cannot be drawn."""

import threading

import numpy as np
import pytest

from data.errors import Cancelled
from data.store.arrays import Array, StageOutput
from data.video import Record, probe
from extractors.keypoint_geometry import boxes_of
from pipeline.preview.draw import FLOW, MASKED, colour_of, draw_body, draw_outputs
from pipeline.preview.preview_files import (
    draw_preview,
    draw_previews,
    drawn_size,
    film_frames,
    preview_paths,
    sheet_frames,
)
from pipeline.run import Planner
from tests.helpers.extracting import configured, extract, opened
from tests.helpers.made_outputs import flow_output, pose_output
from tests.helpers.watching import Watching

FRAMES, SIZE = 12, (64, 48)


@pytest.fixture
def record(make_video, tmp_path):
    """A small grey video of `FRAMES` frames."""
    return Record(id="folder/v.mp4", path=make_video(tmp_path / "v.mp4", FRAMES))


@pytest.fixture
def found():
    """The drawn arrays of that video's outputs: two agents, the second detected in the first half only."""
    times = np.arange(FRAMES) / 25
    points = np.random.default_rng(0).uniform(0.2, 0.8, (FRAMES, 2, 17, 3)) * [*SIZE, 0] + [0, 0, 0.9]
    points[FRAMES // 2 :, 1, :, :2] = np.nan
    boxes = np.stack([boxes_of(keypoints) for keypoints in points])
    more = {"boxes": Array(boxes, ("frame", "agent", "xyxy"), "px")}
    more |= {"filled": Array(np.zeros((FRAMES, 2), bool), ("frame", "agent"), "1")}
    cells = np.array([[0, 0, 1, 0.2], [0, 0.8, 1, 1], [0, 0.2, 0.1, 0.8]])
    pose = StageOutput({**pose_output(points).arrays, **more})
    flow = StageOutput({**flow_output(FRAMES - 1).arrays, "cell_box": Array(cells, ("cell", "box"), "1")})
    steps = StageOutput({"bounds": Array(np.stack([times[::4], times[3::4]], axis=1), ("step", "edge"), "s")})
    return {"clips": steps, "timesteps": steps, "pose": pose, "camera_flow": flow}


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((455, 256), (640, 360)), ((1080, 1920), (404, 720)), ((3840, 1080), (1280, 360)), ((101, 901), (80, 720))],
)
def test_sizes_are_even_and_legible(size, drawn):
    assert drawn_size(*size) == drawn


@pytest.mark.parametrize(("frames", "rate"), [(50, 25.0), (100, 60.0), (3, 10.0), (1, 25.0)])
def test_film_keeps_the_pace(frames, rate):
    shown_rate, order = film_frames(np.arange(frames) / rate)
    assert shown_rate <= 30
    assert len(order) / shown_rate == pytest.approx(frames / rate, abs=1 / shown_rate)
    assert (np.diff(order) >= 0).all()
    assert order[0] == 0
    assert order[-1] >= frames - 1 - rate / shown_rate


def test_long_film_is_thinned_and_uneven_times_are_kept():
    rate, order = film_frames(np.arange(54_000) / 30)
    assert len(order) <= 4500
    assert len(order) / rate == pytest.approx(1800, rel=1e-3)
    _, order = film_frames(np.array([0.0, 0.04, 0.08, 0.12, 0.6]))  # a pause repeats the frame before it
    assert np.bincount(order).tolist() == [1, 1, 1, 12, 1]


def test_sheet_shows_the_middle_of_every_step(found):
    assert sheet_frames(np.arange(FRAMES) / 25, found) == [1, 5, 9]
    assert sheet_frames(np.arange(250) / 25, {}) == [12, 37, 62, 87, 112, 137, 162, 187, 212, 237]
    assert len(sheet_frames(np.arange(3600.0), {})) == 40


def test_body_is_drawn_in_place():
    image, nowhere = np.zeros((100, 200, 3), np.uint8), np.full(4, np.nan)
    joints = np.full((17, 3), np.nan)
    draw_body(image, 1, joints, nowhere)
    assert not image.any()
    joints[[5, 7]] = [[40, 40, 0.9], [80, 40, 0.9]]  # left shoulder and elbow
    draw_body(image, 0, joints, nowhere)
    assert tuple(image[40, 60]) == colour_of(0)
    assert not image[60:].any()
    assert not image[:, 100:].any()


@pytest.mark.parametrize(("time", "agents"), [(0.0, {0, 1}), (10 / 25, {0})])
def test_outputs_are_drawn_where_and_while_they_are_known(found, time, agents):
    """The second agent is missing in the second half; arrows are green, and the masked cell below is crossed in red."""
    image = np.zeros((480, 640, 3), np.uint8)
    draw_outputs(image, {"pose": found["pose"]}, time, np.array([10.0, 10.0]))
    assert {agent for agent in (0, 1) if (image == colour_of(agent)).all(axis=2).any()} == agents
    image[:] = 0
    draw_outputs(image, {"camera_flow": found["camera_flow"]}, time, np.array([10.0, 10.0]))
    green, red = ((np.abs(image.astype(int) - colour) < 80).all(axis=2) for colour in (FLOW, MASKED))
    assert (green[:96].any(), green[384:, 64:].any()) == (True, False)
    assert (red[:380].any(), red[384:].any()) == (False, True)


def test_a_sheet_and_a_film_are_drawn_or_nothing_is_left(record, found, make_video, tmp_path):
    out, stop = tmp_path / "out", threading.Event()
    one = Record(id="one.mp4", path=make_video(tmp_path / "one.mp4", 1))
    for drawn, outputs, frames in ((record, found, FRAMES), (one, {}, 1)):
        draw_preview(drawn, outputs, out / "v.jpg", out / "v.mp4")
        info, times = probe(out / "v.mp4")
        assert (info.width, info.height, len(times)) == (640, 480, frames)
        assert (decode_jpeg(out / "v.jpg").shape[1] == 3 * 640) == (frames > 1)
        assert sorted(p.name for p in out.iterdir()) == ["v.jpg", "v.mp4"]
    stop.set()
    with pytest.raises(Cancelled):
        draw_preview(record, {}, tmp_path / "o" / "v.jpg", tmp_path / "o" / "v.mp4", stop=stop)
    assert list((tmp_path / "o").iterdir()) == []


def decode_jpeg(path):
    import cv2

    return cv2.imread(str(path))


def test_a_batch_draws_new_outputs_and_names_failed_videos(record, tmp_path, monkeypatch):
    first, second = (
        configured(tmp_path / "cache", stages=["camera_flow"], camera_flow={"stride": stride}) for stride in (1, 2)
    )
    for config in (first, second):
        extract([record], config)
    records = [record, Record(id="none", path=None), Record(id="new.mp4", path=record.path)]
    observer = Watching()
    cache = opened(first)

    def draw(config, count=3, **options):
        return draw_previews([*Planner(config, cache).plan_all(records[:count])], config, cache, observer, **options)

    drawn = draw(first)
    assert drawn.written == tuple(map(str, preview_paths(cache, "folder/v.mp4")))
    assert drawn.written[0] == str(tmp_path / "cache" / "preview" / "folder" / "v.mp4.jpg")
    assert set(drawn.failed) == {"none", "new.mp4"}
    assert draw(first, 1).fresh == 1
    with monkeypatch.context() as patch:  # an error that no code expects
        patch.setattr("pipeline.preview.preview_files.draw_preview", lambda *_, **__: int("x"))
        assert draw(first, force=True).failed.keys() == {record.name for record in records}
    for config in (second, first):
        assert len(draw(config, 1).written) == 2, "another output"
    assert draw(first, 1).fresh == 1
    cache.close()
