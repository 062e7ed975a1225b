"""The pose stage from frames to arrays, on drawn people and a network that reads their colours; its settings."""

import weakref
from unittest.mock import Mock

import numpy as np
import pytest

from data.errors import DataError, WeightsError
from data.stage_files import StageFiles
from extractors.contract import MadeSource
from extractors.keypoint_geometry import INTERPOLATED_SCORE, body_sizes
from extractors.pose.backends import load_backend
from extractors.pose.backends.movenet import MoveNet, input_size
from extractors.pose.config import PoseConfig
from extractors.pose.shot_people import People
from extractors.pose.stage import Pose
from tests.helpers.drawn_people import ColourReader, person, picture

FILES = StageFiles()

READABLE = 1.0
"""Radians of tilt that the drawn network reads."""

RAW = {"cleaning": {"fix_sides": False, "max_gap_s": 0, "smoothing_s": 0}}


def extract(images, **settings):
    stage = Pose(PoseConfig(**{"agents": 1, "views": 4, **settings}), FILES)
    stage._backend = ColourReader(READABLE)
    return stage.extract(MadeSource(images))


def somersault(count=30, speed=0.35):
    return [person(160, 120, speed * t, 0.9) for t in range(count)]


@pytest.mark.parametrize("settings", [{}, RAW])
def test_a_somersaulting_person_is_detected_in_every_frame_of_four_views(settings):
    poses = somersault()
    images = [picture(pose) for pose in poses]
    output = extract(images, **settings)
    keypoints = output.arrays["keypoints"].values
    assert keypoints.shape == (30, 1, 17, 3)
    assert output.quality["found_rate"] == 1
    # The face is painted over itself; smoothing bends a fast somersault a little.
    assert np.abs(keypoints[:, 0, 5:, :2] - np.stack(poses)[:, 5:, :2]).max() < 6
    assert extract(images, views=1, **settings).quality["found_rate"] < 0.8


def test_large_frames_are_reduced_and_joints_are_in_pixels_of_the_video():
    pose = person(640, 480, 0.2, 3.5)
    big = np.kron(picture(person(160, 120, 0.2, 0.875)), np.ones((4, 4, 1), np.uint8))
    output = extract([big] * 3, work_side=320)
    assert output.arrays["size"].values.tolist() == [1280, 960]
    assert np.abs(output.arrays["keypoints"].values[:, 0, 5:, :2] - pose[5:, :2]).max() < 8
    assert output.arrays["boxes"].values[0, 0] == pytest.approx([*pose[:, :2].min(0), *pose[:, :2].max(0)], abs=12)
    assert extract([np.zeros((8, 8000, 3), np.uint8)]).quality["found_rate"] == 0


def test_a_short_gap_is_interpolated_and_marked_and_a_long_one_is_not():
    poses = somersault(40, speed=0.05)
    images = [picture(pose) if t not in (10, 11) and not 20 <= t < 35 else picture() for t, pose in enumerate(poses)]
    output = extract(images)
    keypoints, filled = output.arrays["keypoints"].values[:, 0], output.arrays["filled"].values[:, 0]
    assert np.flatnonzero(filled).tolist() == [10, 11]
    assert np.abs(keypoints[10, 5:, :2] - poses[10][5:, :2]).max() < 4
    assert keypoints[10, :, 2] == pytest.approx(INTERPOLATED_SCORE)
    assert np.isnan(keypoints[20:35, :, 0]).all()
    assert output.quality["longest_gap_s"] == pytest.approx(0.6)
    assert output.quality["found_rate"] == pytest.approx(23 / 40)
    assert output.arrays["filled"].values.sum() == 2


