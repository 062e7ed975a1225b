"""The pose stage on drawn stand-ins for people, with a backend whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from extractors.people.between import FILLED_SCORE, between
from extractors.people.oks import MIRRORED, oks
from extractors.people.scene import SceneWatch
from extractors.people.search import consensus, merge, whole_frame
from extractors.people.sides import wrong_sides
from extractors.pose.backends.base import Image, People, View
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataError, UsageError
from data.store.arrays import StageOutput
from data.video.decoder import Frame, VideoInfo
from data.video.records import Record
from extractors.pose.backends import load_backend
from extractors.pose.backends.movenet import MoveNet, input_size
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from tests.test_tracking import BODY, person

SIZE = (320, 240)
COLOURS = np.array([[i * 14 + 5, 255 - i * 14, (i * 83) % 256] for i in range(17)], dtype=np.uint8)
"""One colour a joint, so that a backend can read joints off a picture, however it is turned."""


def picture(*poses: np.ndarray, size: tuple[int, int] = SIZE) -> Image:
    """A black frame with a 5 x 5 square of its joint's colour at every joint."""
    image = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    for pose in poses:
        for joint, (x, y, _) in enumerate(pose):
            image[max(int(y) - 2, 0) : max(int(y) + 3, 0), max(int(x) - 2, 0) : max(int(x) + 3, 0)] = COLOURS[joint]
    return image


class Reader:
    """Reads the one person of a picture of coloured joints, better the more upright it stands, as real networks do."""

    def __init__(self, blind: float = np.pi) -> None:
        self.blind = blind

    def detect(self, image: Image) -> People:
        found = np.zeros((17, 3), dtype=np.float32)
        for joint, colour in enumerate(COLOURS):
            near = np.abs(image.astype(int) - colour).sum(axis=-1) < 4
            if not near.any():
                return People.none()
            found[joint] = (*(np.median(np.argwhere(near), axis=0)[::-1] + 0.5), 0.9)
        x, y = found[[5, 6], :2].mean(axis=0) - found[[11, 12], :2].mean(axis=0)
        lean = abs(np.arctan2(x, -y))
        return People.of(found[None], np.array([0.9 - 0.2 * lean])) if lean < self.blind else People.none()

    def close_up(self, image: Image) -> People:
        return self.detect(image)


class Clip:
    """Frames in memory as a stage's source."""

    def __init__(self, images: Sequence[Image], rate: float = 25.0) -> None:
        self.images, self.times = images, np.arange(len(images)) / rate
        self.record = Record("clip", Path("clip"))
        self.info = VideoInfo(images[0].shape[1], images[0].shape[0], 0, "raw", rate)
        self.upstream: dict[str, StageOutput] = {}

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        for i in range(len(self.images)) if indices is None else indices:
            yield Frame(i, float(self.times[i]), self.images[i])


def extract(images: Sequence[Image], blind: float = np.pi, **settings: object) -> StageOutput:
    # One view: the reader knows left from right by colour, so a mirror does not exchange them as for a real network.
    stage = Pose(PoseConfig(agents=settings.pop("agents", 1), crop_side=320, views=1, **settings))
    stage._backend = Reader(blind)
    return stage.extract(Clip(images))


def somersault(count: int = 30, speed: float = 0.35) -> list[np.ndarray]:
    return [person(160, 120, speed * t, 0.9) for t in range(count)]


@pytest.mark.parametrize("turns", range(4))
def test_a_quarter_turn_maps_pixels_where_it_draws_them(turns: int) -> None:
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    view = View.quarter(turns, 7, 5)
    drawn = view.draw(image)
    assert drawn.shape[1::-1] == view.size
    for row, column in np.ndindex(5, 7):
        x, y = view.matrix @ (column + 0.5, row + 0.5, 1)
        assert (drawn[int(y), int(x)] == image[row, column]).all()


@given(st.floats(-3, 3), st.floats(40, 300), st.booleans(), st.floats(50, 250))
def test_a_close_up_maps_back_to_the_frame(angle: float, side: float, mirror: bool, x: float) -> None:
    view = View.around(np.array([x, 100.0]), side, angle, 192, mirror)
    pose = person(x, 100)
    shown = People.of(pose[None], np.ones(1)).mapped(view.matrix)
    named = shown if not mirror else People.of(shown.keypoints[:, MIRRORED], shown.scores)
    assert view.seen(named).keypoints[0] == pytest.approx(pose, abs=0.05)


def test_a_leaning_body_stands_upright_in_its_close_up() -> None:
    view = View.around(np.array([160.0, 120.0]), 200, 2.0, 192)
    shown = People.of(person(160, 120, 2.0)[None], np.ones(1)).mapped(view.matrix).keypoints[0]
    assert shown[0, 1] < shown[11, 1] - 50
    assert abs(shown[[11, 12], 0].mean() - 96) < 1


