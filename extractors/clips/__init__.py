"""Stage `clips`: short clips of a video through a clip network, giving logits and pooled features per time step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from extractors.clips.stage import Clips, ClipsConfig
else:
    __getattr__ = importer(
        __name__,
        stage="Clips ClipsConfig",
    )

__all__ = ["Clips", "ClipsConfig"]
