"""The `mmpose` backend: RTMO in one stage, or RTMDet's people handed to RTMPose, through `mmpose.apis`.

It needs the `mmpose` extra, in an environment of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import UsageError
from data.keypoints.skeletons import COCO17
from data.pose_weights import PoseNetwork
from extractors.pose.backends.mmpose_package import import_mmpose, load_model
from extractors.pose.detections import Detections, Image

MAX_PEOPLE = 20  # more people than this in one picture are not returned


class MMPose:
    """The backend: the pose network `weights`, and a `detector` for top-down ones.

    Raises:
        UsageError: mmpose is not installed, or the settings are incomplete.
        DataError: weights are missing or do not fit.
    """

    def __init__(self, networks: Mapping[str, PoseNetwork], *, device: str = "cpu", min_score: float = 0.1) -> None:
        import_mmpose()
        self.min_score = min_score
        self.model = load_model("mmpose", networks["weights"], device)
        self.detector: Any = load_model("mmdet", networks["detector"], device) if "detector" in networks else None
        self.max_views = 1 if self.detector else 8
        names = dict((self.model.dataset_meta or {}).get("keypoint_id2name", {}))
        if [names.get(joint) for joint in range(17)] != list(COCO17):
            raise UsageError("this model's first joints are not COCO's 17", fix="Take a model trained on COCO or body8")
        if self.detector is None and type(self.model).__name__ != "BottomupPoseEstimator":
            fix = "Set pose.mmpose.alias, which brings one, or the configuration of a one-stage model such as RTMO"
            raise UsageError("this top-down model needs a detector", fix=fix)

    def detect(self, image: Image) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first."""
        from mmdet.apis import inference_detector
        from mmpose.apis import inference_bottomup, inference_topdown

        picture = np.ascontiguousarray(image[..., ::-1])  # these models are fed BGR and turn it round themselves
        if self.detector is None:
            return self._people(inference_bottomup(self.model, picture))
        boxes = inference_detector(self.detector, picture).pred_instances.cpu().numpy()
        boxes = boxes[(boxes.labels == 0) & (boxes.scores >= self.min_score)]
        if not len(boxes):
            return Detections.none()
        return self._people(inference_topdown(self.model, picture, boxes.bboxes.astype(np.float32)), boxes.scores)

    def _people(self, samples: list[Any], scores: NDArray[np.floating] | None = None) -> Detections:
        """The people of each of mmpose's samples; `scores` are those of the detector, one a sample."""
        groups = []
        for row, sample in enumerate(samples):
            people = sample.pred_instances
            points = np.asarray(people.keypoints, dtype=np.float32)[:, :17]
            joints = np.clip(np.asarray(people.keypoint_scores, dtype=np.float32)[:, :17], 0, 1)
            score = joints.mean(axis=1)
            if scores is not None:
                score = score * scores[row]
            elif "bbox_scores" in people:
                score = np.asarray(people.bbox_scores, dtype=np.float32)
            groups.append(Detections.of(np.concatenate([points, joints[..., None]], axis=-1), score))
        return Detections.joined(groups).best(self.min_score, MAX_PEOPLE)
