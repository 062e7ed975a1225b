"""Reads keypoint files of other tools as people with COCO-17 joints: docs/features.md."""

from data.keypoints.entries import Keypoints
from data.keypoints.keypoint_search import further_people, sidecar
from data.keypoints.reading import SUFFIXES, read_keypoints, read_motion
