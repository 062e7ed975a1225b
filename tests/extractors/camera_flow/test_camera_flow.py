"""Stage `camera_flow`: planted camera motion, still cameras, bars, graphics, cuts, odd videos, units."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.stage_files import StageFiles
from extractors.camera_flow.border import picture_area
from extractors.camera_flow.motion_summary import largest_shift
from extractors.camera_flow.stage import MAX_PAIRS, CameraFlow, CameraFlowConfig, pair_starts
from extractors.contract import MadeSource
from synthetic.camera_scenes import HEIGHT, WIDTH, CameraMotion, background, compose, motions, render
from tests.conftest import ROOT

FILES = StageFiles()

RATE = 25.0


def shown(frames, times=()):
    """A video of grey pictures."""
    return MadeSource([np.repeat(grey[..., None], 3, axis=2) for grey in frames], times)


def run(frames, times=()):
    return CameraFlow(CameraFlowConfig(), FILES).extract(shown(frames, times))


def video(steps, seed=0, person=True, noise=2.0):
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.uniform(-3, 3, (len(steps) + 1, 2)), axis=0)
    return [
        render(background(seed), place, tuple(walk[k]) if person else None, noise, rng)  # type: ignore[arg-type]
        for k, place in enumerate(compose(steps))
    ]


def pixels(output):
    """(P, 4) pan_x, pan_y in pixels, a, b per pair, back from the stored rates."""
    rates, time = output.arrays["motion"].values, output.arrays["time"].values
    step = rates * (time[:, 1] - time[:, 0])[:, None]
    scale, angle = np.exp(step[:, 2]), step[:, 3]
    return np.stack([step[:, 0] * WIDTH, step[:, 1] * HEIGHT, scale * np.cos(angle) - 1, scale * np.sin(angle)], 1)


def test_planted_motion_is_recovered_beside_moving_people():
    errors = []
    for seed in range(4):
        steps = list(motions(8, 8.0, seed))
        output = run(video(steps, seed))
        errors += [step.errors(measured) for step, measured in zip(steps, pixels(output), strict=True)]
        assert output.quality["moving"] is True
        assert output.quality["cuts"] == 0
    mean, largest = np.array(errors).T
    assert np.median(mean) < 0.1
    assert largest.max() < 0.3


def test_a_still_camera_gives_zeros_with_people_moving():
    output = run(video([CameraMotion()] * 12, 2))
    assert np.abs(output.arrays["motion"].values).max() == 0
    assert output.quality["moving"] is False
    assert np.median(np.abs(output.arrays["cells"].values)) * WIDTH / RATE < 0.05


def test_rates_follow_the_frames_own_times_and_equal_times_give_a_masked_pair():
    output = run(video([CameraMotion(2.0)] * 4, 3, person=False), times=[0.0, 0.04, 0.14, 0.15, 0.15])
    expected = 2.0 / WIDTH / np.array([0.04, 0.1, 0.01])
    assert output.arrays["motion"].values[:3, 0] == pytest.approx(expected, rel=0.02)
    assert np.isfinite(output.arrays["cells"].values).all()
    assert not output.arrays["cell_mask"].values[3].any()
    assert output.arrays["inliers"].values[3] == 0


def test_motion_has_a_largest_shift_at_a_corner():
    motions = np.array([[3.0, 4, 0, 0], [0, 0, 0.01, 0], [0, 0, 0, 0.01], [3, 4, 0.01, 0]])
    assert largest_shift(motions, (320, 240)) == pytest.approx([5, 2, 2, np.hypot(4.6, 5.2)])


def test_a_fade_from_black_is_no_bar():
    assert picture_area([np.zeros((256, 340), np.uint8)] * 3) == (0, 0, 256, 340)


def test_graphics_are_masked():
    frames = [frame.copy() for frame in video([CameraMotion(3.0, 0.5)] * 30, 5, person=False)]
    board = np.random.default_rng(9).integers(0, 2, (5, 22), dtype=np.uint8).repeat(4, 0).repeat(4, 1) * 200 + 20
    for frame in frames:
        frame[232:252, 20:108] = board
    output = run(frames)
    box, mask = output.arrays["cell_box"].values, output.arrays["cell_mask"].values
    inside = (box[:, 1] > 0.85) & (box[:, 0] * WIDTH >= 22) & (box[:, 2] * WIDTH <= 108)
    assert inside.sum() >= 2
    assert not mask[:, inside].any()
    assert mask[:, ~inside].mean() > 0.85
    assert max(CameraMotion(3.0, 0.5).errors(measured)[1] for measured in pixels(output)) < 0.3


def test_a_cut_is_flagged_and_masked():
    steps = [CameraMotion(1.0)] * 4
    output = run(video(steps, 0) + video(steps, 1))
    assert output.arrays["cut"].values.tolist() == [False] * 4 + [True] + [False] * 4
    assert not output.arrays["cell_mask"].values[4].any()
    assert output.arrays["inliers"].values[4] == 0
    assert np.abs(output.arrays["motion"].values[4]).max() == 0
    assert output.quality["cuts"] == 1


def test_a_flash_is_no_motion_and_no_cut():
    frames = video([CameraMotion()] * 6, 0, person=False)
    frames[3] = np.clip(frames[3].astype(int) * 1.2 + 15, 0, 255).astype(np.uint8)
    output = run(frames)
    assert np.abs(output.arrays["motion"].values).max() == 0
    assert output.quality["cuts"] == 0


def test_black_frames_are_usable_nowhere():
    output = run([np.zeros((HEIGHT, WIDTH), np.uint8)] * 4)
    assert not output.arrays["cell_mask"].values.any()
    assert output.quality["unusable_share"] == 1.0
    assert output.quality["cuts"] == 0
    assert [output.quality[name] for name in ("inliers_mean", "moving", "shake")] == [0, False, 0]


@given(st.integers(0, 3 * MAX_PAIRS), st.integers(1, 7))
def test_sampling_keeps_within_its_limit(frames, stride):
    starts = pair_starts(stride, frames)
    assert len(starts) <= MAX_PAIRS
    assert len(starts) == 0 if frames < 2 else 1 <= len(starts) <= frames - 1
    assert all(0 <= s < frames - 1 for s in starts)
    assert len(set(np.diff(starts))) <= 1


FLOW_OF_NOISE = """
import sys
import numpy as np
from tests.extractors.camera_flow.test_camera_flow import run
picture = np.random.default_rng(0).integers(0, 255, (96, 128), dtype=np.uint8)
shown = run([np.roll(picture, 2 * i, axis=1) for i in range(4)])
sys.stdout.buffer.write(b"".join(array.values.tobytes() for array in shown.arrays.values()))
"""


@pytest.mark.slow
def test_just_compiled_and_read_from_disk_give_the_same_bits(tmp_path):
    """Functions that call each other differed by rounding on some processors: see `models/tvl1_kernels.py`."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    command = [sys.executable, "-c", FLOW_OF_NOISE]
    first, second = (
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment).stdout for _ in range(2)
    )
    assert list((tmp_path / "compiled").rglob("*.nbc")), "nothing was kept on disk"
    assert len(first) > 1000
    assert first == second


@pytest.mark.parametrize("lead", [0, 120])
def test_bars_are_left_out_of_the_border_after_a_black_start_too(lead):
    """Many videos begin with black frames, which must not decide about bars and graphics."""
    step = CameraMotion(2.0, 1.0)
    frames = [frame.copy() for frame in video([step] * 12, 1)]
    for frame in frames:
        frame[:34], frame[-30:] = 16, 16
    output = run([np.zeros((HEIGHT, WIDTH), np.uint8)] * lead + frames)
    box = output.arrays["cell_box"].values
    assert box[:, 1].min() >= 34 / HEIGHT
    assert box[:, 3].max() <= 1 - 30 / HEIGHT
    assert max(step.errors(measured)[1] for measured in pixels(output)[lead + 1 :]) < 0.3
    assert output.quality["moving"]
