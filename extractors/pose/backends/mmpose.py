"""The `mmpose` backend: RTMO in one stage, or RTMDet's people handed to RTMPose, through `mmpose.apis`.

It needs the `mmpose` extra, in an environment of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from data.pose_weights import PoseNetwork
from extractors.mmpose_models import load_models
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections, Image


class MMPose:
    """The backend: the pose network `weights`, and a `detector` for top-down ones. Raises as `load_models`."""

    def __init__(self, config: PoseConfig, networks: Mapping[str, PoseNetwork]) -> None:
        self._min_score, models = config.min_score, load_models(networks, config.device)
        self._model, self._detector = models["weights"], models.get("detector")
        self.max_views = 4 if self._detector is None else 1

    def detect(self, image: Image) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first."""
        from mmdet.apis import inference_detector
        from mmpose.apis import inference_bottomup, inference_topdown

        picture = np.ascontiguousarray(image[..., ::-1])  # these models are fed BGR and turn it round themselves
        if self._detector is None:
            groups = [_people(sample) for sample in inference_bottomup(self._model, picture)]
        else:
            boxes = inference_detector(self._detector, picture).pred_instances.cpu().numpy()
            boxes = boxes[(boxes.labels == 0) & (boxes.scores >= self._min_score)]
            samples = inference_topdown(self._model, picture, boxes.bboxes.astype(np.float32)) if len(boxes) else []
            groups = [_people(sample, score) for sample, score in zip(samples, boxes.scores, strict=True)]
        return Detections.joined(groups).best(self._min_score)


def _people(sample: Any, box_score: float | None = None) -> Detections:
    """The people of one of mmpose's samples; `box_score` is that of the detector."""
    people = sample.pred_instances
    poses = Detections.of_joints(people.keypoints, people.keypoint_scores)
    if box_score is not None:
        return Detections(poses.keypoints, poses.scores * box_score)
    return Detections(poses.keypoints, people.bbox_scores) if "bbox_scores" in people else poses
