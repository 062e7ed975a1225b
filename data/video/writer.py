"""Writes videos: synthetic data sets, previews, copies for browsers, clips. Equal pictures give equal bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from data.errors import VideoError
from data.store import atomic_path
from data.video.containers import ffmpeg_url
from data.video.decoder import Picture, decode, probe
from data.video.frame_times import frame_length

CONTAINERS = {".mkv": "matroska", ".m4v": "mp4", ".ts": "mpegts"}  # if FFmpeg's name differs from the suffix
LOSSLESS = {"crf": "0", "preset": "veryfast"}  # lossless except for the colour conversion


def write_video(
    path: Path,
    images: Iterable[Picture],
    rate: float,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> None:
    """Write (height, width, 3) uint8 RGB pictures of one even size as a video, atomically.

    Encoding uses one thread, so the bytes do not depend on the number of cores.

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
                # x264's macroblock trees are not deterministic (measured on small pictures).
                reproducible = {"threads": "1"} | ({"x264-params": "mbtree=0"} if codec == "libx264" else {})
                stream.options = reproducible | (options or {"crf": "20", "preset": "veryfast"})
            elif image.shape[:2] != (stream.height, stream.width):
                raise ValueError(f"picture {number} is {image.shape[:2]}, the first {(stream.height, stream.width)}")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        if stream is None:
            raise ValueError("no picture to encode")
        container.mux(stream.encode(None))


def trim_video(video: Path, start: float, end: float, out: Path) -> None:
    """Write the frames from `start` to `end` (s) as an H.264 video of constant frame rate, without sound.

    Raises VideoError: a damaged stream, or fewer than two frames in this interval.
    """
    _, times = probe(video)
    kept = np.flatnonzero((times >= start - 1e-3) & (times <= end + 1e-3))
    if len(kept) < 2:
        what = f"fewer than two frames from {start:.2f} s to {end:.2f} s"
        raise VideoError(what, where=video, fix="Choose a longer part")

    def pictures() -> Iterator[Picture]:
        for frame in decode(video, kept):
            height, width = (side // 2 * 2 for side in frame.image.shape[:2])  # H.264 has even sides
            yield frame.image[:height, :width]

    write_video(out, pictures(), 1 / frame_length(times[kept]), options={"crf": "12", "preset": "veryfast"})
