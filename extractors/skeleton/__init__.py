"""Stage `skeleton`: the joints of a keypoint file, in two or three dimensions, without a video."""

from extractors.skeleton.stage import SkeletonConfig, SkeletonJoints

__all__ = ["SkeletonConfig", "SkeletonJoints"]
