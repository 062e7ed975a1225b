"""What describes the videos of a call. A model stores it; what a user says of other videos replaces it."""

from __future__ import annotations

from extractors.base import VIDEOS, setting
from pipeline.settings.section import Section, part_of_stage, with_sections
from pipeline.settings.stages import STAGES, stage_class


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
    """The videos of a call; `videos_class` adds what stages know about them, such as the person to follow."""

    frames: FramesConfig = FramesConfig()


def videos_class() -> type[Videos]:
    """The class of what describes videos, with a section for each stage that has such settings."""
    parts = {name: part_of_stage(stage_class(name).Config, VIDEOS) for name in STAGES}
    return with_sections(Videos, {name: part for name, part in parts.items() if part.model_fields})
