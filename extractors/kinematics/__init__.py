"""Stage `kinematics`: the recorded motion of a surgical robot's tools, as named channels."""

from extractors.kinematics.stage import Kinematics, KinematicsConfig

__all__ = ["Kinematics", "KinematicsConfig"]
