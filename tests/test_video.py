"""The decoder: exact frames, times from the stream, damaged files named."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from data.errors import VideoError
from data.video import decode, probe
from data.video_writer import LOSSLESS, write_video


def levels(path: Path, indices: list[int] | None = None) -> list[tuple[int, int]]:
    """(index, mean grey) of decoded frames."""
    return [(frame.index, round(float(frame.image.mean()))) for frame in decode(path, indices)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".mov"])
def test_every_frame_once_in_order(make_video, tmp_path: Path, suffix: str) -> None:
    path = make_video(tmp_path / f"a{suffix}", frames=12)
    info, times = probe(path)
    assert (info.width, info.height) == (64, 48)
    np.testing.assert_allclose(times, np.arange(12) / 25, atol=2e-3)
    got = levels(path)
    assert [index for index, _ in got] == list(range(12))
    assert all(abs(level - (16 + 2 * index)) <= 1 for index, level in got)


def test_only_the_asked_for_frames(make_video, tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=30)
    assert [(i, round(v / 2) * 2) for i, v in levels(path, [0, 7, 29])] == [(0, 16), (7, 30), (29, 74)]


def test_times_of_a_variable_rate_come_from_the_stream(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    stamps = [0, 10, 50, 60, 200]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=100)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.options = {"bf": "0"}
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 40 * number + 20, np.uint8), format="rgb24")
            frame.pts = stamp
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    _, times = probe(path)
    np.testing.assert_allclose(times, np.array(stamps) / 100, atol=1e-3)
    np.testing.assert_allclose([frame.time for frame in decode(path)], times)


def test_rotation_in_the_metadata_is_applied(tmp_path: Path) -> None:
    left_bright = np.zeros((32, 64, 3), np.uint8)
    left_bright[:, :32] = 200
    path = tmp_path / "a.mp4"
    write_video(path, [left_bright] * 3, 25, options=LOSSLESS)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44  # the track header's display matrix
    clockwise = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    content[matrix : matrix + 36] = struct.pack(">9i", *clockwise)
    path.write_bytes(content)
    info, _ = probe(path)
    assert (info.width, info.height, info.rotation) == (32, 64, 90)
    image = next(decode(path)).image
    assert image.shape == (64, 32, 3)
    assert image[:32].mean() > 180  # turned clockwise, the left half is on top
    assert image[32:].mean() < 20


def test_pictures_cannot_be_written_into(make_video, tmp_path: Path) -> None:
    image = next(decode(make_video(tmp_path / "a.mp4"))).image
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


def test_one_frame(make_video, tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=1)
    assert len(probe(path)[1]) == 1
    assert len(levels(path)) == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"hello, I am a text file\n" * 50, "not a readable video"),
        (b"\0" * 5000, "not a readable video"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=what) as caught:
        probe(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_video_is_named(tmp_path: Path, share: float) -> None:
    rng = np.random.default_rng(0)
    whole = tmp_path / "whole.mp4"
    write_video(whole, (rng.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(20)), 25)
    content = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(VideoError):
        probe(cut)


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_truncated_video_with_its_index_in_front_is_named(tmp_path: Path, share: float) -> None:
    rng = np.random.default_rng(0)
    front = tmp_path / "front.mp4"
    with av.open(str(front), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(30):
            picture = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    content = front.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(VideoError, match=r"ends early|damaged"):
        list(decode(cut, list(range(len(probe(cut)[1])))))


def test_audio_only_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match="no video stream in it, only audio"):
        probe(path)
