"""Stage `camera_flow`: the camera's motion between two frames, from the optical flow at the border of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from extractors.camera_flow.stage import CameraFlow, CameraFlowConfig
else:
    __getattr__ = importer(
        __name__,
        stage="CameraFlow CameraFlowConfig",
    )

__all__ = ["CameraFlow", "CameraFlowConfig"]
