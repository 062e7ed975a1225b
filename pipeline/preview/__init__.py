"""Pictures of what the stages found: contact sheet and video."""

from pipeline.preview.preview_files import draw_previews, refuse_remote

__all__ = ["draw_previews", "refuse_remote"]
