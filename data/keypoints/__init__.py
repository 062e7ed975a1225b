"""Reads keypoint files of other tools as people with COCO-17 joints: docs/features.md."""

from data.keypoints.entries import Keypoints
from data.keypoints.keypoint_search import SUFFIXES, further_people, sidecar
from data.keypoints.reading import read_keypoints, read_motion

__all__ = ["SUFFIXES", "Keypoints", "further_people", "read_keypoints", "read_motion", "sidecar"]
