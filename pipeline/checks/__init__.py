"""Checks of a video and its score: flags, distances to the training performances, prediction intervals."""

from pipeline.checks.training_video_flags import announce_flags
