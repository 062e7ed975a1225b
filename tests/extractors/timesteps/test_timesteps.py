"""The stage `timesteps` as a whole: roles, exchange, scene, quality, short videos, trial descriptors."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from data.errors import DataError
from data.stage_files import StageFiles
from data.store.arrays import Array, StageOutput
from data.video import Phase, Record
from extractors.timesteps.roles import Role
from extractors.timesteps.stage import Timesteps, TimestepsConfig
from tests.helpers.made_outputs import pose_of

FILES = StageFiles()

RNG = np.random.default_rng(3)
BASE = RNG.normal(0, 40, (17, 2))


def pose(time, people=2, late=0.0):
    """People who sway; each next one is 150 px to the right and moves `late` seconds later."""
    rows = []
    for person in range(people):
        sway = 30 * np.sin(2 * np.pi * 0.8 * (time - late * person))[:, None, None] * np.linspace(0, 1, 17)[:, None]
        rows.append(BASE + [150 * person, 0] + sway * [1.0, 0.4])
    return pose_of(rows, time, 0.7)


def clips(steps, duration):
    edges = np.linspace(0, duration, steps + 1)
    logits = np.repeat(np.arange(steps, dtype=np.float32)[:, None], 6, axis=1)
    return StageOutput(
        {
            "logits": Array(logits, ("step", "class"), "1"),
            "features": Array(logits[:, :2] + 100, ("step", "channel"), "1"),
            "bounds": Array(np.stack([edges[:-1], edges[1:]], axis=1), ("step", "2"), "s"),
        }
    )


def run(upstream, phases=(), **config):
    stage = Timesteps(TimestepsConfig(**{"secondary": ("pose:1",), **config}), FILES)
    record = Record("a", None, phases=tuple(phases))
    stage.reads_of(stage.config, record, FILES)
    return stage.extract(SimpleNamespace(upstream=upstream, record=record))


@pytest.mark.parametrize(
    ("role", "secondary", "parsed"),
    [
        (" pose ", ("pose:1", "pose:2"), Role("pose", "pose", "pose")),
        ("skeleton:0:left", ("skeleton:0:right",), Role("skeleton:0:left", "pose", "skeleton", half="left")),
        (
            "skeleton:2:upper",
            ("skeleton:2:lower",),
            Role("skeleton:2:upper", "pose", "skeleton", agent=2, half="upper"),
        ),
        ("kinematics:slave", ("kinematics:master",), Role("kinematics:slave", "array", "kinematics", array="slave")),
        ("camera_flow", ("pose:0",), Role("camera_flow", "camera_flow", "camera_flow")),
        ("skeleton/centre", ("pose:0",), Role("skeleton/centre", "array", "skeleton", array="centre")),
    ],
)
def test_texts_become_roles(role, secondary, parsed):
    config = TimestepsConfig(primary=role, secondary=secondary, scene=" clips/features ")
    assert config.roles()[0] == parsed
    assert config.scene_stage == "clips"


NAMES = ("run", "flight", "entry")


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ((), "no phases"),
        ((("run", 0, 5), ("entry", 5, np.inf)), "'entry' begins at 5.00 s, and the video ends at 4.00 s"),
        ((("run", 0, 4), ("entry", 4, np.inf)), "'entry' begins at 4.00 s"),
    ],
)
def test_phases_that_do_not_fit_the_video_are_refused(marks, message):
    with pytest.raises(DataError, match=message):
        run({"pose": pose(np.arange(100) / 25), "clips": clips(4, 4.0)}, [Phase(*m) for m in marks], bounds=NAMES)


def test_gestures_are_counted_and_timed_until_the_end_of_the_video():
    marks = [Phase("G2 1", 0, 1), Phase("G22", 1, 2), Phase("G2 2", 2, np.inf)]
    out = run({"pose": pose(np.arange(100) / 25)}, marks, gestures=["G2", "G3"], scene="").arrays["trial"]
    given = dict(zip(out.names, out.values.tolist(), strict=True))
    assert [given[f"gesture.{name}.count"] for name in ("G2", "G3")] == [2, 0]
    assert [given[f"gesture.{name}.log_s"] for name in ("G2", "G3")] == pytest.approx([np.log(4), 0])


def test_upstream_outputs_that_do_not_fit_are_refused():
    people, whole = {"pose": pose(np.arange(100) / 25)}, clips(10, 4.0)
    headless = replace(whole.arrays["logits"], values=np.zeros((10, 0), np.float32), names=())
    untimed = replace(whole.arrays["bounds"], values=np.full((10, 2), np.nan))
    without_times = {"clips": replace(whole, arrays={**whole.arrays, "bounds": untimed})}
    marks, alone = [Phase("run", 0, 0.8), Phase("entry", 0.8, np.inf)], {"primary": "none", "secondary": ("none",)}
    for upstream, settings, message in (
        ({"clips": whole}, {}, "no output of stage 'pose'"),
        ({**people, "clips": whole}, {"scene": "clips/logit"}, "stores no array 'logit'"),
        (
            {**people, "clips": replace(whole, arrays={**whole.arrays, "logits": headless})},
            {},
            r"clips/logits has shape \(10, 0\).*clips/features",
        ),
        (without_times, {**alone, "bounds": NAMES}, "phases are in seconds"),
    ):
        with pytest.raises(DataError, match=message):
            run(upstream, marks, **settings)  # type: ignore[arg-type]
    assert run(without_times, marks, **alone).arrays["bounds"].values.max() == 1, "equal parts need no seconds"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("primary", "secondary", "names"),
    [
        ("pose:1", ("pose:0",), {"name_primary": "right athlete", "name_secondary": "left athlete"}),
        ("pose:0:left", ("pose:0:right",), {}),
        ("pose:0", ("pose:1", "pose:2"), {}),
    ],
)
def test_two_people_have_names_and_other_agents_have_none(primary, secondary, names):
    quality = run({"pose": pose(np.arange(50) / 25)}, primary=primary, secondary=secondary, scene="").quality
    assert {name: value for name, value in quality.items() if name.startswith("name_")} == names


def test_the_steps_of_a_phase_that_is_left_out_are_masked():
    upstream, names = {"pose": pose(np.arange(100) / 25), "clips": clips(4, 4.0)}, ["take-off", "flight", "entry"]
    out = run(upstream, (Phase("take-off", 0, 1), Phase("entry", 1, 4)), bounds=names, steps=6)
    arrays = {name: array.values for name, array in out.arrays.items()}
    np.testing.assert_allclose(arrays["bounds"], [[0, 0.5], [0.5, 1], [1, 1], [1, 1], [1, 2.5], [2.5, 4]], atol=1e-6)
    for mask in (arrays["primary_mask"], arrays["secondary_mask"][:, 0]):
        assert mask.tolist() == [True, True, False, False, True, True]
    assert not arrays["primary"][2:4].any()
    assert np.isfinite(arrays["scene"]).all()
    np.testing.assert_allclose(arrays["scene"][[0, 1, 4, 5], 0], [0, 0, 4 / 3, 8 / 3], atol=1e-6)
    assert out.quality["masked_steps_primary"] == 0, "the athlete is seen in every step that there is"


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
