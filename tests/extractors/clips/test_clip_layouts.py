"""Clip arithmetic for any video length, and the examples of the docstrings."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.camera_flow import stage as camera_flow
from extractors.clips import layouts as clip_layouts
from extractors.clips import runtimes as clip_runtimes
from extractors.clips import stage as clips
from extractors.clips.layouts import plan_clips
from models import i3d

LAYOUTS = st.sampled_from(["uniform", "windows", "dense"])
NUMBERS = {"count": st.integers(1, 400), "steps": st.integers(1, 20), "frames": st.integers(1, 32)}


@pytest.mark.parametrize("module", [camera_flow, clip_layouts, clip_runtimes, clips, i3d])
def test_examples_of_the_docstrings(module):
    results = doctest.testmod(module)
    assert (results.failed, results.attempted > 0) == (0, True)


@settings(max_examples=300, deadline=None)
@given(layout=LAYOUTS, stride=st.integers(1, 4), hop=st.integers(1, 9), **NUMBERS)
def test_any_video_gives_whole_ascending_clips(layout, count, steps, frames, stride, hop):
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
    if layout == "uniform":
        assert rows.ravel().tolist() == clip_layouts.uniform_positions(count, steps * frames).tolist()
