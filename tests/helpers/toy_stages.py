"""A dummy extractor as a newcomer would write it: one file, one table line."""

from __future__ import annotations

import numpy as np

from data.store.arrays import Array, StageOutput
from extractors.base import Extractor, Source, StageConfig, setting


class BrightnessConfig(StageConfig):
    """Settings of the dummy stage."""

    stride: int = setting(1, "every stride-th frame", ge=1)
    device: str = setting("cpu", "where it runs", affects_result=False)


class Brightness(Extractor[BrightnessConfig]):
    """Mean grey level per frame."""

    name, version, Config = "brightness", 1, BrightnessConfig

    def extract(self, source: Source) -> StageOutput:
        """Mean of all pixels of the frames asked for."""
        wanted = range(0, len(source.times), self.config.stride)
        rows = [frame.image.mean() for frame in source.frames(wanted)]
        return StageOutput(
            {
                "time": Array(source.times[list(wanted)], ("frame",), "s", "presentation time"),
                "brightness": Array(np.array(rows), ("frame",), "1", "mean of all pixels, 0 to 255"),
            },
            {"brightest": float(max(rows))},
        )


class Contrast(Extractor[StageConfig]):
    """Largest minus smallest brightness: a stage that needs another stage and no frames."""

    name, version, Config, reads = "contrast", 1, StageConfig, ()

    @classmethod
    def inputs(cls, config: StageConfig) -> tuple[str, ...]:
        """The dummy stage above."""
        return ("brightness",)

    def extract(self, source: Source) -> StageOutput:
        """One number."""
        values = source.upstream["brightness"].arrays["brightness"].values
        return StageOutput({"contrast": Array(np.asarray(values.max() - values.min()), (), "1", "range")})
