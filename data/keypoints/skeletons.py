"""Joint names of known skeletons, and their COCO-17 joints."""

from __future__ import annotations

import re

_COCO17 = """
    nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist
    right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle
"""
_ARMS, _FACE = "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist", "REye LEye REar LEar"
_LEGS, _FEET = "RHip RKnee RAnkle LHip LKnee LAnkle", "LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel"
_NAMES = {
    "COCO-17": _COCO17,
    "COCO-18": f"{_ARMS} {_LEGS} {_FACE}",
    "BODY_25": f"{_ARMS} MidHip {_LEGS} {_FACE} {_FEET}",
    "Halpe-26": _COCO17,
    "COCO-WholeBody-133": _COCO17,
    "Halpe-136": _COCO17,
    "body_25b": f"{_COCO17} UpperNeck HeadTop {_FEET}",
    "ap10k": """
        left_eye right_eye nose neck tail left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist
        left_hip left_knee left_ankle right_hip right_knee right_ankle
    """,  # animals, whose paws are wrists and ankles
    "h36m": """
        Pelvis RHip RKnee RAnkle LHip LKnee LAnkle Spine Thorax Nose Head LShoulder LElbow LWrist RShoulder RElbow
        RWrist
    """,  # Human3.6M
    "MPII": """
        RAnkle RKnee RHip LHip LKnee LAnkle Pelvis Thorax Neck HeadTop RWrist RElbow RShoulder LShoulder LElbow LWrist
    """,
    "MediaPipe": """
        nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear right_ear
        mouth_left mouth_right left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist left_pinky
        right_pinky left_index right_index left_thumb right_thumb left_hip right_hip left_knee right_knee left_ankle
        right_ankle left_heel right_heel left_foot_index right_foot_index
    """,
    "KIMORE": """
        SpineBase SpineMid Neck Nose ShoulderLeft ElbowLeft WristLeft Hand_L ShoulderRight ElbowRight WristRight
        Hand_R HipLeft KneeLeft AnkleLeft Foot_L HipRight KneeRight AnkleRight Foot_R SpineShoulder HandTip_L Thumb_L
        HandTip_R Thumb_R
    """,  # of a Kinect v2, whose head counts as the nose
    "UI-PRMD": """
        Waist Spine Chest Neck Nose HeadTip Collar_L ShoulderLeft ElbowLeft WristLeft Collar_R ShoulderRight ElbowRight
        WristRight HipLeft KneeLeft AnkleLeft Toes_L HipRight KneeRight AnkleRight Toes_R
    """,  # the publisher names each joint after the body part that begins there, such as forearm or lower leg
}

SKELETONS = {name: tuple(joints.split()) for name, joints in _NAMES.items()}
"""The joints of each known skeleton in their order; of those that begin with COCO-17, only these."""

COCO17 = SKELETONS["COCO-17"]
"""COCO's joints in their order."""

BY_NUMBER = {
    25: "BODY_25",
    18: "COCO-18",
    17: "COCO-17",
    26: "Halpe-26",
    133: "COCO-WholeBody-133",
    136: "Halpe-136",
    16: "MPII",
}
"""The skeleton by number of joints, for files that do not name it."""

SAME_NUMBER = {"body_25b": "BODY_25", "ap10k": "COCO-17", "h36m": "COCO-17"}
"""Further skeletons of files without names, and the default skeleton with this number of joints."""

TABLES = [
    dict(zip(COCO17[5:], names.split(), strict=True))
    for names in (
        "LSHO RSHO LELB RELB LWRA RWRA LASI RASI LKNE RKNE LANK RANK",  # markers of Vicon's Plug-in Gait
        """
        LeftArm RightArm LeftForeArm RightForeArm LeftHand RightHand LeftUpLeg RightUpLeg LeftLeg RightLeg LeftFoot
        RightFoot
        """,  # bones of Mixamo, whose LeftShoulder is a clavicle
        "LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee RKnee LFoot RFoot",  # Human3.6M
    )
]
"""The joints of other skeletons by COCO-17 joint; a file needs all of them, as a foot alone is not an ankle."""

_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_PARTS = frozenset(name.removeprefix("left_") for name in COCO17 if name.startswith("left_"))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


def coco_joint(name: str) -> str | None:
    """The COCO-17 joint for a name in any spelling; None for other joints.

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
