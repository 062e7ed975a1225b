"""Settings of the `pose` stage and of its networks."""

from __future__ import annotations

from typing import Literal

from extractors.base import StageConfig, setting


class MMPoseConfig(StageConfig):
    """Models of the `mmpose` backend; a config is a path or a name inside the mmpose (mmdet) package."""

    alias: str = setting(
        "", "Model of mmpose's own index, such as rtmo-l or rtmpose-l, downloaded once.", affects_result=False
    )
    config: str = setting(
        "", "Or: RTMO (one-stage) or RTMPose (top-down) configuration file or name.", affects_result=False
    )
    checkpoint: str = setting(
        "", "Its .pth checkpoint; empty for random weights, which needs `seed`.", affects_result=False
    )
    detector_config: str = setting(
        "", "RTMDet configuration for top-down models; with an alias, mmpose's own detector.", affects_result=False
    )
    detector_checkpoint: str = setting("", "Its .pth checkpoint.", affects_result=False)
    seed: int | None = setting(None, "Seed of random weights, to prove the path where no checkpoint can be had.")


class RTMLibConfig(StageConfig):
    """Models of the `rtmlib` backend: exported ONNX files."""

    mode: Literal["", "lightweight", "balanced", "performance"] = setting(
        "", "Models of rtmlib's own table for bodies, downloaded once.", affects_result=False
    )
    model: str = setting("", "Or: RTMO (one-stage) or RTMPose (top-down) .onnx file.", affects_result=False)
    detector: str = setting(
        "", "YOLOX or RTMDet .onnx file for top-down models; empty for one-stage.", affects_result=False
    )


class ImportConfig(StageConfig):
    """Keypoint files of other tools, see docs/extend/keypoints.md."""

    dir: str = setting(
        "", "Folder of the keypoint files, named like the videos; empty: beside each video.", affects_result=False
    )


class PoseConfig(StageConfig):
    """Settings of the `pose` stage."""

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
    stride: int = setting(1, "Every how many-th frame is looked at.", ge=1)
    long_side: int = setting(
        384, "Longer side of the whole-frame input in pixels; MoveNet is best at 256 to 384.", ge=96
    )
    crop_side: int = setting(192, "Side of the input for close-ups in pixels, a multiple of 32.", ge=64, multiple_of=32)
    rotations: Literal["none", "four", "tracked"] = setting(
        "tracked",
        "none: upright whole frame; four: whole frame in four quarter turns; tracked: a close-up of each known "
        "person turned upright, and four quarter turns where people are lost or new.",
    )
    search_s: float = setting(1.0, "Seconds between whole-frame searches (tracked).", gt=0)
    zoom: float = setting(1.7, "Side of a close-up in body sizes (tracked).", ge=1, le=4)
    sure_score: float = setting(0.25, "Person score below which somebody counts as nearly lost (tracked).", ge=0, le=1)
    views: int = setting(
        2, "Close-ups of each person, mirrored and turned, whose joints are averaged (tracked).", ge=1, le=4
    )
    second_look: bool = setting(True, "Look again, from later frames, where an agent is missing or faint (tracked).")
    min_score: float = setting(0.04, "People scored below this are ignored.", ge=0, le=1)
    new_score: float = setting(0.2, "People scored below this continue a track but begin none.", ge=0, le=1)
    faint_score: float = setting(
        0.08, "As `new_score`, while fewer people than there are agents are followed: small, dark people.", ge=0, le=1
    )
    lost_s: float = setting(1.0, "Seconds a person may stay unseen and still come back as themselves.", ge=0)
    gate: float = setting(0.8, "Farthest step from the predicted place in body sizes.", gt=0)
    cut_threshold: float = setting(
        0.25,
        "Lost correlation from one frame to the next that may be a cut, 0..1 (see extractors/people/scene.py).",
        gt=0,
        le=1,
    )
    fix_sides: bool = setting(True, "Exchange left and right where a frame contradicts its neighbours.")
    fill_s: float = setting(
        0.6, "Gaps up to this many seconds are interpolated (marked in `filled`, score .05); 0 for none.", ge=0
    )
    smooth_s: float = setting(
        0.03,
        "Width in seconds of the line fitted to each joint's course; 0 keeps the readings.",
        ge=0,
        le=1,
    )
    tracks: tuple[int, ...] = setting((), "Take these tracks (row numbers of `tracks`) instead of choosing.")
    region: tuple[float, float, float, float] | None = setting(
        None, "Relative x1 y1 x2 y2 in which an agent's median centre must lie."
    )
    work_side: int = setting(720, "Longer side in pixels to which frames are reduced before people are sought.", ge=256)
    runtime: Literal["openvino", "litert"] = setting("openvino", "What runs MoveNet.", affects_result=False)
    threads: int = setting(1, "CPU threads of one forward.", affects_result=False, ge=1)
    device: str = setting("cpu", "Device of the mmpose backend, such as cuda:0.", affects_result=False)
