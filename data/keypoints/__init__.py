"""Keypoint files that people already have, read as people with COCO-17 joints: see docs/extend/keypoints.md."""

from data.keypoints.locate import SUFFIXES, find_keypoints, sidecar
from data.keypoints.reading import FramePeople, ImportedKeypoints, RecordedMotion, read_keypoints, read_motion

__all__ = [
    "SUFFIXES",
    "FramePeople",
    "ImportedKeypoints",
    "RecordedMotion",
    "find_keypoints",
    "read_keypoints",
    "read_motion",
    "sidecar",
]
