"""Cleaning of one agent's joints over time: left and right, short gaps, smoothing. `timesteps` does not clean again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Bools, Floats, Reals, Singles
from extractors.base import StageConfig, setting
from extractors.keypoint_geometry import INTERPOLATED_SCORE, MIRRORED, body_sizes, centres_of, pose_distances
from extractors.pose.detections import PERSON_RADIUS, POSE_RADIUS
from extractors.pose.shot_people import Track
from extractors.signals import blocks, exchanges, fill_gaps
from extractors.smoothing import robust_curve

OUTLIER = 0.05  # a joint at this distance from the fitted curve, in body sizes, has half weight
MIRROR_COST = 0.02  # cost of exchanging left and right in one frame, in body sizes of movement per joint
MAX_SIDE_GAP_S = 0.3  # seconds without detection after which left and right are decided anew


class CleaningConfig(StageConfig):
    """Settings of the cleaning of an agent's joints."""

    fix_sides: bool = setting(True, "Exchange left and right in frames that contradict their neighbours.")
    max_gap_s: float = setting(0.6, "Gaps up to this many seconds are interpolated (marked in `filled`).", ge=0)
    smoothing_s: float = setting(0.055, "Seconds: Gaussian of the curve fitted to each joint; 0: none.", ge=0, le=1)


def clean_poses(out: Singles, times: Floats, track: Track, config: CleaningConfig) -> None:
    """Write the joints of one person into `out` (N, 17, 3), from its first to its last frame; `times` (N,) seconds.

    Each joint is placed on a robust curve through the detections of all views, weighted by scores, with the sides of
    the track. Scores are the track's, or `INTERPOLATED_SCORE`. Without smoothing, or in a single frame, positions are
    the track's too.
    """
    frames = track.frames - track.frames[0]
    poses = out[: len(frames)]  # joints are overwritten one by one, without a second array
    for some in blocks(len(frames)):
        poses[some] = track.poses(some)
    if config.fix_sides:
        wrong = exchanged_sides(poses, times[frames])
        poses[wrong] = poses[wrong][:, MIRRORED]
    smooth, rows = config.smoothing_s > 0 and len(frames) > 1, np.arange(len(frames))
    members, row, crossed, weight = _members(track, poses) if smooth else (rows, rows, rows < 0, np.ones(len(rows)))
    outlier = OUTLIER * float(np.median(track.sizes))
    for joint in range(17):
        sides = np.where(crossed, MIRRORED[joint], joint)
        detected = np.float32(track.people.places(members, sides) if smooth else poses[:, joint]).astype(np.float64)
        of = np.flatnonzero(np.isfinite(detected).all(axis=1))
        points, frame, scores = detected[of, :2], frames[row[of]], poses[row[of], joint, 2]
        if smooth and len(of):
            trust = weight[of] * np.maximum(detected[of, 2], 0.01)
            points = robust_curve(times[frame], points, trust, config.smoothing_s, outlier)
        places, known = np.zeros((len(times), 2)), np.zeros((len(times), 2))
        places[frame], known[frame] = points, 1
        places, weights = fill_gaps(times, places, known, config.max_gap_s)
        placed = weights[:, 0] > 0
        out[:, joint] = np.nan, np.nan, 0
        out[placed, joint, :2], out[placed, joint, 2] = places[placed], INTERPOLATED_SCORE
        out[frame, joint, 2] = scores


def _members(track: Track, poses: Singles) -> tuple[NDArray[Any], ...]:
    """(K,) rows of the person's detections in the track's frames, with their row of the track, sides and weight."""
    people, frames, parts = track.people, np.asarray(track.people.frames), list[tuple[NDArray[Any], ...]]()
    for some in blocks(len(poses)):
        of_track = track.frames[some].astype(np.int32)
        rows = np.arange(*np.searchsorted(frames, of_track[[0, -1]] + np.array([0, 1], np.int32)))
        row = np.searchsorted(of_track, frames[rows])
        rows, row = (each[of_track[row] == frames[rows]] for each in (rows, row))
        same, crossed = pose_distances(poses[some][row], people.places(rows).astype(np.float32))
        near = np.minimum(same, crossed)
        weight = np.maximum(np.asarray(people.scores)[rows] / (1 + (near / POSE_RADIUS) ** 2), 1e-3)
        parts.append(tuple(each[near < PERSON_RADIUS] for each in (rows, row + some.start, crossed < same, weight)))
    return tuple(np.concatenate(each) for each in zip(*parts, strict=True))


def exchanged_sides(poses: Reals, times: Floats) -> Bools:
    """(M,) true where left and right joints of one person (M, 17, 3) must be exchanged; `times` (M,) seconds.

    Networks often confuse the sides of a body seen from behind or upside down. Limbs do not jump across the body, so
    the chosen sides minimise the movement of all joints, and frames with high scores keep their sides.
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
