"""Stage `skeleton`: the joints of a keypoint file, in two or three dimensions, without a video."""

from extractors.skeleton.stage import SkeletonJoints, SkeletonConfig

__all__ = ["SkeletonJoints", "SkeletonConfig"]
