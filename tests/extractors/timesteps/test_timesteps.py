"""The stage `timesteps` as a whole: roles, exchange, scene, quality, short videos, trial descriptors."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

from data.errors import DataError
from data.stage_files import StageFiles
from data.store.arrays import Array, StageOutput
from data.video import Phase, Record
from extractors.timesteps.channels import make_channels
from extractors.timesteps.stage import Timesteps, TimestepsConfig
from extractors.timesteps.trial_descriptors import describe_trial
from tests.helpers.made_outputs import flow_output, pose_of

FILES = StageFiles()

RNG = np.random.default_rng(3)
BASE = RNG.normal(0, 40, (17, 2))
HANDS = tuple(f"{side}_{axis}_m" for side in ("left", "right") for axis in "xyz")


def pose(time: np.ndarray, people: int = 2, late: float = 0.0) -> StageOutput:
    """People who sway; each next one is 150 px to the right and moves `late` seconds later."""
    rows = []
    for person in range(people):
        sway = 30 * np.sin(2 * np.pi * 0.8 * (time - late * person))[:, None, None] * np.linspace(0, 1, 17)[:, None]
        rows.append(BASE + [150 * person, 0] + sway * [1.0, 0.4])
    return pose_of(rows, time, 0.7)


def clips(steps: int, duration: float) -> StageOutput:
    edges = np.linspace(0, duration, steps + 1)
    logits = np.repeat(np.arange(steps, dtype=np.float32)[:, None], 6, axis=1)
    return StageOutput(
        {
            "logits": Array(logits, ("step", "class"), "1"),
            "features": Array(logits[:, :2] + 100, ("step", "channel"), "1"),
            "bounds": Array(np.stack([edges[:-1], edges[1:]], axis=1), ("step", "2"), "s"),
        }
    )


def tools(rows: int = 300) -> StageOutput:
    time = np.arange(rows) / 30
    trajectory = np.stack([0.02 * np.sin(2 * np.pi * f * time) for f in (0.5, 0.2, 0.1, 0.3, 0.4, 0.6)], axis=1)
    grip = 0.3 * np.sign(np.sin(2 * np.pi * 0.25 * time + 0.1))[:, None]
    names = (*HANDS, "left_gripper_rad")
    master = np.concatenate([trajectory, grip], axis=1)
    return StageOutput(
        {
            "time": Array(time, ("row",), "s"),
            "master": Array(master, ("row", "channel"), "mixed", names=names),
            "slave": Array(master * 0.5, ("row", "channel"), "mixed", names=names),
        }
    )


def run(upstream: Mapping[str, StageOutput], phases: tuple[Phase, ...] = (), **config: object) -> StageOutput:
    stage = Timesteps(TimestepsConfig(**{"secondary": ("pose:1",), **config}), FILES)
    assert set(stage.upstream(stage.config)) <= set(upstream)
    record = Record("a", None, phases=phases)
    stage.reads_of(stage.config, record, FILES)
    return stage.extract(SimpleNamespace(upstream=upstream, record=record))


def test_shapes_types_and_dims():
    out = run({"pose": pose(np.arange(102) / 25), "clips": clips(10, 4.08)})
    Timesteps.promise(TimestepsConfig(secondary=("pose:1",)), 102).check(out)
    a = {name: array.values for name, array in out.arrays.items()}
    assert a["secondary"].shape == (10, 1, a["primary"].shape[1])
    assert a["duration"] == pytest.approx(4.08)
    assert {a[name].dtype for name in ("primary", "secondary", "scene", "trial")} == {np.dtype(np.float32)}
    assert a["primary_mask"].all()
    assert out.arrays["primary"].names == out.arrays["secondary"].names
    assert len(out.arrays["primary"].names) == 3 * (4 + 26 + 11)
    assert out.quality["observed_primary"] == 1
    assert out.quality["observed_secondary"] == 1
    assert (out.quality["name_primary"], out.quality["name_secondary"]) == ("left athlete", "right athlete")
    np.testing.assert_array_equal(a["scene"][:, 0], np.arange(10))


def test_a_scene_without_classes_is_refused():
    whole = clips(10, 4.0)
    logits = replace(whole.arrays["logits"], values=np.zeros((10, 0), np.float32), names=())
    headless = replace(whole, arrays={**whole.arrays, "logits": logits})
    with pytest.raises(DataError, match=r"clips/logits has shape \(10, 0\).*clips/features"):
        run({"pose": pose(np.arange(100) / 25), "clips": headless})


def test_phases_cut_time_and_the_scene():
    upstream = {"pose": pose(np.arange(100) / 25), "clips": clips(4, 4.0)}
    names = ["take-off", "flight"]
    marks = Phase("take-off", 0, 1), Phase("flight", 1, np.inf)
    arrays = run(upstream, marks, steps=4, bounds=names).arrays
    np.testing.assert_allclose(arrays["bounds"].values, [[0, 0.5], [0.5, 1], [1, 2.5], [2.5, 4]], atol=1e-6)
    np.testing.assert_allclose(
        arrays["scene"].values[:, 0], [0, 0, (1 + 0.5 * 2) / 1.5, (0.5 * 2 + 3) / 1.5], atol=1e-6
    )
    for given, what in (
        ((), "no phases"),
        (marks[::-1], "flight, take-off are not among take-off, flight"),
    ):
        with pytest.raises(DataError, match=what):
            run(upstream, given, steps=4, bounds=names)


def test_phases_in_seconds_are_no_shares_of_features_without_times():
    whole = clips(10, 4.0)
    bounds = replace(whole.arrays["bounds"], values=np.full((10, 2), np.nan))
    untimed = {"clips": replace(whole, arrays={**whole.arrays, "bounds": bounds})}
    marks, scene = (Phase("run", 0, 0.8), Phase("entry", 0.8, np.inf)), {"primary": "none", "secondary": ["none"]}
    assert run(untimed, **scene).arrays["bounds"].values.max() == 1, "equal parts need no seconds"
    with pytest.raises(DataError, match="phases are in seconds"):
        run(untimed, marks, bounds=["run", "entry"], **scene)


def test_the_steps_of_a_phase_that_is_left_out_are_masked():
    upstream, names = {"pose": pose(np.arange(100) / 25), "clips": clips(4, 4.0)}, ["take-off", "flight", "entry"]
    out = run(upstream, (Phase("take-off", 0, 1), Phase("entry", 1, 4)), bounds=names, steps=6)
    arrays = {name: array.values for name, array in out.arrays.items()}
    for mask in (arrays["primary_mask"], arrays["secondary_mask"][:, 0]):
        assert mask.tolist() == [True, True, False, False, True, True]
    assert not arrays["primary"][2:4].any()
    assert np.isfinite(arrays["scene"]).all()
    assert out.quality["masked_steps_primary"] == 0, "the athlete is seen in every step that there is"


def test_bounds_are_equal_or_names():
    assert TimestepsConfig(secondary=("pose:1",), bounds=["a", "b"], steps=3).step_phases == ("a", "a", "b")
    assert TimestepsConfig(secondary=("pose:1",), steps=2).step_phases == ("", "")
    for bad in ("annotated", 3, ["a", 3], [], ["a", "a"], ["a", " "], list("abcd")):
        with pytest.raises(ValidationError, match="different phases, at most one a step"):
            TimestepsConfig(secondary=("pose:1",), bounds=bad, steps=3)


def test_exchange_swaps_the_agents_and_nothing_else():
    upstream = {"pose": pose(np.arange(60) / 25, people=3), "clips": clips(10, 2.4)}
    for secondary in (("pose:1",), ("pose:1", "pose:2")):
        plain = run(upstream, secondary=secondary).arrays
        swapped = run(upstream, secondary=secondary, exchange=True).arrays
        np.testing.assert_array_equal(plain["primary"].values, swapped["secondary"].values[:, 0])
        np.testing.assert_array_equal(plain["secondary"].values[:, 0], swapped["primary"].values)
        np.testing.assert_array_equal(plain["secondary"].values[:, 1:], swapped["secondary"].values[:, 1:])
        np.testing.assert_array_equal(plain["scene"].values, swapped["scene"].values)


def test_every_kind_of_role_runs_together():
    upstream = {
        "pose": pose(np.arange(50) / 25),
        "camera_flow": flow_output(49),
        "kinematics": tools(),
        "clips": clips(5, 2),
    }
    aqa = run(upstream, secondary=("camera_flow",))
    assert aqa.arrays["secondary"].names[0] == "motion.pan_x.mean"
    assert aqa.arrays["scene"].values[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert aqa.arrays["primary"].values.shape[1] != aqa.arrays["secondary"].values.shape[2]
    exchanged = run(upstream, secondary=("camera_flow",), exchange=True)
    assert exchanged.arrays["primary"].names == aqa.arrays["secondary"].names
    surgery = run(upstream, primary="kinematics:master", secondary=("kinematics:slave",), scene="clips/features")
    assert surgery.arrays["primary"].names == tuple(
        f"{name}.{stat}" for name in (*HANDS, "left_gripper_rad") for stat in ("mean", "std", "absdiff")
    )
    assert surgery.arrays["scene"].values.min() >= 100
    generic = run(upstream, primary="kinematics/master", secondary=("pose:0",), scene="")
    np.testing.assert_array_equal(generic.arrays["primary"].values[0], surgery.arrays["primary"].values[0])
    assert generic.arrays["scene"].values.shape == (10, 0)


def test_a_stage_of_two_roles_is_read_once():
    read = []

    class Noted(UserDict):
        def __getitem__(self, name: str) -> StageOutput:
            read.append(name)
            return super().__getitem__(name)

    run(Noted(kinematics=tools()), primary="kinematics:master", secondary=("kinematics:slave",), scene="")
    assert read == ["kinematics"]


def test_inputs_follow_the_roles():
    assert Timesteps.upstream(TimestepsConfig(secondary=("pose:1",))) == ("pose", "clips")
    config = TimestepsConfig(primary="kinematics:master", secondary=("kinematics:slave",), scene="")
    assert Timesteps.upstream(config) == ("kinematics",)
    config = TimestepsConfig(primary="pose:0:left", secondary=("pose:0:right", "pose:1:right"), scene="")
    assert Timesteps.upstream(config) == ("pose",)
    config = TimestepsConfig(primary="a/b", secondary=("camera_flow",), scene="c/d", exchange=True)
    assert Timesteps.upstream(config) == ("camera_flow", "a", "c")


@pytest.mark.parametrize("frames", [1, 2, 10])
@pytest.mark.parametrize("statistics", ["mean", "mean_std_absdiff", "samples", "dct"])
def test_very_short_videos_give_every_step(frames, statistics):
    upstream = {
        "pose": pose(np.arange(frames) / 25),
        "clips": clips(10, 0.04 * frames),
        "camera_flow": flow_output(frames - 1),
    }
    out = run(upstream, statistics=statistics)
    assert out.arrays["primary_mask"].values.all()
    assert all(np.isfinite(array.values).all() for array in out.arrays.values())
    if frames == 1:
        assert np.ptp(out.arrays["primary"].values, axis=0).max() < 1e-12
    flow = run(upstream, statistics=statistics, secondary=("camera_flow",))
    assert flow.arrays["secondary_mask"].values.any() == (frames > 1)


def test_a_missing_person_is_masked_not_fatal():
    upstream = {"pose": pose(np.arange(50) / 25, people=1), "clips": clips(10, 2)}
    out = run(upstream)
    assert not out.arrays["secondary_mask"].values.any()
    assert not out.arrays["secondary"].values.any()
    assert out.quality["observed_secondary"] == 0
    assert out.quality["masked_steps_secondary"] == 1
    full = run({**upstream, "pose": pose(np.arange(50) / 25)})
    assert out.arrays["trial"].names == full.arrays["trial"].names
    assert out.arrays["primary"].names == full.arrays["primary"].names


@pytest.mark.parametrize(
    "bad",
    [
        {"primary": "posee"},
        {"secondary": ()},
        {"secondary": ("pose:0",)},
        {"scene": "a b"},
        {"steps": 0},
        {"statistics": "median"},
        {"pose": {"forms": ("side",)}},
        {"pose": {"unknown": 1}},
    ],
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValidationError):
        TimestepsConfig(**bad)


def test_bad_upstream_is_named():
    with pytest.raises(DataError, match="no output of stage 'pose'"):
        Timesteps(TimestepsConfig(secondary=("pose:1",)), FILES).extract(SimpleNamespace(upstream={}))
    with pytest.raises(DataError, match="stores no array 'logit'"):
        run({"pose": pose(np.arange(9) / 25), "clips": clips(10, 1)}, scene="clips/logit")


def test_trial_descriptors_of_two_people_find_the_planted_lag_and_height():
    upstream = [{"pose": pose(np.arange(100) / 25, late=late), "clips": clips(10, 4)} for late in (0, 0.12, -0.12)]
    trials = [run(one).arrays["trial"] for one in upstream]
    together, late, early = (dict(zip(trial.names, trial.values.tolist(), strict=True)) for trial in trials)
    assert [one["pair.lag_s"] for one in (together, late, early)] == pytest.approx([0, 0.12, -0.12], abs=0.02)
    assert late["pair.body_difference_mean"] > 0.01
    for name in ("pair.body_difference_mean", "pair.height_difference_mean"):
        assert together[name] == pytest.approx(0, abs=1e-3)
    assert together["log_duration_s"] == pytest.approx(np.log(4), abs=1e-5)


def test_trial_descriptors_are_finite_for_anything():
    for rows in (0, 1, 2, 5):
        time = np.arange(rows) / 25
        values = np.full((rows, 6), np.nan) if rows == 5 else np.zeros((rows, 6))
        empty = make_channels(
            "array", HANDS, time, lambda r, v=values: (v[r], np.ones(v[r].shape)), observed=np.ones(rows, dtype=bool)
        )
        names, descriptors = describe_trial(empty, [empty, empty], 0.04)
        assert np.isfinite(descriptors).all()
        assert len(names) == len(descriptors) > 10
