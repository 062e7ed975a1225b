"""Channels of the camera as an agent: its global motion, and the flow of every border cell."""

from __future__ import annotations

import numpy as np

from data.store import StageOutput
from data.store.arrays import Floats
from extractors.timesteps.channels import Channels, make_channels

MOTION = ("pan_x", "pan_y", "zoom", "rotation")
"""The global fit: image widths and heights per second, log scale per second, radians per second."""


def flow_channels(output: StageOutput) -> Channels:
    """Channels of a `camera_flow` output: `motion.*`, then `cell.00.u`, `cell.00.v`, …

    A row's time is the middle of its frame pair. The weight of the global motion is the share of cells that
    agree with it. A masked cell (bars, overlays) has weight 0, and so has everything in a pair over a cut.

    Args:
        output: arrays `time` (pair, 2), `motion` (pair, 4), `inliers` (pair,), `cells` (pair, cell, 2) and
            `cell_mask` (pair, cell).
    """
    arrays = output.arrays
    pair = np.asarray(arrays["time"].values, dtype=np.float64).reshape(-1, 2)
    motion, cells = arrays["motion"].values, arrays["cells"].values
    usable = np.asarray(arrays["cell_mask"].values, dtype=bool)
    inliers = np.asarray(arrays["inliers"].values, dtype=np.float64)[:, None]
    count = cells.shape[1]
    names = tuple(f"motion.{name}" for name in MOTION)
    names += tuple(f"cell.{cell:02d}.{axis}" for cell in range(count) for axis in "uv")

    def rows_of(rows: slice) -> tuple[Floats, Floats]:
        flat = cells[rows].reshape(len(cells[rows]), 2 * count)
        values = np.concatenate([motion[rows], flat], axis=1, dtype=np.float64)
        return values, np.concatenate([np.repeat(inliers[rows], 4, axis=1), np.repeat(usable[rows], 2, axis=1)], axis=1)

    span = (float(pair[0, 0]), float(pair[-1, 1])) if len(pair) and pair[-1, 1] > pair[0, 0] else None
    observed = np.asarray(usable.any(axis=1))
    return make_channels("camera_flow", names, pair.mean(axis=1), rows_of, observed=observed, span=span)
