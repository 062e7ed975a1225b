"""Puts the frames of a recording on the clock of its time stamps, as in KIMORE's TimeStamp files.

A row has the time stamp of a frame in units of 100 ns, as the Kinect counts; a row may hold several stamps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data.keypoints.entries import Keypoints, keypoint_error
from data.store import read_regular
from data.store.arrays import Floats

TICK_S = 1e-7
PERIODS_S = (0.002, 1.0)
"""Plausible median seconds between frames; other stamps are in another unit."""

GAP_PERIODS = 2.0
"""A step between stamps above this many median steps is a gap: frames are missing there."""

AGAIN = "Get the file again"
MAX_BYTES = 64 << 20  # larger files are refused: a day at 30 frames a second takes 50 MB


def read_stamps(path: Path) -> Floats:
    """(frame,) seconds from the first stamp of a file.

    Raises DataError: no such file, fewer than two stamps, a stamp that is not a number or decreases, or another unit.
    """
    try:
        cells = read_regular(path, MAX_BYTES).decode("ascii").replace("\n", ",").split(",")
        ticks = np.array([float(cell) for cell in cells if cell.strip()])
    except ValueError:  # also a byte that is not ASCII
        raise keypoint_error(path, "is not a table of time stamps", AGAIN) from None
    except OSError as error:
        raise keypoint_error(path, f"cannot be read ({error.strerror})", AGAIN) from None
    if len(ticks) < 2 or not np.isfinite(ticks).all():
        raise keypoint_error(path, f"has {len(ticks)} time stamps, or one that is not finite", AGAIN)
    seconds = (ticks - ticks[0]) * TICK_S
    if (np.diff(seconds) < 0).any():
        row = int(np.argmax(np.diff(seconds) < 0)) + 2
        raise keypoint_error(path, f"time stamp {row} is before the one above it", AGAIN)
    if not PERIODS_S[0] <= median_step(seconds) <= PERIODS_S[1]:
        what = f"the median step of its time stamps is {median_step(seconds):g} s, so their unit is not 100 ns"
        raise keypoint_error(path, what, AGAIN)
    return np.asarray(seconds, dtype=np.float64)


def median_step(seconds: Floats) -> float:
    """Median of the positive steps; 0 without any."""
    steps = np.diff(seconds)
    return float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0


def on_clock(keypoints: Keypoints, seconds: Floats) -> Keypoints:
    """The frames of a complete layout at their stamps, in order: the k-th frame has the k-th stamp.

    Frames after the last stamp, and those with a repeated stamp, are dropped. A gap (`GAP_PERIODS`), however long, gets
    two frames without people, one period after its start and before its end, so it counts as unobserved.
    """
    count = len(keypoints.entries)
    kept = np.flatnonzero(np.diff(seconds[:count], prepend=-1.0) > 0)
    period, times = median_step(seconds), seconds[kept]
    gaps = np.flatnonzero(np.diff(times) > GAP_PERIODS * period)
    clock = np.insert(times, np.repeat(gaps + 1, 2), np.ravel([times[gaps] + period, times[gaps + 1] - period], "F"))
    numbers = np.full(count, -1)
    numbers[kept] = np.arange(len(kept)) + 2 * np.searchsorted(gaps, np.arange(len(kept)))
    frames = numbers[np.searchsorted(keypoints.entries, keypoints.frames)]
    rows, beyond = np.flatnonzero(frames >= 0), max(count - len(seconds), 0)
    layout = keypoints.layout + (f" without {beyond} frames that have no time stamp" if beyond else "")
    return keypoints.at(rows, layout=layout, frames=frames[rows], entries=np.arange(len(clock)), times=clock)