def test_a_close_up_draws_where_it_maps() -> None:
    pose = person(160, 120, 0.7)
    view = View.around(np.array([160.0, 120.0]), 200, 0.7, 400)
    found = view.seen(Reader().detect(view.draw(picture(pose)))).keypoints[0]
    assert np.abs(found[:, :2] - pose[:, :2] - 0.5).max() < 1.5


def test_four_rotations_find_a_person_that_is_upside_down() -> None:
    image = picture(person(160, 120, np.pi))
    assert not len(whole_frame(Reader(blind=1.0), image, (0,)))
    found = whole_frame(Reader(blind=1.0), image)
    assert len(found) == 1
    assert oks(found.keypoints, person(160, 120, np.pi)[None])[0, 0] > 0.95


def test_merged_views_of_one_person_agree_on_the_majority() -> None:
    poses = np.stack([person(100, 100), person(101, 100), person(99, 101)])
    poses[2, 9, :2] = 160, 30
    joint = consensus(poses, np.array([0.5, 0.5, 0.6], dtype=np.float32))[9, :2]
    assert joint == pytest.approx(poses[0, 9, :2], abs=2)


def test_merging_keeps_two_people_apart() -> None:
    people = People.of(np.stack([person(100, 100), person(160, 100), person(101, 100)]), np.array([0.5, 0.6, 0.4]))
    assert len(merge(people)) == 2


def test_a_somersaulting_person_is_found_in_every_frame() -> None:
    poses = somersault()
    output = extract([picture(pose) for pose in poses], blind=0.6)
    found = output.arrays["keypoints"].values
    assert found.shape == (30, 1, 17, 3)
    assert output.quality["found_rate"] == 1
    assert np.abs(found[:, 0, 5:, :2] - np.stack(poses)[:, 5:, :2]).max() < 4  # the face is painted over itself
    assert output.quality["forwards_per_frame"] < 8


def test_every_array_has_its_dims_and_the_same_number_of_frames() -> None:
    arrays = extract([picture(pose) for pose in somersault(8)], agents=2, stride=3).arrays
    assert {"time", "keypoints", "boxes", "agent_score", "size", "frame_index", "cuts"} <= set(arrays)
    assert arrays["frame_index"].values.tolist() == [0, 3, 6]
    assert arrays["time"].values == pytest.approx([0, 0.12, 0.24])
    assert arrays["size"].values.tolist() == list(SIZE)
    assert arrays["keypoints"].values.shape == (3, 2, 17, 3)
    assert arrays["boxes"].values.shape == (3, 2, 4)
    missing = arrays["keypoints"].values[:, 1]
    assert np.isnan(missing[..., :2]).all()
    assert (missing[..., 2] == 0).all()


def test_a_short_gap_is_interpolated_and_marked_and_a_long_one_is_not() -> None:
    poses = somersault(40, speed=0.05)
    images = [picture(pose) if t not in (10, 11) and not 20 <= t < 35 else picture() for t, pose in enumerate(poses)]
    output = extract(images)
    filled = output.arrays["filled"].values[:, 0]
    assert np.flatnonzero(filled).tolist() == [10, 11]
    found = output.arrays["keypoints"].values[:, 0]
    assert np.abs(found[10, 5:, :2] - poses[10][5:, :2]).max() < 4
    assert found[10, :, 2] == pytest.approx(FILLED_SCORE)
    assert np.isnan(found[20:35, :, 0]).all()
    assert output.quality["longest_gap_s"] == pytest.approx(0.6)
    assert output.quality["found_rate"] == pytest.approx(23 / 40)


@pytest.mark.parametrize(("blank", "held"), [(2, True), (6, False)])
def test_the_edges_of_a_shot_are_held_for_a_moment_and_marked(blank: int, held: bool) -> None:
    poses = somersault(20, speed=0.05)
    images = [picture(pose) if blank <= t < 20 - blank else picture() for t, pose in enumerate(poses)]
    output = extract(images)  # though nobody is there at first, people are soon sought again
    keypoints, filled = output.arrays["keypoints"].values[:, 0], output.arrays["filled"].values[:, 0]
    edges = [*range(blank), *range(20 - blank, 20)]
    assert np.flatnonzero(filled).tolist() == (edges if held else [])
    assert np.isfinite(keypoints[edges, :, 0]).all() == held
    assert (keypoints[edges, :, 2] == pytest.approx(FILLED_SCORE)) == held
    assert output.quality["found_rate"] == pytest.approx(1 - blank / 10)


def test_an_empty_video_and_a_single_frame_are_fine() -> None:
    assert extract([picture()] * 5).quality["found_rate"] == 0
    assert extract([picture(person(160, 120))]).quality["found_rate"] == 1


@settings(max_examples=30, deadline=None)
@given(st.floats(-1.5, 1.5), st.floats(0, 1))
def test_a_body_between_two_poses_keeps_its_size(turn: float, share: float) -> None:
    middle = between(person(100, 100), person(140, 120, turn), share)
    lengths = [np.linalg.norm(pose[5, :2] - pose[11, :2]) for pose in (middle, person(0, 0))]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-3)


