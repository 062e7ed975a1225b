"""Keypoint files that people already have, read as people with COCO-17 joints: see docs/extend/keypoints.md."""

from data.keypoints.locate import find_keypoints, sidecar
from data.keypoints.reading import FramePeople, ImportedKeypoints, read_keypoints

__all__ = ["FramePeople", "ImportedKeypoints", "find_keypoints", "read_keypoints", "sidecar"]
