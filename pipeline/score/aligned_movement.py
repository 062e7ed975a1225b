"""Aligns two performances in time, so that a comparison lists movement and not where a video was cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data.store.arrays import Floats, Rows
from extractors.signals import resampled
from pipeline.checks.accuracy import Interval
from pipeline.score.movement import Movement, StepVariables, VariableValues, compared_steps

ROWS_PER_S, MOST_ROWS = 25.0, 250
"""Rate of the resampled angles, and the maximum number of rows."""

DEGREES_FOR_SPEED = 4.0
"""Weight of the trunk's speed, degrees for one torso length/s: it separates moments in which no angle changes."""

TRIMMED, SAME = 0.2, 0.35
"""A video may lack this share of the other at either end; the matched angles then differ by at most `SAME`.

The difference is the mean distance of matched moments, divided by their mean distance from the mean of A.
"""

ALIKE, STEADY_S = 0.6, 0.1
"""One clock fits two performances up to this difference of their angles, and this mean error in seconds."""

FURTHEST, PENALTY = 0.25, 10.0
"""Farthest match as a share of the longer video, and the cost in degrees of one video waiting for the other."""

SAID_S, SAID_SHARE, CLEAR = 0.06, 0.03, 3.0
"""Smallest reported lead and change of pace; both must also be `CLEAR` times the error of the clock."""


SPEEDS = ("turning", "speed")
"""Variables that are lower in a slower movement."""


@dataclass(frozen=True)
class Clocks:
    """Matched moments of two performances."""

    a: Floats  # (moment,) s, ascending
    b: Floats  # (moment,) s, not descending
    begins_later: float | None = None  # s by which B begins later than A; None if one clock does not fit both
    pace: float = 1.0  # duration of a movement in B by its duration in A
    error: float = 0.0  # s, of the one clock

    def named(self) -> tuple[float, float]:
        """Seconds by which B begins later, and the share by which B is slower; 0 below the reported minimum."""
        later, slower, least = self.begins_later or 0.0, self.pace - 1, CLEAR * self.error
        by_the_end = abs(slower) * float(self.a[-1] - self.a[0]) / 2
        is_slower = self.begins_later is not None and abs(slower) >= SAID_SHARE and by_the_end >= least
        return later if abs(later) >= max(SAID_S, least) else 0.0, slower if is_slower else 0.0


class AlignedSteps(NamedTuple):
    """Variables of two performances in the same parts of the movement, for each time step of A."""

    a: StepVariables
    b: StepVariables
    bounds_b: Floats  # (T, 2) s in B
    clocks: Clocks


def aligned_steps(a: Movement, b: Movement, bounds_a: Floats, bounds_b: Floats, still: bool) -> AlignedSteps:
    """`compared_steps` of A in its (T, 2) time steps, and of B in the matching parts.

    If one clock fits both, speeds are scaled to the pace of A. A step has no values if B shows less than half of it.
    """
    clocks = match_clocks(a, b, (bounds_a[0, 0], bounds_a[-1, 1]), (bounds_b[0, 0], bounds_b[-1, 1]))
    shown = np.clip(bounds_a, clocks.a[0], clocks.a[-1])
    matched = np.interp(shown, clocks.a, clocks.b)
    lengths, others = np.diff(shown)[:, 0], np.diff(matched)[:, 0]
    lost = (lengths < np.diff(bounds_a)[:, 0] / 2) | (others <= 0)
    shown[lost] = np.nan  # no frame is inside
    of_a, of_b = compared_steps(a, shown, still), compared_steps(b, matched, still)
    if clocks.begins_later is not None:
        slower = others / np.where(lost, 1.0, lengths)
        people = [
            {name: (np.array(v) * slower).tolist() if name in SPEEDS else v for name, v in person.items()}
            for person in of_b.people
        ]
        of_b = VariableValues(people, of_b.pair)
    return AlignedSteps(of_a, of_b, matched, clocks)


