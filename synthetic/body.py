"""A jointed body: converts joint angles to points in space, with masses and inertia.

Arrays cover N times, in the pelvis frame: x to the diver's front, y to the head, z to the diver's right, metres. Angles
are in degrees. Pairs are (left, right).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.store.arrays import Floats

POINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
    "pelvis", "waist", "chest", "neck", "head", "face", "hair", "bun",
    "left_hand", "right_hand", "left_toe", "right_toe", "left_heel", "right_heel", "left_calf", "right_calf",
    "left_waist", "right_waist", "left_chest", "right_chest", "left_strap", "right_strap",
    "left_blade", "right_blade", "left_pec", "right_pec", "back_high", "back_low", "navel", "throat",
)  # fmt: skip
"""Names of the points that `points` returns; the first 17 are the COCO keypoints in their order."""

P = {name: index for index, name in enumerate(POINTS)}  # point name to index
SIDES = (("left", -1.0), ("right", 1.0))

PELVIS, SPINE = 0.21, 0.29  # hip line to waist, waist to shoulder line
SHOULDER, HIP = 0.165, 0.085  # half widths
UPPER_ARM, FOREARM, HAND = 0.29, 0.25, 0.17
THIGH, SHANK, FOOT = 0.42, 0.40, 0.20

_TRUNK = {
    "neck": (0.0, SPINE, 0.0), "chest": (0.015, 0.62 * SPINE, 0.0), "navel": (0.090, -0.02, 0.0),
    "back_high": (-0.080, 0.90 * SPINE, 0.0), "back_low": (-0.085, 0.12 * SPINE, 0.0),
    **{f"{side}_{name}": (front, up, sign * out) for side, sign in SIDES for name, (front, up, out) in (
        ("chest", (0.012, 0.60 * SPINE, 0.075)), ("strap", (0.0, 0.92 * SPINE, 0.095)),
        ("blade", (-0.085, 0.64 * SPINE, 0.062)), ("pec", (0.085, 0.68 * SPINE, 0.062)))},
}  # fmt: skip
"""Places on the trunk, metres from the waist."""

_HEAD = {
    "throat": (0.010, 0.080, 0.0),
    "head": (0.015, 0.165, 0.0), "face": (0.04, 0.145, 0.0), "hair": (-0.01, 0.185, 0.0), "bun": (-0.11, 0.21, 0.0),
    "nose": (0.125, 0.135, 0.0), "left_eye": (0.10, 0.17, -0.033), "right_eye": (0.10, 0.17, 0.033),
    "left_ear": (0.01, 0.155, -0.078), "right_ear": (0.01, 0.155, 0.078),
}  # fmt: skip
"""Places on the head, metres from the neck."""

MASSES = (
    ("head", "head", 0.08, 0.0), ("chest", "chest", 0.29, 0.30), ("pelvis", "waist", 0.20, 0.21),
    *((f"{side}_{a}", f"{side}_{b}", mass, length) for side in ("left", "right") for a, b, mass, length in (
        ("shoulder", "elbow", 0.028, UPPER_ARM), ("elbow", "hand", 0.023, 0.40), ("hip", "knee", 0.110, THIGH),
        ("knee", "ankle", 0.045, SHANK), ("ankle", "toe", 0.014, FOOT))),
)  # fmt: skip
"""(point, point, share of the body's mass, length in m): the mass sits in the middle, as of a thin rod."""


@dataclass(frozen=True)
class BodyPose:
    """Joint angles at N times, in degrees unless stated otherwise."""

    spine: Floats  # (N,) bend of the trunk to the front
    neck: Floats  # (N,) bend of the head to the front
    hip: Floats  # (N, 2) flexion
    knee: Floats  # (N, 2) flexion
    split: Floats  # (N, 2) legs sideways
    foot: Floats  # (N,) toes pointed, 0 is a right angle
    arm: Floats  # (N,) arms from hanging (0) over the front (90) to overhead (180)
    arm_out: Floats  # (N,) arms sideways
    reach: Floats  # (N,) distance of the wrists from the shoulders as a share of the arm's length
    grab: Floats  # (N,) 0..1, how far the hands have moved to the legs
    grab_at: float  # target of the hands on the shank, 0 knee to 1 ankle


def rotate(vectors: Floats, degrees: Floats) -> Floats:
    """`vectors` (N, 3) bent to the front (y towards x) by `degrees` (N,)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    return np.stack([c * x + s * y, c * y - s * x, z], axis=1)


def _along(forward: Floats, outward: Floats, side: float) -> Floats:
    """Unit vectors (N, 3) that hang down, swung to the front by `forward` and out by `outward` degrees."""
    f, o = np.radians(forward), np.radians(outward)
    return np.stack([np.sin(f) * np.cos(o), -np.cos(f) * np.cos(o), side * np.sin(o)], axis=1)


def points(pose: BodyPose) -> Floats:
    """(N, len(POINTS), 3) points of the body in the pelvis frame, metres."""
    count = len(pose.spine)
    out = np.zeros((count, len(POINTS), 3))
    out[:, P["waist"]] = waist = np.array([0.0, PELVIS, 0.0])
    for places, start, bend in ((_TRUNK, "waist", pose.spine), (_HEAD, "neck", pose.spine + pose.neck)):
        for name, place in places.items():
            out[:, P[name]] = out[:, P[start]] + rotate(np.tile(place, (count, 1)), bend)
    for index, (side, sign) in enumerate(SIDES):
        out[:, P[f"{side}_waist"]] = waist + np.array([0.0, 0.0, sign * 0.04])
        _leg(out, pose, index, side, sign)
        _arm(out, pose, side, sign)
    return out


def _leg(out: Floats, pose: BodyPose, index: int, side: str, sign: float) -> None:
    hip = np.tile([0.0, 0.0, sign * HIP], (len(out), 1))
    thigh, split = pose.hip[:, index], pose.split[:, index]
    shank = thigh - pose.knee[:, index]
    knee = hip + THIGH * _along(thigh, split - 2.0, sign)
    ankle = knee + SHANK * _along(shank, split - 1.0, sign)
    foot = shank + 90.0 - pose.foot
    out[:, P[f"{side}_hip"]], out[:, P[f"{side}_knee"]], out[:, P[f"{side}_ankle"]] = hip, knee, ankle
    out[:, P[f"{side}_toe"]] = ankle + FOOT * _along(foot, 0.0 * split, sign)
    out[:, P[f"{side}_heel"]] = ankle + 0.05 * _along(foot - 150.0, 0.0 * split, sign)
    out[:, P[f"{side}_calf"]] = knee + 0.3 * (ankle - knee) + 0.015 * _along(shank - 90.0, 0.0 * split, sign)


def _arm(out: Floats, pose: BodyPose, side: str, sign: float) -> None:
    """Shoulder, then the wrist by angles or at the legs, then the elbow by two-bone inverse kinematics."""
    count = len(out)
    raised = np.clip((pose.arm - 60.0) / 110.0, 0.0, 1.0) * (1.0 - pose.grab)
    local = np.stack([0.02 * pose.grab, -0.03 + 0.05 * raised, sign * (SHOULDER - 0.02 * raised)], axis=1)
    shoulder = out[:, P["neck"]] + rotate(local, pose.spine)
    free = rotate(_along(pose.arm, pose.arm_out, sign), pose.spine) * (pose.reach * (UPPER_ARM + FOREARM))[:, None]
    knee, ankle = out[:, P[f"{side}_knee"]], out[:, P[f"{side}_ankle"]]
    front = rotate(np.tile([0.0, 0.0, sign * 0.03], (count, 1)), pose.spine)
    legs = knee + pose.grab_at * (ankle - knee) + front - shoulder
    wanted = free + pose.grab[:, None] * (legs - free)
    length = np.linalg.norm(wanted, axis=1, keepdims=True)
    line = wanted / np.maximum(length, 1e-6)
    length = np.clip(length, 0.15, 0.995 * (UPPER_ARM + FOREARM))
    bent = (UPPER_ARM**2 - FOREARM**2 + length**2) / (2 * length)
    pole = rotate(np.tile([-0.5, -0.3, sign * 0.8], (count, 1)), pose.spine)
    pole = pole - line * np.sum(pole * line, axis=1, keepdims=True)
    pole /= np.maximum(np.linalg.norm(pole, axis=1, keepdims=True), 1e-6)
    elbow = shoulder + bent * line + np.sqrt(np.maximum(UPPER_ARM**2 - bent**2, 0.0)) * pole
    wrist = shoulder + length * line
    forearm = (wrist - elbow) / np.maximum(np.linalg.norm(wrist - elbow, axis=1, keepdims=True), 1e-6)
    out[:, P[f"{side}_shoulder"]], out[:, P[f"{side}_elbow"]], out[:, P[f"{side}_wrist"]] = shoulder, elbow, wrist
    out[:, P[f"{side}_hand"]] = wrist + HAND * forearm


def mass_points(body: Floats) -> tuple[Floats, Floats, float]:
    """Middles of the segments (N, S, 3), their shares of the mass (S,), and the sum of their inertia per kg."""
    shares = np.array([mass for _, _, mass, _ in MASSES])
    shares = shares / shares.sum()
    middles = np.stack([(body[:, P[a]] + body[:, P[b]]) / 2 for a, b, _, _ in MASSES], axis=1)
    lengths = (length for *_, length in MASSES)
    segment_inertia = float(sum(share * length**2 / 12 for share, length in zip(shares, lengths, strict=True)))
    return middles, shares, segment_inertia + 0.08 * 0.09**2


def centre_of_mass(body: Floats) -> Floats:
    """(N, 3) centre of mass in the frame of `body` (N, P, 3)."""
    middles, shares, _ = mass_points(body)
    return np.asarray(np.einsum("nsd,s->nd", middles, shares))
