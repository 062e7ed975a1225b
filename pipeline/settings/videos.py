"""What describes the videos of a call. A model stores it; what a user says of other videos replaces it."""

from __future__ import annotations

from extractors.base import VIDEOS, setting
from pipeline.settings.section import Section


class FramesConfig(Section):
    """The rate of folders of numbered pictures, and of videos whose container states another one than that of life."""

    fps: float = setting(
        0.0,
        "frames per second of all videos and folders, at least 0.01; 0: that of the container or layout",
        belongs_to=VIDEOS,
        ge=0,
        le=10_000,
    )


class Videos(Section):
    """The videos of a call; what stages know about them, such as the person to follow, is in their own sections."""

    frames: FramesConfig = FramesConfig()
