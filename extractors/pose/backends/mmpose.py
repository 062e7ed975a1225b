"""The `mmpose` backend: RTMO in one stage, or RTMDet's people handed to RTMPose, through `mmpose.apis`.

It needs the `mmpose` extra, in an environment of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from data.errors import UsageError
from data.keypoints.skeletons import COCO17
from data.mmpose_package import import_mmpose, load_model
from data.pose_weights import PoseNetwork
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections, Image

MAX_PEOPLE = 20  # more people than this in one picture are not returned


class MMPose:
    """The backend: the pose network `weights`, and a `detector` for top-down ones.

    Raises:
        UsageError: mmpose is not installed, or the settings are incomplete.
        DataError: weights are missing or do not fit.
    """

    def __init__(self, config: PoseConfig, networks: Mapping[str, PoseNetwork]) -> None:
        import_mmpose()
        self._min_score = config.min_score
        self._model = load_model(networks["weights"], config.device)
        self._detector: Any = load_model(networks["detector"], config.device) if "detector" in networks else None
        self.max_views = 4 if self._detector is None else 1
        names = dict((self._model.dataset_meta or {}).get("keypoint_id2name", {}))
        if [names.get(joint) for joint in range(17)] != list(COCO17):
            raise UsageError("this model's first joints are not COCO's 17", fix="Take a model trained on COCO or body8")
        if self._detector is None and type(self._model).__name__ != "BottomupPoseEstimator":
            fix = "Set pose.mmpose.alias, which brings one, or the configuration of a one-stage model such as RTMO"
            raise UsageError("this top-down model needs a detector", fix=fix)

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
        return Detections.joined(groups).best(self._min_score, MAX_PEOPLE)


def _people(sample: Any, box_score: float | None = None) -> Detections:
    """The people of one of mmpose's samples; `box_score` is that of the detector."""
    people = sample.pred_instances
    points = np.asarray(people.keypoints, dtype=np.float32)[:, :17]
    joints = np.clip(np.asarray(people.keypoint_scores, dtype=np.float32)[:, :17], 0, 1)
    score = joints.mean(axis=1)
    if box_score is not None:
        score = score * box_score
    elif "bbox_scores" in people:
        score = people.bbox_scores
    return Detections.of(np.concatenate([points, joints[..., None]], axis=-1), score)