def test_exchanged_sides_are_put_back_and_true_ones_left() -> None:
    poses = np.stack([person(100, 100, 0.3 * t) for t in range(20)])
    poses[:, 9, 0] += 30  # a posture that is not symmetric
    wrong = np.zeros(20, dtype=bool)
    wrong[[4, 5, 12]] = True
    poses[wrong] = poses[wrong][:, MIRRORED]
    assert wrong_sides(poses, np.arange(20) / 25).tolist() == wrong.tolist()
    assert not wrong_sides(poses[:0], np.zeros(0)).size


def test_a_cut_is_found_and_a_pan_is_none() -> None:
    rng = np.random.default_rng(1)
    import cv2

    scenes = [cv2.GaussianBlur(rng.integers(0, 255, (240, 1200, 3), dtype=np.uint8), (0, 0), 6) for _ in range(2)]
    scenes = [cv2.normalize(scene, None, 0, 255, cv2.NORM_MINMAX) for scene in scenes]
    frames = [scenes[t // 20][:, 20 * t : 20 * t + 320] for t in range(40)]
    watch = SceneWatch()
    steps = [watch.step(frame) for frame in frames]
    assert [t for t, step in enumerate(steps) if step.cut] == [20]
    assert np.median([step.shift[0] for step in steps[2:20]]) == pytest.approx(-20, abs=1)


def test_cuts_are_reported_in_seconds() -> None:
    first, second = (np.random.default_rng(k).integers(0, 255, (15, 20, 3), dtype=np.uint8) for k in (3, 4))
    images = [np.kron(scene, np.ones((16, 16, 1), np.uint8)) for scene in (first, second) for _ in range(10)]
    assert extract(images).arrays["cuts"].values == pytest.approx([0.4])


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [((455, 256), 384, (384, 224)), ((1080, 1920), 256, (160, 256)), ((10, 4000), 256, (32, 256))],
)
def test_the_input_keeps_the_shape_in_multiples_of_32(
    size: tuple[int, int], long_side: int, expected: tuple[int, int]
) -> None:
    assert input_size(*size, long_side) == expected


def test_a_file_that_is_no_network_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "weights.tflite"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a MoveNet"):
        load_backend(PoseConfig(weights=str(path))).detect(picture())


def test_the_identity_is_the_hash_of_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.tflite"
    path.write_bytes(b"nothing")
    known = Pose.identity(PoseConfig())["weights"]
    assert known.startswith("d4489f89")
    assert Pose.identity(PoseConfig(weights=str(path)))["weights"] != known
    model = identity(PoseConfig(backend="rtmlib", rtmlib={"model": str(path)}))
    assert set(model) == {"weights", "runtime"}


def test_a_backend_that_is_not_installed_says_what_to_type() -> None:
    from importlib.util import find_spec

    if find_spec("mmpose") is not None:
        pytest.skip("mmpose is installed here")
    with pytest.raises(UsageError, match="mmpose"):
        load_backend(PoseConfig(backend="mmpose", mmpose={"config": "rtmo-s", "seed": 0}))


@pytest.fixture(scope="module")
def movenet() -> Path:
    from data.weights.weight_files import fetch

    return fetch("movenet-multipose")


@pytest.mark.weights
def test_both_runtimes_agree_on_a_real_clip(movenet: Path) -> None:
    from data.video.decoder import decode

    clip = Path(__file__).parents[2] / "shared" / "clips" / "two_people_pose2sim.mp4"
    if not clip.is_file():
        pytest.skip("no shared clips here")
    image = next(iter(decode(clip, [10]))).image
    found = [MoveNet(movenet, long_side=256, runtime=runtime).detect(image) for runtime in ("openvino", "litert")]
    assert len(found[0]) == len(found[1]) == 2
    assert found[0].keypoints == pytest.approx(found[1].keypoints, abs=0.1)
    assert found[0].scores == pytest.approx(found[1].scores, abs=1e-3)


@pytest.mark.weights
def test_both_divers_of_a_rendered_dive_are_followed_through(movenet: Path, tmp_path: Path) -> None:
    from benchmarks.pose import Clip as Rendered
    from benchmarks.pose import measure
    from synthetic.dives import read_truth, render_dives

    render_dives(tmp_path, 1, seed=5)
    path = next((tmp_path / "videos").glob("*.mp4"))
    output = Pose(PoseConfig(weights=str(movenet), views=1)).extract(Rendered(path))
    figures = measure(output.arrays["keypoints"].values, read_truth(tmp_path / "truth" / f"{path.stem}.npz"))
    assert figures["all"] >= 0.97
    assert figures["swaps"] == 0
    assert figures["pck50"] >= 0.9


def test_the_drawn_person_has_17_joints() -> None:
    assert BODY.shape == (17, 2)
