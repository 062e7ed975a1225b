"""The contract of a stage (`extractors/contract.py`) holds for every stage, and notices stages that break it."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from data.store import ArraySpec, StageOutput
from data.video import Phase, Record
from extractors import keypoint_geometry, signals
from extractors.base import IN_KEY, MACHINE, Extractor, StageConfig, setting
from extractors.camera_flow.stage import CameraFlow
from extractors.clips.stage import Clips
from extractors.contract import MadeSource, StageContract, bits, leaves, moving_pictures
from extractors.features.stage import Features
from extractors.keypoint_geometry import MIRRORED
from extractors.kinematics.stage import Kinematics
from extractors.pose.detections import Detections
from extractors.pose.stage import Pose
from extractors.skeleton.stage import SkeletonJoints
from extractors.timesteps.stage import Timesteps
from pipeline.settings.stages import STAGES, stage_class
from tests.helpers.approved_numbers import ApprovedNumbers, summary
from tests.helpers.drawn_people import ColourReader, person, picture
from tests.helpers.made_outputs import flow_output, pose_of, skeleton_of
from tests.helpers.toy_stages import Brightness

JOINTS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_knee")


class TestBrightness(StageContract):
    """The example of docs/extend.md."""

    stage, changes = Brightness, {"stride": 2, "device": "cuda"}


class TestCameraFlow(StageContract):
    stage, changes = CameraFlow, {"border": 0.2, "stride": 3}

    def source(self, frames):
        """A fast pan."""
        return MadeSource(moving_pictures(6 * frames, 96, 128)[::6])


class TestClips(StageContract):
    stage = Clips
    settings: ClassVar[dict[str, Any]] = {
        "backbone": "x3d_xs", "weights": "random", "frames_per_clip": 4, "steps": 3, "layout": "dense", "device": "cpu",
    }  # fmt: skip
    changes: ClassVar[dict[str, Any]] = {
        "seed": 1, "steps": 2, "frames_per_clip": 5, "layout": "uniform", "frame_stride": 2, "dense_hop": 2,
        "runtime": "torch", "device": "auto", "threads": 2, "batch": 3,
    }  # fmt: skip
    elsewhere = frozenset({"backbone", "weights", "weights_file", "precision"})
    long = 20

    @pytest.fixture(autouse=True)
    def _library(self):
        pytest.importorskip("pytorchvideo")


class Faint(ColourReader):
    """Detections with low scores, so that `min_score` matters."""

    def detect(self, image):
        people = super().detect(image)
        return Detections(people.keypoints, 0.3 * people.scores)


class TestPose(StageContract):
    stage, settings = Pose, {"agents": 2, "views": 2}
    changes: ClassVar[dict[str, Any]] = {
        "agents": 1, "stride": 2, "work_side": 160, "views": 1, "min_score": 0.99,
        "tracks": (1,),
        "region": (0.0, 0.0, 0.4, 1.0), "cleaning.fix_sides": False, "cleaning.max_gap_s": 0.0,
        "cleaning.smoothing_s": 0.0,
    }  # fmt: skip
    networks: ClassVar[set[str]] = {"backend", "weights", "weights_file", "long_side", "threads", "device"}
    elsewhere = frozenset(
        networks
        | {"import.dir", "import.layout"}
        | {f"mmpose.{name}" for name in ("alias", "config", "checkpoint")}
        | {f"rtmlib.{name}" for name in ("mode", "model", "detector", "detector_kind")}
    )
    bytes_per_frame, long = 6000, 40

    def source(self, frames):
        """A person who turns, with a gap, exchanged sides, and a cut."""
        scenes = np.zeros_like(picture()), moving_pictures(1, 15, 20)[0].repeat(16, 0).repeat(16, 1) // 16 * 16 // 2 + 1
        drawn = []
        for number in range(frames):
            pose = person(160 + number % 7, 120, 0.3 * number, 0.9)
            shown = picture(pose[MIRRORED] if number == 3 else pose) if number % 50 != 5 else picture()
            drawn.append(np.where(shown.any(axis=-1, keepdims=True), shown, scenes[number % 50 > 8]))
        return MadeSource(drawn)

    def made(self, **changes):
        stage = super().made(**changes)
        stage._backend = Faint()  # type: ignore[attr-defined]
        return stage


class TestKinematics(StageContract):
    stage = Kinematics
    changes: ClassVar[dict[str, Any]] = {
        "pairing": "column", "smoothing_s": 0.3, "rotation": "matrix",
        "gripper": "slave",
        **dict.fromkeys(
            ("speed", "acceleration", "jerk", "gripper_motion", "bimanual"), False
        ),
    }  # fmt: skip
    bytes_per_frame, long = 6500, 1000

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def source(self, frames):
        rng, time = np.random.default_rng(0), np.arange(frames)[:, None] / 30
        rows = 0.05 * np.sin(2 * np.pi * rng.uniform(0.2, 1, 76) * time + rng.uniform(0, 6, 76))
        np.savetxt(self.folder / f"{frames}.txt", rows)
        return MadeSource(record=Record("a", None, sidecars={"kinematics": self.folder / f"{frames}.txt"}))


class TestSkeleton(TestKinematics):
    stage = SkeletonJoints
    changes: ClassVar[dict[str, Any]] = {
        "agents": 2, "rate_hz": 25.0, "unit": "mm", "up": "z", "max_gap_s": 0.0, "smoothing_s": 0.0,
        "joints": {"left_eye": JOINTS[0]},
    }  # fmt: skip

    def source(self, frames):
        """A person who sways, with one gap."""
        path = self.folder / f"{frames}.csv"
        rows = [",".join(["frame", *(f"{joint}_{axis}" for joint in JOINTS for axis in "xyz")])]
        points = np.random.default_rng(0).normal(size=15) + np.sin(np.arange(frames)[:, None] / 5 + np.arange(15))
        rows += [",".join(map(str, [number, *row])) for number, row in enumerate(points.tolist()) if number != 3]
        path.write_text("\n".join(rows))
        return MadeSource(record=Record("a", None, sidecars={"keypoints": path}))


class TestFeatures(TestKinematics):
    stage, changes = Features, {"fps": 30.0, "clip_frames": 4}
    settings: ClassVar[dict[str, Any]] = {"fps": 25.0}

    def source(self, frames):
        np.save(self.folder / f"{frames}.npy", np.random.default_rng(0).normal(size=(frames, 3)).astype(np.float32))
        return MadeSource(record=Record("a", None, sidecars={"scene features": self.folder / f"{frames}.npy"}))


class TestTimesteps(StageContract):
    stage = Timesteps
    settings: ClassVar[dict[str, Any]] = {"secondary": ("pose:1",), "scene": "", "statistics": "dct", "steps": 4}
    changes: ClassVar[dict[str, Any]] = {
        "steps": 3, "bounds": ("run", "entry"), "primary": "pose:2", "secondary": ("camera_flow",),
        "scene": "camera_flow/motion", "statistics": "mean", "k": 2, "min_observed": 1.0, "gestures": ("run",),
        "pose.forms": ("body",), "pose.min_score": 0.75,
    }  # fmt: skip
    bytes_per_frame, long = 6000, 1000

    def source(self, frames):
        """Three people who move at random, one of them with low scores, and the camera."""
        rng, time = np.random.default_rng(0), np.arange(frames) / 25
        people = [rng.normal(100 + 50 * n, 30, (17, 2)) + rng.normal(size=(frames, 17, 2)) for n in range(3)]
        pose = pose_of(people, time)
        pose.arrays["keypoints"].values[: frames // 3, 0, 5:, 2] = 0.7
        pose.arrays["keypoints"].values[:1, 0, :, 2] = 0
        phases = Phase("run", 0, 0.01), Phase("entry", 0.01, np.inf)
        upstream = {"pose": pose, "camera_flow": flow_output(frames - 1)}
        return MadeSource(record=Record("a", None, phases=phases), upstream=upstream)


def test_every_stage_is_tested():
    tested = {kind.stage for kind in globals().values() if isinstance(kind, type) and hasattr(kind, "stage")}
    assert {stage_class(name) for name in STAGES} <= tested


CONTRACTS = [TestBrightness, TestCameraFlow, TestPose, TestKinematics, TestSkeleton, TestFeatures, TestTimesteps]


@pytest.mark.parametrize("kind", CONTRACTS, ids=lambda kind: kind.stage.name)
def test_other_numbers_need_another_version(kind, snapshot, tmp_path):
    """Raise the `version` of a stage whose numbers change, then run pytest with --snapshot-update."""
    contract, numbers = kind(), dict[str, list[float]]()
    contract.folder = tmp_path  # type: ignore[attr-defined]
    owners, version = leaves(kind.stage.Config), f"version {kind.stage.version}"
    for name, value in {version: None, **kind.changes}.items():
        if name == version or owners[name] in IN_KEY:
            changes = {} if name == version else {name: value}
            output = contract.checked(contract.source(3 * contract.frames), contract.made(**changes))
            arrays = {array: values.values for array, values in output.arrays.items()}
            measures = {n: v for n, v in output.quality.items() if isinstance(v, (int, float))}
            numbers |= {f"{name}: {n}": summary(values) for n, values in (arrays | measures).items()}
    assert numbers == snapshot.use_extension(ApprovedNumbers)


def test_other_agents_have_the_approved_numbers(snapshot, tmp_path):
    """Tools, halves of people, and people in three dimensions; in pictures there is a gap and a cut."""
    tools = TestKinematics()
    tools.folder, rng = tmp_path, np.random.default_rng(1)
    bodies = [rng.normal(n, 0.5, (17, 3)) + 0.1 * np.cumsum(rng.normal(size=(90, 17, 3)), axis=0) for n in range(2)]
    upstream = {"kinematics": tools.checked(tools.source(120)), "skeleton": skeleton_of(*bodies)}
    pictured = [100 * body[..., :2] for body in bodies]
    pictured[1][30:40] = np.nan
    upstream["pose"] = pose_of(pictured, cuts=(2.0,))
    parts = [("pose:0", "pose:1"), ("skeleton:0", "skeleton:1"), ("kinematics:master", "kinematics:slave")]
    parts += [
        (f"{s}:0:{a}", f"{s}:0:{b}") for s in ("pose", "skeleton") for a, b in (("left", "right"), ("upper", "lower"))
    ]
    numbers = {}
    for number, (first, second) in enumerate(parts):
        contract = TestTimesteps()
        stage = contract.made(**{
            "primary": first, "secondary": (second,), "statistics": ("mean_std_absdiff", "samples", "dct")[number % 3],
            "pose.forms": ("place", "camera", "body", "velocity", "angle"),
        })  # fmt: skip
        arrays = contract.checked(MadeSource(upstream=upstream), stage).arrays
        numbers |= {f"{first} {name}": summary(array.values) for name, array in arrays.items()}
        numbers |= {
            f"{first} {n}": [0.0, float(v)] for n, v in zip(arrays["trial"].names, arrays["trial"].values, strict=True)
        }
    assert numbers == snapshot.use_extension(ApprovedNumbers)


@pytest.mark.parametrize("kind", [TestPose, TestTimesteps])
def test_blocks_of_rows_give_the_bits_of_the_whole(kind, monkeypatch):
    contract, whole_and_blocks = kind(), []
    forms = {"pose.forms": ("place", "camera", "body", "velocity", "angle")} if kind is TestTimesteps else {}
    for rows in (10**6, 16):
        for module in (signals, keypoint_geometry):
            monkeypatch.setattr(module, "ROWS", rows)
        monkeypatch.setattr(signals, "BLOCK", 4 * rows)
        whole_and_blocks.append(bits(contract.checked(contract.source(100), contract.made(**forms))))
    assert whole_and_blocks[0] == whole_and_blocks[1]


class SloppyConfig(StageConfig):
    """Settings of `Sloppy`."""

    fault: str = setting("", "what goes wrong")
    unused: int = setting(1, "nothing")
    device: str = setting("cpu", "where it runs", belongs_to=MACHINE)


class Sloppy(Extractor[SloppyConfig]):
    """A stage with one fault of each kind."""

    name, version, Config, clock = "sloppy", 1, SloppyConfig, ""
    arrays: ClassVar[dict[str, ArraySpec]] = {"mean": ArraySpec((), "1", "of all pixels")}
    held: ClassVar[list[object]] = []
    calls = 0

    @classmethod
    def work(cls, config, frames):
        return 100 - frames

    def extract(self, source):
        self.calls += 1
        fault = self.config.fault
        if fault == "error" and len(source.times) < 3:
            raise ValueError("too short")
        if fault == "opens":
            Path(__file__).read_bytes()
        frames = list(source.frames()) if fault != "swallows" else []
        if fault == "twice":
            list(source.frames())
        mean = float(np.mean([frame.image.mean() for frame in frames])) if frames else 0.0
        mean += self.calls * (fault == "counts") + (self.config.device != "cpu")
        values = np.full((1,) * (fault == "axes"), mean, np.float16 if fault == "half" else np.float64)
        return StageOutput.of(self.arrays, {"mean": values})


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ("axes", "the_declaration_is_complete"),
        ("half", "the_declaration_is_complete"),
        ("twice", "equal_inputs_give_equal_bits"),
        ("counts", "equal_inputs_give_equal_bits"),
        ("device", "every_setting_is_in_the_key_or_has_no_effect"),
        ("unused", "every_setting_is_in_the_key_or_has_no_effect"),
        ("missing", "every_setting_is_in_the_key_or_has_no_effect"),
        ("", "work_grows_with_the_video"),
        ("error", "odd_inputs"),
        ("swallows", "missing_inputs_are_errors_with_a_fix"),
        ("opens", "no_file_is_opened"),
        ("", "memory_per_frame_is_small"),
    ],
)
def test_faults_are_noticed(fault, test):
    other = {"fault": "counts", "device": "cpu", "unused": 1} | {"device": {"device": "cuda"}}.get(fault, {})  # type: ignore[operator]
    contract = type("Contract", (StageContract,), {"stage": Sloppy, "settings": {"fault": fault}, "changes": other})()
    with pytest.raises((AssertionError, ValueError)):
        getattr(contract, f"test_{test}")()
