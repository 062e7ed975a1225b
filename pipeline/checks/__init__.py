"""Doubts about a video or its score: flags, distances to the training performances, prediction intervals."""

from pipeline.checks.video_flags import announce_flags
