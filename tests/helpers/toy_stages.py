"""Two small stages, as docs/extend.md describes them, which need no network."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from data.store import ArraySpec, StageOutput
from extractors.base import MACHINE, Extractor, StageConfig, setting


class BrightnessConfig(StageConfig):
    """Settings of `brightness`."""

    stride: int = setting(1, "every stride-th frame", ge=1)
    device: str = setting("cpu", "where it runs", belongs_to=MACHINE)


class Brightness(Extractor[BrightnessConfig]):
    """Mean grey level per frame."""

    name, version, Config = "brightness", 1, BrightnessConfig
    arrays: ClassVar[Mapping[str, ArraySpec]] = {
        "time": ArraySpec(("frame",), "s", "presentation time"),
        "brightness": ArraySpec(("frame",), "1", "mean of all pixels, 0 to 255"),
    }

    @classmethod
    def work(cls, config, frames):
        """Every stride-th frame."""
        return -(-frames // config.stride)

    def extract(self, source):
        """Mean of all pixels of every stride-th frame."""
        wanted = range(0, len(source.times), self.config.stride)
        rows = [frame.image.mean() for frame in source.frames(wanted)]
        values = {"time": source.times[list(wanted)], "brightness": np.array(rows)}
        return StageOutput.of(self.arrays, values, {"brightest": float(max(rows))})


class Contrast(Extractor[StageConfig]):
    """Largest minus smallest brightness: a stage that needs another stage and no frames."""

    name, version, Config, reads = "contrast", 1, StageConfig, frozenset[str]()
    arrays: ClassVar[Mapping[str, ArraySpec]] = {"contrast": ArraySpec((), "1", "range of the brightness")}
    clock = ""

    @classmethod
    def upstream(cls, config):
        """The stage `brightness`."""
        return ("brightness",)

    def extract(self, source):
        """Largest minus smallest brightness."""
        values = source.upstream["brightness"].arrays["brightness"].values
        return StageOutput.of(self.arrays, {"contrast": np.asarray(values.max() - values.min())})


def use_stages(patch, **places):
    """Replace the table of stages by these: "module:class" by name."""
    for module in ("stages", "method"):
        patch.setattr(f"pipeline.settings.{module}.STAGES", places)
