"""Joint names of the known skeletons, and their COCO-17 joints."""

from __future__ import annotations

import re

COCO17 = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)  # COCO's joints in their order
_ARMS = ("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist")
_FACE = ("REye", "LEye", "REar", "LEar")

OPENPOSE = {
    25: (
        *_ARMS,
        *("MidHip", "RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", *_FACE),
        *("LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel"),
    ),
    18: (*_ARMS, *("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle"), *_FACE),
}  # OpenPose's BODY_25 and COCO-18 by their number of joints
MEDIAPIPE = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer"),
    *("left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow"),
    *("right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index"),
    *("left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    *("left_heel", "right_heel", "left_foot_index", "right_foot_index"),
)  # MediaPipe Pose's 33 landmarks
BEGINS_WITH_COCO17 = {17: "COCO-17", 26: "Halpe-26", 133: "COCO-WholeBody-133", 136: "Halpe-136"}
"""Skeletons whose first 17 joints are COCO's, by their number of joints."""

SAME_NUMBER = {
    "body_25b": ("OpenPose BODY_25", (*COCO17, "UpperNeck", "HeadTop", *OPENPOSE[25][19:])),
    "ap10k": (
        "OpenPose COCO-17",
        (
            *("left_eye", "right_eye", "nose", "neck", "tail"),
            *("left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist"),
            *("left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle"),
        ),
    ),
}
"""Skeletons with the number of joints of another one: the layout that the number is taken for, and their joints.

OpenPose's BODY_25B, and the animals of AP-10K, whose paws are wrists and ankles.
"""

_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_PARTS = frozenset(name.removeprefix("left_") for name in COCO17 if name.startswith("left_"))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


def coco_joint(name: str) -> str | None:
    """The COCO-17 joint of a name in any spelling; None for other joints.

    >>> [coco_joint(name) for name in ("RShoulder", "knee_left", "lefthip", "Nose", "left_eye_inner", "neck")]
    ['right_shoulder', 'left_knee', 'left_hip', 'nose', None, None]
    """
    words: list[str] = []
    for word in map(str.lower, _WORD.findall(name)):
        side = next((s for s in ("left", "right", "l", "r") if word.startswith(s) and word[len(s) :] in _PARTS), "")
        words += [side, word[len(side) :]] if side else [word]
    if words == ["nose"]:
        return "nose"
    sides, parts = [_SIDES[w] for w in words if w in _SIDES], [w for w in words if w not in _SIDES]
    return f"{sides[0]}_{parts[0]}" if len(sides) == len(parts) == 1 and parts[0] in _PARTS else None