def test_cuts_are_reported_in_seconds_and_nothing_is_interpolated_over_them():
    first, second = (np.random.default_rng(k).integers(0, 255, (15, 20, 3), dtype=np.uint8) for k in (3, 4))
    scenes = [np.kron(scene, np.ones((16, 16, 1), np.uint8)) for scene in (first, second) for _ in range(10)]
    images = []
    for t, scene in enumerate(scenes):
        drawn = picture(person(160, 120, 0.05 * t, 0.9)) if t not in (9, 10) else picture()
        images.append(np.where(drawn.any(axis=-1, keepdims=True), drawn, scene // 16 * 16 // 2 + 1))
    output = extract(images, views=1)
    assert output.arrays["cuts"].values == pytest.approx([0.4])
    assert output.quality["cuts"] == 1
    assert not output.arrays["filled"].values[9:11].any()


class EverySecond:
    """A cut in every second of 25 frames."""

    def __init__(self):
        self.frames = -1

    def begins_shot(self, _):
        """As `ShotDetector` says."""
        self.frames += 1
        return self.frames % 25 == 0


def test_detections_of_a_shot_are_freed_when_it_ends(monkeypatch):
    alive, counts = weakref.WeakSet[People](), list[int]()

    class Counted(People):
        """Counts those that somebody still holds when the next ones begin."""

        def __init__(self, *arguments):
            super().__init__(*arguments)
            alive.add(self)
            counts.append(len(alive))

    monkeypatch.setattr("extractors.pose.stage.ShotDetector", EverySecond)
    monkeypatch.setattr("extractors.pose.stage.People", Counted)
    output = extract([picture(person(160, 120))] * 100)
    assert output.quality["cuts"] == 3
    assert output.quality["found_rate"] == 1
    assert counts == [1, 2, 2, 2]


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [((455, 256), 384, (384, 224)), ((1080, 1920), 256, (160, 256)), ((10, 4000), 256, (32, 256))],
)
def test_the_input_keeps_the_shape_in_multiples_of_32(size, long_side, expected):
    assert input_size(*size, long_side) == expected


def test_a_file_that_is_no_network_is_one_clear_error(tmp_path):
    path = tmp_path / "weights.tflite"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"not a MoveNet MultiPose .tflite file \(Unable to read the model"):
        load_backend(PoseConfig(weights_file=str(path)), FILES).detect(picture())
    with pytest.raises(DataError):
        load_backend(PoseConfig(weights_file=str(tmp_path / "nowhere.tflite")), FILES)


def test_a_machine_that_cannot_run_the_network_is_no_fault_of_its_file(monkeypatch):
    """OpenVINO compiles for the instructions of the CPU, and its errors begin with places in its source."""
    from data.weights.quiet_openvino import openvino

    def compiled(*_, **__):
        raise RuntimeError("Exception from src/inference/src/cpp/core.cpp:117:\nbad combination\n\n")

    pictures = openvino.opset13.parameter([1, -1, -1, 3], np.uint8)
    network = openvino.Model([openvino.opset13.relu(openvino.opset13.convert(pictures, "f32"))], [pictures])
    monkeypatch.setattr("extractors.openvino_cpu.compile_for_cpu", compiled)
    backend = MoveNet(PoseConfig(), {}, Mock(network=Mock(return_value=network)))
    with pytest.raises(WeightsError, match=r"does not run here \(bad combination\)"):
        backend.detect(picture())


@pytest.fixture(scope="module")
def movenet():
    from data.weights.weight_files import fetch

    return fetch("movenet-multipose")


@pytest.mark.weights
def test_movenet_detects_both_people_of_a_real_clip(movenet, shared):
    from data.video.decoder import decode

    clip = shared / "clips" / "two_people_pose2sim.mp4"
    if not clip.is_file():
        pytest.skip("no shared clips here")
    image = next(iter(decode(clip, [10]))).image
    network = MoveNet(PoseConfig(weights_file=str(movenet)), {}, FILES)
    people = network.detect(image).best(0.3)
    assert len(people) == 2
    assert (np.diff(people.scores) <= 0).all()
    assert ((people.keypoints[..., :2] > -20) & (people.keypoints[..., :2] < max(image.shape) + 20)).all()
    larger = MoveNet(PoseConfig(weights_file=str(movenet), long_side=384), {}, FILES).detect(image)
    apart = np.linalg.norm(people.keypoints[:, None, 5:, :2] - larger.keypoints[None, :, 5:, :2], axis=-1).mean(axis=-1)
    assert (apart.min(axis=1) < 0.05 * body_sizes(people.keypoints)).all(), "another input size finds the same people"


@pytest.mark.weights
def test_both_divers_of_a_rendered_dive_keep_their_identity(movenet, tmp_path):
    from data.video.decoder import decode
    from pipeline.demo.quality import compare_keypoints
    from synthetic.dives import read_truth, render_dives

    render_dives(tmp_path, 1, seed=5)
    path = next((tmp_path / "videos").glob("*.mp4"))
    images = [frame.image for frame in decode(path)]
    output = Pose(PoseConfig(weights_file=str(movenet), agents=2), FILES).extract(MadeSource(images))
    truth = read_truth(tmp_path / "truth" / f"{path.stem}.npz")
    measured = compare_keypoints(output.arrays["keypoints"].values, truth.keypoints.astype(np.float64), truth.visible)
    assert output.quality["found_rate_all"] >= 0.95
    assert measured.found_all >= 0.95
    assert measured.swaps == 0
    assert measured.pck50 >= 0.9
