"""Descriptors of one moving point over a whole performance, and correlation and lag of two signals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.store.arrays import Floats
from extractors.signals import even_grid, row_period
from extractors.smoothing import MOTION_S, derivative
from extractors.timesteps.channels import row_cells, row_span
from extractors.timesteps.pose_points import JITTER

TOOL_S = 0.1  # width in seconds of the Gaussian for derivatives of tools, which move more slowly than people
IDLE = 0.1  # a point is idle below this share of its 90th percentile of speed
SLOW_M_S = 0.005  # a tool below this speed is slow
_TINY = 1e-6


@dataclass(frozen=True)
class PointTrack:
    """One moving point."""

    prefix: str  # of its descriptors, such as "left."; empty for an agent's only track
    unit: str  # of the positions, such as "m" or "body"
    time: Floats  # (row,) seconds
    position: Floats  # (row, axis)
    weight: Floats  # (row,) confidence, 0 for an unknown position

    @property
    def smoothing_s(self) -> float:
        """Width in seconds of the Gaussian of its derivatives."""
        return TOOL_S if self.unit == "m" else MOTION_S

    def velocity(self) -> tuple[Floats, Floats]:
        """Velocity (row, axis) per second and its weight (row,), 0 if unknown."""
        noise = JITTER if self.unit == "body" else np.inf
        return _derive(self.time, self.position, self.weight, self.smoothing_s, noise)

    def speed(self) -> tuple[Floats, Floats]:
        """Speed (row,) per second and its weight (row,)."""
        velocity, weight = self.velocity()
        return np.asarray(np.linalg.norm(velocity, axis=1)), weight


def track_descriptors(track: PointTrack) -> dict[str, float]:
    """Path length, speed, its variation, acceleration, jerk, workspace, idle share and spectral centroid of the speed.

    Lengths, speeds, accelerations, jerks and the workspace (product of the position's deviations) are natural
    logarithms. Points in metres also have the share of time below `SLOW_M_S`. A point that is never detected gives
    zeros.
    """
    unit = track.unit
    names = [f"log_path_{unit}", f"log_speed_{unit}_s", f"log_jerk_{unit}_s3", "speed_variation", "idle_share"]
    names += ["centroid_hz", f"log_acceleration_{unit}_s2", "log_volume", *(["slow_share"] if unit == "m" else [])]
    velocity, weight = track.velocity()
    durations = _durations(track.time)
    time_weight = weight * durations
    if time_weight.sum() <= 0:
        return dict.fromkeys(names, 0.0)
    speed = np.linalg.norm(velocity, axis=1)
    acceleration, weight = _derive(track.time, velocity, weight, track.smoothing_s)
    jerk, jerk_weight = _derive(track.time, acceleration, weight, track.smoothing_s)
    mean = float(np.average(speed, weights=time_weight))
    seconds = float(durations[weight > 0].sum())
    variation = float(np.sqrt(np.average(np.square(speed - mean), weights=time_weight))) / (mean + _TINY)
    idle = float(np.average(speed < IDLE * np.percentile(speed[time_weight > 0], 90), weights=time_weight))
    lengths = (floored_log(mean * seconds), floored_log(mean), floored_log(_mean_length(jerk, jerk_weight * durations)))
    volume = sum(floored_log(float(deviation)) for deviation in track.position[track.weight > 0].std(axis=0))
    more = (floored_log(_mean_length(acceleration, weight * durations)), float(volume))
    slow = float(np.average(speed < SLOW_M_S, weights=time_weight))
    values = (*lengths, variation, idle, spectral_centroid(track.time, speed), *more, slow)
    return dict(zip(names, values[: len(names)], strict=True))


def _mean_length(vectors: Floats, weight: Floats) -> float:
    """Weighted mean length of (row, axis) vectors; 0 without any weight."""
    return float(np.average(np.linalg.norm(vectors, axis=1), weights=weight)) if weight.sum() > 0 else 0.0


def activity(time: Floats, values: Floats, weight: Floats) -> dict[str, float]:
    """Activity of a gripper: log of its mean absolute speed and of its travel, closings and reversals.

    A closing is a crossing of the mean of the 10th and 90th percentile from above; the descriptor is log(1 + closings
    per minute). A reversal is a change between opening and closing, both faster than the mean absolute speed.
    """
    slope, slope_weight = _derive(time, values[:, None], weight, TOOL_S)
    time_weight = slope_weight * _durations(time)
    if time_weight.sum() <= 0:
        return dict.fromkeys(("log_gripper_rad_s", "log_closings_min", "log_travel_rad", "reversals_s"), 0.0)
    low, high = np.percentile(values[weight > 0], [10, 90])
    open_now = values[weight > 0] > (low + high) / 2
    closings = int((open_now[:-1] & ~open_now[1:]).sum()) if high > low else 0
    seconds = max(float(time[-1] - time[0]), row_period(time))
    rate = float(np.average(np.abs(slope[:, 0]), weights=time_weight))
    moving = np.sign(slope[(np.abs(slope[:, 0]) > rate) & (slope_weight > 0), 0])
    return {
        "log_gripper_rad_s": floored_log(rate),
        "log_closings_min": float(np.log1p(60 * closings / seconds)),
        "log_travel_rad": floored_log(rate * seconds),
        "reversals_s": float((moving[:-1] != moving[1:]).sum() / seconds),
    }


def spectral_centroid(time: Floats, values: Floats) -> float:
    """Mean frequency in Hz, weighted by spectral power, of a signal minus its mean; 0 for a constant signal."""
    if len(time) < 4:
        return 0.0
    grid, period = even_grid(time)
    signal = np.interp(grid, time, values)
    power = np.square(np.abs(np.fft.rfft((signal - signal.mean()) * np.hanning(len(signal)))))
    total = power.sum()
    if total <= _TINY * _TINY * len(signal):
        return 0.0
    return float((np.fft.rfftfreq(len(signal), period) * power).sum() / total)


def correlation(a: Floats, b: Floats, weight: Floats) -> float:
    """Weighted Pearson correlation of two signals (row,); 0 if one of them is constant or unknown."""
    if weight.sum() <= 0:
        return 0.0
    a, b = a - np.average(a, weights=weight), b - np.average(b, weights=weight)
    size = np.sqrt((weight * a * a).sum() * (weight * b * b).sum())
    return float((weight * a * b).sum() / size) if size > _TINY * _TINY else 0.0


def lag_by_correlation(time: Floats, a: Floats, b: Floats, longest: float) -> tuple[float, float]:
    """Seconds by which `b` lags behind `a` (negative: leads), and the correlation at that lag.

    Both are resampled on an even grid. The correlation at a lag sums over all signals, each minus its mean. The best
    lag is refined by a parabola through its neighbours.

    Args:
        time: (row,) seconds.
        a, b: (row, signal), finite.
        longest: seconds; lags beyond it, or beyond a quarter of the performance, are not tried.
    """
    if len(time) < 4 or not a.shape[1]:
        return 0.0, 0.0
    grid, period = even_grid(time)
    first, second = (np.stack([np.interp(grid, time, s) for s in signal.T], axis=1) for signal in (a, b))
    most = int(min(longest, (grid[-1] - grid[0]) / 4) / period)
    lags = np.arange(-most, most + 1)
    scores = np.array([_agreement(first, second, int(lag)) for lag in lags])
    best = int(np.argmax(scores - 1e-9 * np.abs(lags)))
    shift = 0.0
    if 0 < best < len(lags) - 1:
        before, here, after = scores[best - 1 : best + 2]
        bend = before - 2 * here + after
        shift = 0.5 * (before - after) / bend if bend < -1e-12 else 0.0
    return float((lags[best] + np.clip(shift, -0.5, 0.5)) * period), float(scores[best])


def _agreement(a: Floats, b: Floats, lag: int) -> float:
    first, second = (a[: len(a) - lag], b[lag:]) if lag >= 0 else (a[-lag:], b[:lag])
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    size = np.sqrt(np.square(first).sum() * np.square(second).sum())
    return float((first * second).sum() / size) if size > _TINY * _TINY else 0.0


def _derive(time: Floats, values: Floats, weight: Floats, sigma: float, noise: float = np.inf) -> tuple[Floats, Floats]:
    """`derivative` of (row, axis) values, and its weight (row,)."""
    slopes, known = derivative(time, values[:, None], weight[:, None], sigma, noise)
    return slopes[:, 0], weight * known[:, 0]


def _durations(time: Floats) -> Floats:
    return np.diff(row_cells(time, row_span(time)))[:, 0]


def floored_log(value: float) -> float:
    """Natural logarithm, with 1e-6 as the least value."""
    return float(np.log(max(value, _TINY)))
