"""The stage `timesteps` as a whole: roles, exchange, scene, quality, short videos, trial descriptors."""

from __future__ import annotations

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
from extractors.timesteps.stage import Timesteps, TimestepsConfig
from tests.helpers.made_outputs import pose_of

FILES = StageFiles()

RNG = np.random.default_rng(3)
BASE = RNG.normal(0, 40, (17, 2))


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


def run(upstream: Mapping[str, StageOutput], phases: tuple[Phase, ...] = (), **config: object) -> StageOutput:
    stage = Timesteps(TimestepsConfig(**{"secondary": ("pose:1",), **config}), FILES)
    assert set(stage.upstream(stage.config)) <= set(upstream)
    record = Record("a", None, phases=phases)
    stage.reads_of(stage.config, record, FILES)
    return stage.extract(SimpleNamespace(upstream=upstream, record=record))


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
