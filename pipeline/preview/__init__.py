"""Pictures of what the stages found: contact sheet and video."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.preview.preview_files import draw_previews, refuse_far, write_previews
else:
    __getattr__ = importer(
        __name__,
        preview_files="draw_previews refuse_far write_previews",
    )

__all__ = ["draw_previews", "refuse_far", "write_previews"]
