"""Settings of the `pose` stage and of its networks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import NonNegativeInt, field_validator

from data.keypoints.skeletons import SAME_NUMBER
from data.weights import REGISTRY
from extractors.base import HASHED, MACHINE, VIDEOS, StageConfig, one_of, setting
from extractors.pose.cleaning import CleaningConfig


def _name(about: str, default: str = "") -> Any:
    """A setting for the name of a published network."""
    return setting(default, about, belongs_to=HASHED)


def _file(about: str) -> Any:
    """A setting for the path of a file on this machine."""
    return setting("", about, belongs_to=MACHINE)


class MMPoseConfig(StageConfig):
    """Models of the `mmpose` backend: an alias, or a configuration and a checkpoint."""

    alias: str = _name("Model of mmpose's index, such as rtmo-l or rtmpose-l, downloaded once.")
    config: str = _file("In place of alias: a one-stage model's configuration, a path or a name of mmpose.")
    checkpoint: str = _file("Its .pth checkpoint.")


class RTMLibConfig(StageConfig):
    """Models of the `rtmlib` backend: exported ONNX files."""

    mode: Literal["", "lightweight", "balanced", "performance"] = _name("Row of rtmlib's table, downloaded once.")
    model: str = _file("In place of mode: RTMO (one-stage) or RTMPose (top-down) .onnx file.")
    detector: str = _file("YOLOX or RTMDet .onnx file for top-down models; empty for one-stage.")
    detector_kind: Literal["", "yolox", "rtmdet"] = _file("How the file `detector` is read; in the key.")


class ImportConfig(StageConfig):
    """Keypoint files of other tools, see docs/features.md."""

    layout: Annotated[str, one_of(("", *SAME_NUMBER))] = _name(
        f"Skeleton of OpenPose files: {', '.join(SAME_NUMBER)}; empty: by number of joints."
    )
    dir: str = _file(
        "Folder of keypoint files named like the videos, or a file of all videos; empty: beside each video."
    )


BACKENDS = {
    "movenet": "extractors.pose.backends.movenet:MoveNet",
    "mmpose": "extractors.pose.backends.mmpose:MMPose",
    "rtmlib": "extractors.pose.backends.rtmlib:RTMLib",
    "import": "",  # files of keypoints
}
"""The values of `pose.backend`, each with the "module:class" of its `PoseBackend`."""


Region = tuple[float, float, float, float] | None
"""x1 y1 x2 y2, relative to the picture; None: anywhere."""


class PoseConfig(StageConfig):
    """Settings of the `pose` stage."""

    backend: Annotated[str, one_of(BACKENDS)] = setting("movenet", f"Network, or files: {', '.join(BACKENDS)}.")
    weights: Annotated[str, one_of(REGISTRY)] = _name("Registered name of MoveNet's weights.", "movenet-multipose")
    mmpose: MMPoseConfig = setting(MMPoseConfig(), "Models of the mmpose backend.")
    rtmlib: RTMLibConfig = setting(RTMLibConfig(), "Models of the rtmlib backend.")
    import_: ImportConfig = setting(ImportConfig(), "Keypoint files of the import backend.", alias="import")
    agents: int = setting(1, "People to keep at most.", ge=1, le=6)
    stride: int = setting(1, "Every how many-th frame is processed.", ge=1)
    work_side: int = setting(
        640, "Frames are reduced by a whole factor before detection; the longer side keeps at least this.", ge=96
    )
    long_side: int = setting(320, "Longer side of MoveNet's input in pixels; best at 320 to 384.", ge=96)
    views: Literal[1, 2, 3, 4] = setting(
        2,
        "Most views of a frame for a one-stage network: quarter turns, until everybody is clear in one; 1: upright.",
    )
    min_score: float = setting(0.04, "People scored below this are ignored.", ge=0, lt=1)
    cleaning: CleaningConfig = setting(CleaningConfig(), "Left and right, gaps and smoothing.")
    tracks: tuple[NonNegativeInt, ...] = setting((), "Rows of `tracks` to take as agents.", belongs_to=VIDEOS)
    region: Region = setting(None, "Where an agent is: relative x1 y1 x2 y2, 0..1.", belongs_to=VIDEOS)
    weights_file: str = _file("A .tflite file in place of `weights`.")
    threads: int = setting(1, "CPU threads of one forward.", belongs_to=MACHINE, ge=1)
    device: str = setting("cpu", "Device of the mmpose backend, such as cuda:0.", belongs_to=MACHINE)

    @property
    def used_weights(self) -> str:
        """The file of MoveNet's weights, else their name."""
        return self.weights_file or self.weights

    @field_validator("region")
    @classmethod
    def _region(cls, region: Region) -> Region:
        """Refuse an impossible region: pixels, reversed corners, NaN."""
        x1, y1, x2, y2 = region or (0, 0, 1, 1)
        if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):
            raise ValueError("the region is x1 y1 x2 y2 relative to the picture: 0 <= x1 < x2 <= 1, likewise y")
        return region
