"""Stage `camera_flow`: the camera's motion, measured on the border of the picture (paper, section 5.5, reference 19).

Every frame pair gives the flow of each border cell and one global motion. Both describe the picture's content, so a
camera that pans to the right gives pan_x < 0. Rates are per second, from the frames' times.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from data.store import ArraySpec, StageOutput
from data.store.arrays import Floats, Integers
from extractors.base import Extractor, Source, StageConfig, setting
from extractors.camera_flow.motion_summary import motion_quality, moving, to_rates

if TYPE_CHECKING:
    from extractors.camera_flow.pair_motion import Grey, PairFlow

LOOK_AHEAD = 24  # frames with content that are read before the first pair, to find bars and graphics
MAX_LEAD = 240  # most frames in memory until `LOOK_AHEAD` have content: many videos begin with a black picture
CONTENT = 24  # least difference in grey levels of the darkest and brightest twentieth of a picture with content
OFTEN = 0.25  # a cell covered by graphics in a larger share of pairs is masked throughout

SHORT_SIDE, MIN_SIDE, MAX_SIDE = 256, 64, 640
"""Pixels of the working size: most and least of its shorter side, and most of its longer side."""

COLUMNS, ROWS = 12, 8  # cells along the top and along the bottom, and down each side between them
REACH = 64.0  # pixels of the working size: the largest shift between two frames that is searched for
STILL = 0.2  # largest motion of an edge within half a second for a still camera, in pixels of the working size
MAX_PAIRS = 20_000  # the stride is raised until a video has at most this many pairs


class CameraFlowConfig(StageConfig):
    """Settings of `camera_flow`."""

    border: float = setting(0.1, "width of the border as a share of the shorter side", gt=0.03, le=0.3)
    stride: int = setting(1, "take one pair of neighbouring frames out of this many", ge=1)


class CameraFlow(Extractor[CameraFlowConfig]):
    """TV-L1 flow at the picture's border and the camera's motion."""

    name = "camera_flow"
    version = 2
    Config = CameraFlowConfig
    arrays: ClassVar[Mapping[str, ArraySpec]] = {
        "time": ArraySpec(("pair", "frame"), "s", "times of the two frames of a pair"),
        "cells": ArraySpec(
            ("pair", "cell", "uv"),
            "1/s",
            "median flow of a cell in picture widths and heights per second; 0 where masked",
            ("u", "v"),
        ),
        "cell_mask": ArraySpec(
            ("pair", "cell"), "1", "true where the flow is usable: texture, no bar, no graphic, no cut in the pair"
        ),
        "motion": ArraySpec(
            ("pair", "motion"),
            "1/s",
            "motion of the picture's content: pan in widths and heights/s, zoom in log scale/s, rotation in rad/s, "
            "clockwise",
            ("pan_x", "pan_y", "zoom", "rotation"),
        ),
        "inliers": ArraySpec(("pair",), "1", "share of the usable cells that agree with the motion; 0 without any"),
        "cut": ArraySpec(("pair",), "1", "true where the two frames show different scenes"),
        "cell_box": ArraySpec(("cell", "box"), "1", "shares of the picture", ("x1", "y1", "x2", "y2")),
    }
    clock = "pair"
    unit = "pairs"
    headline = ("moving", "shake", "inliers_mean", "unusable_share", "cuts")

    @classmethod
    def work(cls, config: CameraFlowConfig, frames: int) -> int:
        """Number of compared frame pairs."""
        return len(pair_starts(config.stride, frames))

    @classmethod
    def ticks(cls, config: CameraFlowConfig, frames: int) -> int | None:
        """Compared pairs; one masked row for a video of one frame."""
        return max(1, cls.work(config, frames)) if frames else None

    def extract(self, source: Source) -> StageOutput:
        """Flow of the sampled pairs; at most `MAX_LEAD` small grey frames are in memory.

        A video of one frame has no pair, so its output is one masked row of zeros.

        Raises VideoError: the stream is damaged.
        """
        from extractors.camera_flow.border import lay_out, picture_area
        from extractors.camera_flow.pair_motion import PairFlow, pair_table

        config, times = self.config, source.times
        starts = pair_starts(config.stride, len(times))
        wanted = None if len(starts) == len(times) - 1 else sorted({i for s in starts for i in (s, s + 1)})
        frames = self._grey(source, wanted or ([0] if not starts else None))
        ahead, informative = _look_ahead(frames)
        informative = informative or [ahead[-1][1]]
        border = lay_out(picture_area(informative), config.border, COLUMNS, ROWS)
        engine = PairFlow(border, informative, REACH)
        chosen = set(starts)
        table = pair_table(max(len(starts), 1), len(border.cells))
        first_frames = array("q")
        for first, second in pairwise(chain(ahead, frames)):
            if first[0] in chosen and second[0] == first[0] + 1:
                table[len(first_frames)] = engine.pair(first[1], second[1])
                first_frames.append(first[0])
        return self._output(engine, table[: max(len(first_frames), 1)], np.array(first_frames), times)

    def _grey(self, source: Source, indices: list[int] | None) -> Iterator[tuple[int, Grey]]:
        """Frames as (index, grey at the working size)."""
        import cv2

        size: tuple[int, int] | None = None
        for frame in source.frames(indices):
            height, width = frame.image.shape[:2]
            size = size or working_size(width, height)
            grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
            how = cv2.INTER_AREA if size[0] <= width else cv2.INTER_LINEAR
            if size != (width, height):
                grey = cv2.resize(grey, size, interpolation=how)
            yield frame.index, np.asarray(grey)

    def _output(self, engine: PairFlow, pairs: NDArray[np.void], first_frames: Integers, times: Floats) -> StageOutput:
        """Rates per second from pixels per pair; cells that graphics cover `OFTEN` are masked throughout."""
        size = engine.width, engine.height
        engine.leave_out(pairs["covered"].mean(axis=0) >= OFTEN, pairs)
        when = np.stack([times[first_frames], times[first_frames + 1]], axis=1)
        if not len(first_frames):
            when = np.full((1, 2), times[0])
        seconds = when[:, 1] - when[:, 0]
        timed = seconds > 0
        seconds[~timed] = 1.0
        pixels = np.where(timed[:, None], pairs["motion"], 0.0)
        scale = np.array(size) * seconds[:, None, None]
        cells = (pairs["flow"] / scale).astype(np.float32)
        cells[~timed] = 0.0
        stride = stride_of(self.config.stride, len(times))
        moved = moving(pixels, when.mean(axis=1), size, STILL, stride)
        motion = np.where(moved[:, None], to_rates(pixels, size, seconds), 0.0)
        values: dict[str, NDArray[Any]] = {
            "time": when.astype(np.float64),
            "cells": cells,
            "cell_mask": (pairs["weight"] > 0) & timed[:, None],
            "motion": motion.astype(np.float32),
            "inliers": np.where(timed, pairs["inliers"], 0.0).astype(np.float32),
            "cut": pairs["cut"].copy(),  # not a view, which would keep the whole table
            "cell_box": (engine.border.cells[:, [1, 0, 3, 2]] / np.tile(size, 2)).astype(np.float32),
        }
        return StageOutput.of(self.arrays, values, motion_quality(values, moved, stride))


def _look_ahead(
    frames: Iterator[tuple[int, Grey]],
) -> tuple[list[tuple[int, Grey]], list[Grey]]:
    """The first frames, until `LOOK_AHEAD` of them have content, and those with content."""
    ahead: list[tuple[int, Grey]] = []
    informative: list[Grey] = []
    for index, grey in islice(frames, MAX_LEAD):
        ahead.append((index, grey))
        low, high = np.percentile(grey[::4, ::4], [5, 95])
        if high - low >= CONTENT:
            informative.append(grey)
        if len(informative) == LOOK_AHEAD:
            break
    return ahead, informative


def working_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) for scaled frames: never enlarged, except to `MIN_SIDE` on the shorter side.

    >>> working_size(1920, 1080)
    (455, 256)
    """
    scale = min(1.0, SHORT_SIDE / min(width, height))
    scale = min(scale, MAX_SIDE / max(width, height))
    return max(MIN_SIDE, round(width * scale)), max(MIN_SIDE, round(height * scale))


def stride_of(stride: int, frames: int) -> int:
    """Distance in frames between the starts of two sampled pairs: `stride`, or more for at most `MAX_PAIRS`."""
    return max(stride, -(-max(frames - 1, 0) // MAX_PAIRS))


def pair_starts(stride: int, frames: int) -> list[int]:
    """First frames of the sampled pairs of adjacent frames."""
    return list(range(0, max(frames - 1, 0), stride_of(stride, frames)))
