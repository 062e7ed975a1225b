"""Clip arithmetic: worked examples and what must hold for any video length."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.clips import layouts as clip_layouts
from extractors.clips.layouts import Layout, plan_clips

LAYOUTS = st.sampled_from(["uniform", "windows", "dense"])
NUMBERS = {"count": st.integers(1, 400), "steps": st.integers(1, 20), "frames": st.integers(1, 32)}


def test_worked_examples_of_the_docstrings() -> None:
    assert doctest.testmod(clip_layouts).failed == 0


def test_public_code_for_dives() -> None:
    starts = plan_clips(102, layout="windows", steps=10, frames=16).clips[:, 0]
    assert starts.tolist() == [0, 10, 20, 30, 40, 50, 60, 70, 80, 86]


def test_uniform_of_160_takes_every_frame_once() -> None:
    plan = plan_clips(160, layout="uniform", steps=10, frames=16)
    assert plan.clips.reshape(-1).tolist() == list(range(160))


@pytest.mark.parametrize("layout", ["uniform", "windows", "dense"])
def test_one_frame_and_ten_frames(layout: Layout) -> None:
    one = plan_clips(1, layout=layout, steps=10, frames=16)
    assert one.clips.max() == 0
    assert one.spans.shape == (10, 2)
    ten = plan_clips(10, layout=layout, steps=10, frames=16)
    assert ten.wanted.tolist() == list(range(10))
    if layout != "uniform":
        assert ten.clips[0].tolist() == [*range(10), 9, 9, 9, 9, 9, 9]


def test_windows_stay_spread_where_a_whole_stride_would_pile_up() -> None:
    starts = clip_layouts.window_starts(10, 10)
    assert np.diff(starts).max() <= 2
    assert np.diff(starts).min() >= 1


@settings(max_examples=300, deadline=None)
@given(layout=LAYOUTS, stride=st.integers(1, 4), hop=st.integers(1, 9), **NUMBERS)
def test_any_video_gives_whole_ascending_clips(
    layout: Layout, count: int, steps: int, frames: int, stride: int, hop: int
) -> None:
    plan = plan_clips(count, layout=layout, steps=steps, frames=frames, stride=stride, hop=hop)
    assert plan.spans.shape == (steps, 2)
    assert plan.clips.shape[1] == frames
    assert plan.clips.min() >= 0
    assert plan.clips.max() <= count - 1
    assert (np.diff(plan.clips, axis=1) >= 0).all()
    assert (np.diff(plan.clips, axis=0) >= 0).all()
    assert (plan.spans[:, 1] > plan.spans[:, 0]).all()
    assert plan.spans.max() <= len(plan.clips)
    assert (plan.bounds[:, 0] <= plan.bounds[:, 1]).all()
    rows = plan.step_frames()
    assert rows.shape[0] == steps
    assert set(np.unique(rows[rows >= 0])) <= set(plan.wanted.tolist())


@settings(max_examples=200, deadline=None)
@given(layout=st.sampled_from(["windows", "dense"]), **NUMBERS)
def test_windows_reach_both_ends_and_hold_neighbours(layout: Layout, count: int, steps: int, frames: int) -> None:
    plan = plan_clips(count, layout=layout, steps=steps, frames=frames)
    if steps > 1 or layout == "dense":
        assert plan.clips.min() == 0
        assert plan.clips.max() == count - 1
    if count >= frames:
        assert (np.diff(plan.clips, axis=1) == 1).all()


@settings(max_examples=200, deadline=None)
@given(**NUMBERS)
def test_dense_uses_every_window_once(count: int, steps: int, frames: int) -> None:
    plan = plan_clips(count, layout="dense", steps=steps, frames=frames)
    assert len(plan.clips) == max(count - frames, 0) + 1
    if len(plan.clips) >= steps:
        assert plan.spans[0, 0] == 0
        assert plan.spans[-1, 1] == len(plan.clips)
        assert (plan.spans[1:, 0] == plan.spans[:-1, 1]).all()


@settings(max_examples=200, deadline=None)
@given(last=st.integers(0, 5000), steps=st.integers(2, 40))
def test_starts_are_even_to_within_half_a_stride(last: int, steps: int) -> None:
    starts = clip_layouts.window_starts(last, steps)
    gaps = np.diff(starts)
    assert starts[0] == 0
    assert starts[-1] == last
    assert gaps.max() - gaps.min() <= max(1, gaps.max() / 2)


@pytest.mark.parametrize("name", ["count", "steps", "frames", "stride", "hop"])
def test_numbers_below_one_are_refused(name: str) -> None:
    numbers = {"count": 10, "steps": 2, "frames": 4, "stride": 1, "hop": 1} | {name: 0}
    with pytest.raises(ValueError, match="at least 1"):
        plan_clips(numbers.pop("count"), layout="dense", **numbers)
