"""Settings of the `pose` stage and of its networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import NonNegativeInt, field_validator

from extractors.base import StageConfig, setting
from extractors.pose.cleaning import CleaningConfig


def _file(about: str) -> Any:
    """A setting that names a file or a network: the key holds the hash of the content, not the name."""
    return setting("", about, affects_result=False)


class MMPoseConfig(StageConfig):
    """Models of the `mmpose` backend; a config is a path or a name inside the mmpose (mmdet) package."""

    alias: str = _file("Model of mmpose's index, such as rtmo-l or rtmpose-l, downloaded once.")
    config: str = _file("Or: RTMO (one-stage) or RTMPose (top-down) configuration file or name.")
    checkpoint: str = _file("Its .pth checkpoint; empty for random weights, which needs `seed`.")
    detector_config: str = _file("RTMDet configuration for top-down models; with an alias, mmpose names one.")
    detector_checkpoint: str = _file("Its .pth checkpoint.")
    seed: int | None = setting(None, "Seed of random weights, to prove the path where no checkpoint can be had.")


class RTMLibConfig(StageConfig):
    """Models of the `rtmlib` backend: exported ONNX files."""

    mode: Literal["", "lightweight", "balanced", "performance"] = setting(
        "", "Models of rtmlib's table for bodies, downloaded once.", affects_result=False
    )
    model: str = _file("Or: RTMO (one-stage) or RTMPose (top-down) .onnx file.")
    detector: str = _file("YOLOX or RTMDet .onnx file for top-down models; empty for one-stage.")
    detector_kind: Literal["", "yolox", "rtmdet"] = setting(
        "", "What the detector is, which says how its answers are read; in the key.", affects_result=False
    )


class ImportConfig(StageConfig):
    """Keypoint files of other tools, see docs/extend/keypoints.md."""

    dir: str = _file("Folder of the keypoint files, named like the videos; empty: beside each video.")


class PoseConfig(StageConfig):
    """Settings of the `pose` stage."""

    REMOVED: ClassVar[Mapping[str, str]] = {
        "crop_side": "it is pose.close_up_side now",
        "zoom": "close-ups have a fixed width of 2.2 body sizes",
        "sure_score": "it is pose.weak_score now",
        "views": "one view of each person is enough on real people",
        "second_look": "every frame is searched once; nothing replaces it",
        "faint_score": "pose.new_score holds for everybody",
        "lost_s": "it is pose.max_missing_s now",
        "gate": "it is pose.max_step now",
        "fix_sides": "it is pose.cleaning.fix_sides now",
        "fill_s": "it is pose.cleaning.max_gap_s now",
        "smooth_s": "it is pose.cleaning.smoothing_s now",
        "runtime": "MoveNet runs on OpenVINO",
        "rotations=tracked": "it is pose.rotations=auto now",
    }
    """Settings, and values of settings, of older versions, and what replaces each."""

    backend: Literal["movenet", "mmpose", "rtmlib", "import"] = setting(
        "movenet", "Pose network; import: keypoint files of other tools."
    )
    weights: str = setting(
        "movenet-multipose", "MoveNet's weights: a registry name or the path of a .tflite file.", affects_result=False
    )
    mmpose: MMPoseConfig = setting(MMPoseConfig(), "Models of the mmpose backend.")
    rtmlib: RTMLibConfig = setting(RTMLibConfig(), "Models of the rtmlib backend.")
    import_: ImportConfig = setting(ImportConfig(), "Keypoint files of the import backend.", alias="import")
    agents: int = setting(2, "People to keep at most.", ge=1, le=6)
    stride: int = setting(1, "Every how many-th frame is processed.", ge=1)
    work_side: int = setting(720, "Longer side in pixels to which frames are reduced before detection.", ge=256)
    long_side: int = setting(384, "Longer side of the whole-frame input in pixels; best at 320 to 384.", ge=96)
    rotations: Literal["none", "four", "auto"] = setting(
        "auto",
        "none: the upright frame; four: the frame in four quarter turns; auto: in the quarter turn nearest to each "
        "followed person's orientation, in the others where a person is missing or has a low score.",
    )
    search_s: float = setting(1.0, "Seconds between searches in all four quarter turns (auto).", gt=0)
    weak_score: float = setting(0.25, "Person score below which other quarter turns are tried (auto).", ge=0, le=1)
    close_up_px: float = setting(
        64, "People smaller than this in the whole-frame input get a close-up (auto); 0 for none.", ge=0
    )
    close_up_side: int = setting(192, "Side of a close-up's input in pixels, a multiple of 32.", ge=64, multiple_of=32)
    min_score: float = setting(0.04, "People scored below this are ignored.", ge=0, lt=1)
    new_score: float = setting(0.15, "People scored below this continue a track but begin none.", ge=0, lt=1)
    max_missing_s: float = setting(1.0, "Seconds after which a person who comes back begins a new track.", ge=0)
    max_step: float = setting(0.6, "Farthest step from the predicted place in body sizes.", gt=0)
    cut_threshold: float = setting(
        0.25, "Lost correlation from one frame to the next that may be a cut, 0..1.", gt=0, le=1
    )
    cleaning: CleaningConfig = setting(CleaningConfig(), "Left and right, gaps and smoothing.")
    tracks: tuple[NonNegativeInt, ...] = setting((), "Take these tracks (row numbers of `tracks`) instead of choosing.")
    region: tuple[float, float, float, float] | None = setting(
        None, "Relative x1 y1 x2 y2 (0..1) in which an agent's median centre must be."
    )
    threads: int = setting(1, "CPU threads of one forward.", affects_result=False, ge=1)
    device: str = setting("cpu", "Device of the mmpose backend, such as cuda:0.", affects_result=False)

    @field_validator("region")
    @classmethod
    def _region(cls, region: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        """Refuse a region that no person can be in: pixels, reversed corners, NaN."""
        x1, y1, x2, y2 = region or (0, 0, 1, 1)
        if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):
            raise ValueError("the region is x1 y1 x2 y2 relative to the picture: 0 <= x1 < x2 <= 1, likewise y")
        return region
