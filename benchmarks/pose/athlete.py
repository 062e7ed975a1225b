"""The right person: whether the agent of a real clip is the athlete, who somersaults, and not the passer-by.

The clip is ../shared/clips/one_person_sports2d.mp4, cut and reduced in several ways. The two people's places were
marked by hand in the frames below and are interpolated between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.pose.box import run_stage
from benchmarks.pose.labels import SHARED
from benchmarks.pose.measure import distances

CLIP = SHARED / "clips" / "one_person_sports2d.mp4"

CUTS = ((5.2, 7.7, 640), (5.2, 7.7, 480), (5.2, 7.7, 320), (5.2, 7.7, 960), (0.0, 8.0, 640), (0.0, 8.0, 480),
        (0.0, 3.0, 640), (0.0, 3.0, 320), (3.0, 6.5, 640), (4.0, 8.0, 480))  # fmt: skip
"""First and last second, and the width in pixels."""

ATHLETE = (
    (0, 0.366, 0.25), (20, 0.36, 0.25), (60, 0.355, 0.24), (90, 0.357, 0.26), (100, 0.366, 0.27), (110, 0.383, 0.27),
    (120, 0.40, 0.27), (130, 0.43, 0.26), (140, 0.435, 0.26), (150, 0.44, 0.25), (156, 0.45, 0.27), (160, 0.466, 0.28),
    (164, 0.48, 0.27), (168, 0.49, 0.25), (172, 0.51, 0.26), (176, 0.527, 0.26), (184, 0.59, 0.48), (188, 0.598, 0.60),
    (192, 0.62, 0.74), (196, 0.64, 0.81), (200, 0.645, 0.81), (204, 0.68, 0.775), (208, 0.711, 0.75),
    (212, 0.742, 0.75), (216, 0.78, 0.75), (220, 0.819, 0.715), (225, 0.87, 0.70),
)  # fmt: skip
"""Frame, and the middle of the athlete in widths and heights of the picture, who then goes behind a tree."""

PASSER_BY = (
    (36, 0.89, 0.76), (60, 0.79, 0.745), (80, 0.695, 0.745), (90, 0.636, 0.73), (100, 0.586, 0.71), (110, 0.532, 0.71),
    (120, 0.473, 0.73), (130, 0.416, 0.72), (140, 0.355, 0.72), (150, 0.298, 0.73), (160, 0.241, 0.735),
    (168, 0.199, 0.73), (180, 0.123, 0.74), (192, 0.047, 0.74), (200, 0.015, 0.74),
)  # fmt: skip

REACH = 0.15
"""Heights of the picture within which an agent's centre is on a person, who is .38 of it tall."""


def places(marked: tuple[tuple[int, float, float], ...], frames: NDArray[np.int_]) -> NDArray[np.float64]:
    """(N, 2) relative places at `frames`, NaN before the first and after the last mark."""
    frame, x, y = np.array(marked).T
    inside = (frames >= frame[0]) & (frames <= frame[-1])
    there = np.column_stack([np.interp(frames, frame, x), np.interp(frames, frame, y)])
    return np.where(inside[:, None], there, np.nan)


def share_on(
    keypoints: NDArray[np.floating], marked: tuple[tuple[int, float, float], ...], frames: NDArray[np.int_],
    size: tuple[int, int],
) -> float:  # fmt: skip
    """Share of the frames in which a marked person is in the picture, and the only agent is on it."""
    people = np.repeat((places(marked, frames) * size)[:, None, None], 17, axis=2)
    away = distances(keypoints[:, :1], people)[:, 0, 0]
    there = np.isfinite(people[:, 0, 0, 0])
    return float((away < REACH * size[1])[there].mean()) if there.any() else float("nan")


def run_cut(cut: tuple[float, float, int], settings: Mapping[str, Any]) -> dict[str, float]:
    """Shares of frames on the athlete and on the passer-by, and the cost, of one cut."""
    import cv2

    from data.video import decode, probe

    cv2.setNumThreads(1)
    first, last, width = cut
    times = probe(CLIP)[1]
    frames = np.flatnonzero((times >= first) & (times <= last))
    images = []
    for frame in decode(CLIP, frames.tolist()):
        height = round(width * frame.image.shape[0] / frame.image.shape[1])
        images.append(np.asarray(cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA), np.uint8))
    keypoints, spent, forwards = run_stage(images, times[frames] - times[frames[0]], {"agents": 1, **settings})
    size = (width, images[0].shape[0])
    return {
        "athlete": share_on(keypoints, ATHLETE, frames, size),
        "passer_by": share_on(keypoints, PASSER_BY, frames, size),
        "ms": spent,
        "forwards": forwards,
    }


def run_all(settings: Mapping[str, Mapping[str, Any]], pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Measurements of every setting: result[setting][cut][column]."""
    jobs = {
        name: {f"{a}-{b} s, {width} px": pool.submit(run_cut, (a, b, width), chosen) for a, b, width in CUTS}
        for name, chosen in settings.items()
    }
    return {name: {cut: job.result() for cut, job in cuts.items()} for name, cuts in jobs.items()}


def table_of(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    """Shares of frames on the athlete / on the passer-by, one row a setting."""
    table = Table("setting", *next(iter(results.values())), title="Frames on the athlete / on the passer-by")
    for name, cuts in results.items():
        table.add_row(name, *[f"{row['athlete']:.2f} / {row['passer_by']:.2f}" for row in cuts.values()])
    return table
