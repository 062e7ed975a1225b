"""Keypoint files that people already have, read as people with COCO-17 joints: see docs/extend/keypoints.md."""

from data.keypoints.locate import SUFFIXES, sidecar
from data.keypoints.reading import keypoints_of, read_keypoints, read_motion

__all__ = ["SUFFIXES", "keypoints_of", "read_keypoints", "read_motion", "sidecar"]
