"""Keypoints against labelled joints: share of people detected, of correct joints, and identity switches."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.pose.multiview_detections import MIRRORED
from benchmarks.pose.triangulate import torso_of

LIMBS = np.array([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
BODY = np.array([5, 6, 11, 12, 13, 14])
"""Joints whose mean is a person's centre."""

ANKLES = np.array([15, 16])
REACH = 0.6
"""Torso lengths within which an agent's centre is on a person."""

MIN_VISIBLE = 6
"""Visible limb joints of a person who has to be found."""

Points = NDArray[np.float64]
COLUMNS = ("found", "pck50", "pck20", "pck50_usual", "ankles", "pck50_either", "switches", "ms", "forwards")
"""Columns of a row of measurements, in the order of the table."""


def measure(keypoints: NDArray[np.floating], truth: Points, visible: NDArray[np.bool_]) -> dict[str, float]:
    """Measurements of one clip.

    Args:
        keypoints: (N, A, 17, 3) pixels as the stage stores them, NaN where missing.
        truth: (N, P, 17, 2) pixels, NaN where unknown.
        visible: (N, P, 17) inside the picture and not behind somebody.

    Returns:
        found: share of a person's frames (at least `MIN_VISIBLE` limb joints visible) in which its agent is on it;
        pck50, pck20: share of visible limb joints within that part of the frame's torso length, which counts as at
            least half of the clip's median (a torso seen from above is short); joints of missed frames are wrong;
        pck50_usual: the same with the clip's median torso length;
        ankles: pck50 of the ankles alone;
        pck50_either: pck50 where a joint may also be named as that of the other side;
        switches: how often an agent switches from one person to another.
    """
    usual = np.nanmedian(torso_of(truth), axis=0)
    torso = np.fmax(torso_of(truth), 0.5 * usual)
    counted = visible & np.isfinite(truth[..., 0])
    counted = counted & np.isin(np.arange(17), LIMBS)
    shown = counted.sum(axis=2) >= MIN_VISIBLE
    away = distances(keypoints, truth) / usual
    fits = away < REACH
    agents = assign(fits & shown[:, None], truth.shape[1])
    hit = np.stack([fits[:, agent, person] for person, agent in enumerate(agents)], axis=1)
    points = keypoints[:, agents, :, :2]
    error = np.linalg.norm(points - truth, axis=-1)
    either = np.fmin(error, np.linalg.norm(points[:, :, MIRRORED] - truth, axis=-1))
    error, either = (np.where(hit[..., None], np.nan_to_num(e, nan=np.inf), np.inf) for e in (error, either))
    counted &= shown[..., None]
    part = error / torso[..., None]
    return {
        "found": float(hit[shown].mean()),
        "pck50": float((part < 0.5)[counted].mean()),
        "pck20": float((part < 0.2)[counted].mean()),
        "pck50_usual": float((error / usual[:, None] < 0.5)[counted].mean()),
        "ankles": float((part < 0.5)[..., ANKLES][counted[..., ANKLES]].mean()),
        "pck50_either": float((either / torso[..., None] < 0.5)[counted].mean()),
        "switches": float(switches(away)),
    }


def distances(keypoints: NDArray[np.floating], truth: Points) -> Points:
    """(N, A, P) pixels between the centres of every agent and every person; inf where either is unknown."""
    centres = []
    for poses in (keypoints, truth):
        finite = np.isfinite(poses[:, :, BODY, 0])
        some = finite.sum(axis=2) >= 3
        total = np.where(finite[..., None], poses[:, :, BODY, :2], 0.0).sum(axis=2)
        centre = total / np.maximum(finite.sum(axis=2), 1)[..., None]
        centres.append(np.where(some[..., None], centre, np.nan))
    away = np.linalg.norm(centres[0][:, :, None] - centres[1][:, None], axis=-1)
    return np.asarray(np.where(np.isfinite(away), away, np.inf), dtype=np.float64)


def assign(fits: NDArray[np.bool_], people: int) -> list[int]:
    """The agent of each person, so that agents are on their persons in as many frames (N, A, P) as possible.

    An agent has one identity throughout a clip. After an identity switch it counts as missing.
    """
    hits = fits.sum(axis=0)
    pairs = itertools.permutations(range(hits.shape[0]), people)
    return list(max(pairs, key=lambda agents: sum(hits[agent, person] for person, agent in enumerate(agents))))


def switches(away: Points) -> int:
    """Number of identity switches, over all agents.

    Args:
        away: (N, A, P) distances in torso lengths. An agent is on the nearest person within `REACH`; frames in which
            it is on nobody do not interrupt.
    """
    count = 0
    for agent in range(away.shape[1]):
        nearest = away[:, agent].argmin(axis=1)
        on = nearest[away[:, agent].min(axis=1) < REACH]
        count += int((np.diff(on) != 0).sum())
    return count


def mean_row(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means of several clips; switches are summed."""
    means = {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}
    return means | {"switches": float(sum(row["switches"] for row in rows))}
