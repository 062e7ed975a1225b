"""Left and right of a body over time, which networks confuse from behind and upside down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from extractors.keypoints import MIRRORED, body_sizes, centres_of
from extractors.signals import blocks, exchanges

MIRROR_COST = 0.02  # cost of exchanging left and right in one frame, in body sizes of movement a joint
MAX_SIDE_GAP_S = 0.3  # seconds without detection after which left and right start afresh


def exchanged_sides(poses: NDArray[np.floating], times: Floats) -> NDArray[np.bool_]:
    """(M,) true where left and right joints of one person (M, 17, 3) must be exchanged; `times` (M,) seconds.

    A network often confuses the sides of a body from behind or upside down. Over time, limbs do not jump across the
    body: so the chosen sides make all joints move least, and frames with high scores keep theirs.
    """
    score = poses[:, 5:, 2].mean(axis=1)
    price = MIRROR_COST * (score / max(float(np.median(score)), 1e-6)) ** 3
    moved = np.zeros((len(poses), 2))
    for rows in blocks(len(poses)):
        some = poses[max(rows.start - 1, 0) : rows.stop]
        offsets = (some[..., :2] - centres_of(some)[:, None]) / body_sizes(some)[:, None, None]
        weight = np.sqrt(np.clip(some[1:, 5:, 2] * some[:-1, 5:, 2], 1e-6, None))
        for column, after in enumerate((offsets, offsets[:, MIRRORED])):
            steps = np.linalg.norm(after[1:, 5:] - offsets[:-1, 5:], axis=2)
            common = weight * np.isfinite(steps)
            total = (np.nan_to_num(steps) * common).sum(axis=1)
            moved[max(rows.start, 1) : rows.stop, column] = total / common.sum(axis=1).clip(1e-9)
    moved[1:][np.diff(times) > MAX_SIDE_GAP_S] = 0
    return exchanges(moved[:, 0], moved[:, 1], price)
