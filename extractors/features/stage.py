"""Stage `features`: the rows of feature files, with the time of each row if their rate is known."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.features import PARTS, kind_of_part, read_features
from data.stage_files import StageFiles
from data.store import ArraySpec, StageOutput
from data.store.arrays import Floats
from data.video import Record
from extractors.base import VIDEOS, Extractor, Source, StageConfig, setting
from extractors.signals import spans_between

FIX = "Name the files of features: --features FOLDER"


class FeaturesConfig(StageConfig):
    """Settings of stage `features`."""

    clip_frames: int = setting(1, "frames from one row of the features to the next", ge=1, le=100_000)
    fps: float = setting(
        0.0,
        "frames per second of the videos behind the features; 0: unknown, rows are equal shares of a performance",
        belongs_to=VIDEOS,
        ge=0,
        le=10_000,
    )


class Features(Extractor[FeaturesConfig]):
    """The features of the scene, the primary and the secondary agent, without rows if the file is missing."""

    name = "features"
    version = 2  # leading axes of 1 are dropped
    Config = FeaturesConfig
    reads = frozenset()
    arrays: ClassVar[Mapping[str, ArraySpec]] = {
        name: spec
        for part in PARTS
        for name, spec in {
            part: ArraySpec((f"{part}_row", f"{part}_channel"), "mixed", f"features of the {part}, as in the file"),
            f"{part}_bounds": ArraySpec(
                (f"{part}_row", "edge"), "s", "begin and end of each row; NaN where the rate is unknown"
            ),
        }.items()
    }
    clock = f"{PARTS[0]}_row"

    @classmethod
    def reads_of(cls, config: FeaturesConfig, record: Record, files: StageFiles) -> Mapping[str, Path | str]:
        """The files, and the record's name in each. Raises DataError: the record has none."""
        kinds = [kind for kind in map(kind_of_part, PARTS) if kind in record.sidecars]
        if not kinds:
            raise DataError("no features", where=record.name, fix=FIX)
        names = {f"name in {kind}": record.entries.get(kind, "") for kind in kinds}
        return {kind: record.sidecars[kind] for kind in kinds} | names

    def extract(self, source: Source) -> StageOutput:
        """The arrays of one performance. Raises DataError: a file that cannot be used."""
        values: dict[str, NDArray[Any]] = {}
        quality: dict[str, int] = {}
        for part in PARTS:
            kind, rows = kind_of_part(part), np.zeros((0, 0), np.float32)
            if kind in source.record.sidecars:
                read = partial(read_features, name=source.record.entries.get(kind, ""))
                rows = source.opened(kind, read)
                quality |= {f"{part}_rows": len(rows), f"{part}_dims": rows.shape[1]}
            values |= {part: rows, f"{part}_bounds": self._bounds(len(rows))}
        return StageOutput.of(self.arrays, values, quality)

    def _bounds(self, rows: int) -> Floats:
        seconds = self.config.clip_frames / self.config.fps if self.config.fps else np.nan
        return spans_between(np.arange(rows + 1) * seconds)
