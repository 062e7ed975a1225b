"""Writes videos: synthetic data sets, previews, clips for browsers. The same pictures give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.store import atomic_path
from data.video.containers import ffmpeg_url

CONTAINERS = {".mkv": "matroska", ".m4v": "mp4", ".ts": "mpegts"}  # where FFmpeg's name differs from the suffix
LOSSLESS = {"crf": "0", "preset": "veryfast"}  # decoding gives the same pictures up to the colour conversion


def write_video(
    path: Path,
    images: Iterable[NDArray[np.uint8]],
    rate: float,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> None:
    """Write (height, width, 3) uint8 RGB pictures of one even size as a video, atomically.

    One thread encodes, so that the bytes do not depend on the machine's number of cores.

    `rate` is in frames per second; the suffix of the path decides the container. Codec, pixel format and options are as
    FFmpeg names them; by default H.264 that every browser plays.

    Raises ValueError: no picture, or pictures of different sizes; OSError: the folder cannot be written.
    """
    import av

    ending = path.suffix.lower()
    form = CONTAINERS.get(ending, ending.lstrip("."))  # the temporary file's name has no suffix
    with atomic_path(path) as temporary, av.open(ffmpeg_url(temporary), "w", format=form) as container:
        stream = None
        for number, image in enumerate(images):
            if stream is None:
                stream = container.add_stream(codec, rate=Fraction(rate).limit_denominator(1001))
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = pixel_format
                # In x264 the result of macroblock trees differs from run to run (measured on small pictures).
                reproducible = {"threads": "1"} | ({"x264-params": "mbtree=0"} if codec == "libx264" else {})
                stream.options = reproducible | (options or {"crf": "20", "preset": "veryfast"})
            elif image.shape[:2] != (stream.height, stream.width):
                raise ValueError(f"picture {number} is {image.shape[:2]}, the first {(stream.height, stream.width)}")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        if stream is None:
            raise ValueError("no picture to encode")
        container.mux(stream.encode(None))
