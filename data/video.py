"""The only decoder. Times come from the stream, frames stream one at a time, memory stays bounded.

A video is read in two ways: `probe` walks over the packets without decoding them, which gives the
presentation time of every frame (never the header's frame count or rate), and `decode` yields the frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import VideoError


@dataclass(frozen=True)
class VideoInfo:
    """What the container says and the packets confirm.

    Attributes:
        width, height: size in pixels as shown, after rotation.
        rotation: degrees clockwise that the decoded picture was turned by, one of 0, 90, 180, 270.
        codec: name of the codec, such as "h264".
        rate: nominal frames per second, information only.
    """

    width: int
    height: int
    rotation: int
    codec: str
    rate: float


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: position in display order, from 0.
        time: seconds from the first frame.
        image: (height, width, 3) uint8 RGB, as shown; shared between stages, never write into it.
    """

    index: int
    time: float
    image: NDArray[np.uint8]


def probe(path: Path) -> tuple[VideoInfo, NDArray[np.float64]]:
    """Information and the (N,) presentation times in seconds from the first frame, without decoding.

    Raises:
        VideoError: not a video, no video stream, no frame, or the file ends before its last frame.
    """
    raise NotImplementedError


def decode(path: Path, indices: Sequence[int] | None = None) -> Iterator[Frame]:
    """The frames at `indices` (ascending, display order) or all, one at a time.

    Raises:
        VideoError: the stream is damaged at a frame that was asked for.
    """
    raise NotImplementedError
