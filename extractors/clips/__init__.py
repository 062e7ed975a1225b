"""Stage `clips`: short clips of a video through a clip network, giving logits and pooled features per time step."""

from extractors.clips.stage import Clips, ClipsConfig

__all__ = ["Clips", "ClipsConfig"]
