"""Stage `kinematics`: the recorded motion of a surgical robot's tools, as named channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from extractors.kinematics.stage import Kinematics, KinematicsConfig
else:
    __getattr__ = importer(
        __name__,
        stage="Kinematics KinematicsConfig",
    )

__all__ = ["Kinematics", "KinematicsConfig"]