def match_clocks(a: Movement, b: Movement, ends_a: Interval, ends_b: Interval) -> Clocks:
    """Match the moments of two performances by dynamic time warping of their angles.

    The starts and the ends (s) are matched, unless both show one movement and one video lacks a part at an end.
    """
    (time_a, rows_a), (time_b, rows_b) = _rows(a), _rows(b)
    known = np.isfinite(rows_a[0]) & np.isfinite(rows_b[0])
    if not known.any():
        return Clocks(np.array(ends_a), np.array(ends_b))
    rows_a, rows_b = (np.ascontiguousarray(rows[:, known]) for rows in (rows_a, rows_b))
    spread = float(np.linalg.norm(rows_a - rows_a.mean(axis=0), axis=1).mean())
    for trimmed in (TRIMMED, 0.0):
        path = _warping_path(rows_a, rows_b, trimmed)
        matched_a, matched_b = time_a[path[:, 0]], time_b[path[:, 1]]
        apart = float(np.linalg.norm(rows_a[path[:, 0]] - rows_b[path[:, 1]], axis=1).mean()) / max(spread, 1e-9)
        moving = _rate(rows_a)[path[:, 0]] + _rate(rows_b)[path[:, 1]]
        pace, later, error = _line(matched_a, matched_b, moving)
        explained = apart <= ALIKE and error <= STEADY_S
        if explained and apart <= SAME and len(path) >= (1 - 2 * TRIMMED) * max(len(rows_a), len(rows_b)):
            break
    moments, count = time_a[np.unique(path[:, 0])], np.bincount(path[:, 0] - path[0, 0])
    others = np.bincount(path[:, 0] - path[0, 0], matched_b) / count
    before = min(moments[0] - ends_a[0], others[0] - ends_b[0])
    after = min(ends_a[1] - moments[-1], ends_b[1] - others[-1])
    a_s, b_s = (np.array([at[0] - before, *at, at[-1] + after]) for at in (moments, others))
    return Clocks(a_s, b_s, -later, pace, error) if explained else Clocks(a_s, b_s)


def _warping_path(a: Floats, b: Floats, trimmed: float) -> Rows:
    """(moment, 2) matched rows of A and B; leaves out at most a share `trimmed` of each at either end."""
    from dtaidistance import dtw, dtw_ndim

    free_a, free_b = (int(trimmed * len(rows)) for rows in (a, b))
    window = int(FURTHEST * max(len(a), len(b))) + abs(len(a) - len(b)) + 1
    _, table = dtw_ndim.warping_paths_fast(a, b, psi=[free_a, 0, free_b, 0], penalty=PENALTY, window=window)
    ends = [(len(a), len(b) - left) for left in range(free_b + 1)]
    ends += [(len(a) - left, len(b)) for left in range(free_a + 1)]
    row, column = min(ends, key=lambda end: float(table[end]))
    return np.array(dtw.best_path(table, row, column))


def _rows(moved: Movement) -> tuple[Floats, Floats]:
    """(row,) seconds and (row, curve) degrees, interpolated where unknown; NaN for a curve without values."""
    people = zip(moved.angles, moved.variables.people, strict=True)
    curves = [(*angles.values(), DEGREES_FOR_SPEED * variables["speed"]) for angles, variables in people]
    angles = np.stack([values for person in curves for values in person], axis=1)
    seen = moved.time[2 * np.isfinite(angles).sum(axis=1) >= angles.shape[1]]
    begin, end = (seen[0], seen[-1]) if len(seen) else (moved.time[0], moved.time[-1])
    count = int(np.clip(round((end - begin) * ROWS_PER_S) + 1, 2, MOST_ROWS))
    time = np.linspace(begin, end, count)
    return time, resampled(moved.time, angles, time)


def _rate(rows: Floats) -> Floats:
    """(row,) rate of change of the angles; moments without movement carry no information on the clocks."""
    return np.asarray(np.linalg.norm(np.gradient(rows, axis=0), axis=1) + 1e-6)


def _line(x: Floats, y: Floats, weights: Floats) -> tuple[float, float, float]:
    """Slope and intercept of the weighted least-squares line, and the weighted mean distance of `y` from it."""
    from_x, from_y = (values - np.average(values, weights=weights) for values in (x, y))
    slope = float(weights @ (from_x * from_y)) / max(float(weights @ from_x**2), 1e-9)
    start = float(np.average(y - slope * x, weights=weights))
    return slope, start, float(np.average(np.abs(y - start - slope * x), weights=weights))
