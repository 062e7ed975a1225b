"""The decoder: exact frames, times from the stream, damaged files named."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from data.errors import VideoError
from data.video.decoder import decode, probe
from data.video.web_media import playable_type
from data.video.writer import LOSSLESS, write_video


def levels(path: Path, indices: list[int] | None = None) -> list[tuple[int, int]]:
    """(index, mean grey) of decoded frames."""
    return [(frame.index, round(float(frame.image.mean()))) for frame in decode(path, indices)]


def test_only_the_requested_frames_are_decoded(make_video, tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", frames=30)
    assert [(i, round(v / 2) * 2) for i, v in levels(path, [0, 7, 29])] == [(0, 16), (7, 30), (29, 74)]


def test_pictures_cannot_be_written_into(make_video, tmp_path: Path) -> None:
    image = next(decode(make_video(tmp_path / "a.mp4"))).image
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


def numbered(number: int, width: int = 160, height: int = 96) -> np.ndarray:
    """A picture that carries its number as ten bright or dark bars, over noise that differs from picture to picture."""
    image = np.full((height, width, 3), 20, np.uint8)
    image[: height // 2] = np.random.default_rng(number).integers(0, 255, (height // 2, width, 1))
    for bit in range(10):
        if number >> bit & 1:
            image[height // 2 :, bit * width // 10 : (bit + 1) * width // 10] = 220
    return image


def number_of(image: np.ndarray) -> int:
    """The number that `numbered` wrote."""
    height, width = image.shape[:2]
    bars = [
        image[height // 2 + 8 : -8, b * width // 10 + 4 : (b + 1) * width // 10 - 4].mean() > 120 for b in range(10)
    ]
    return sum(bright << bit for bit, bright in enumerate(bars))


def encode(
    path: Path,
    codec: str,
    stamps: Sequence[int],
    aspect: int = 1,
    size: tuple[int, int] = (160, 96),
    first: int = 0,
    **options: str,
) -> Path:
    """Numbered pictures shown at `stamps`, 25 a second; MP4 has its index in front."""
    in_front = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=in_front) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"threads": "1", **options}
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(numbered(first + number, *size), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def remuxed(source: Path, target: Path, start: int, stop: int | None = None) -> Path:
    """The packets of a video from `start` to `stop`, as cutting tools and recorders write them."""
    with av.open(str(source)) as read, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(read.streams.video[0])
        packets = [packet for packet in read.demux(video=0) if packet.dts is not None]
        for packet in packets[start:stop]:
            packet.stream = stream
            container.mux(packet)
    return target


def numbers(path: Path) -> list[int]:
    """Numbers of the decoded pictures, whose indices, times and sizes are checked."""
    info, times = probe(path)
    frames = list(decode(path))
    assert [frame.index for frame in frames] == list(range(len(times)))
    np.testing.assert_allclose([frame.time for frame in frames], times)
    assert all(frame.image.shape[:2] == (info.height, info.width) for frame in frames)
    return [number_of(frame.image) for frame in frames]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_every_frame_once_in_order(tmp_path: Path, suffix: str) -> None:
    path = encode(tmp_path / f"a{suffix}", "libx264", range(12))
    assert numbers(path) == list(range(12))
    info, times = probe(path)
    assert (info.width, info.height) == (160, 96)
    np.testing.assert_allclose(times, np.arange(12) / 25, atol=2e-3)


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libx264", {}), ("libx264", {"bf": "2", "g": "15"}), ("mpeg4", {"bf": "2", "b": "2M"}), ("mpeg4", {"bf": "1"})],
)
def test_pictures_of_an_avi_file_come_in_order(tmp_path: Path, codec: str, options: dict[str, str]) -> None:
    """AVI has no presentation stamps. FFmpeg's guess is wrong where pictures refer to later ones."""
    path = encode(tmp_path / "a.avi", codec, range(60), **options)
    assert numbers(path) == list(range(60))
    np.testing.assert_allclose(probe(path)[1], np.arange(60) / 25)


def test_packed_pictures_of_divx_come_in_order(tmp_path: Path) -> None:
    """DivX wrote two pictures into one chunk of an AVI file, and an empty one into the next."""
    source = encode(tmp_path / "b.avi", "mpeg4", range(41), bf="1", b="3M", b_strategy="0")
    picture = b"\x00\x00\x01\xb6"
    with av.open(str(source)) as read:
        chunks = [(bytes(packet), packet.is_keyframe) for packet in read.demux(video=0) if packet.size]
    start = chunks[0][0].index(picture)
    chunks[0] = (chunks[0][0][:start] + b"\x00\x00\x01\xb2DivX503b1393p" + chunks[0][0][start:], True)
    packed: list[tuple[bytes, bool]] = []
    place = 0
    while place < len(chunks):
        content, key = chunks[place]
        follower = chunks[place + 1][0] if place + 1 < len(chunks) else b""
        if follower and follower[follower.index(picture) + 4] >> 6 == 2:
            packed += [(content + follower, key), (picture + bytes([0x50, 0x4F, 0xFF]), False)]
            place += 1
        else:
            packed.append((content, key))
        place += 1
    assert any(len(content) == 7 for content, _ in packed)
    path = tmp_path / "packed.avi"
    with av.open(str(source)) as read, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(read.streams.video[0])
        for number, (content, key) in enumerate(packed):
            packet = av.Packet(content)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 25)
            packet.is_keyframe = key
            container.mux(packet)
    assert numbers(path) == list(range(41))


def test_a_pause_in_an_avi_file_is_kept(tmp_path: Path) -> None:
    """A slow recorder leaves places without a picture. They take time, and no frame is missing."""
    stamps = [*range(20), *range(25, 35)]
    path = encode(tmp_path / "a.avi", "mpeg4", stamps, b="3M")
    assert numbers(path) == list(range(30))
    np.testing.assert_allclose(probe(path)[1], np.array(stamps) / 25)


OPEN_GROUPS = ("mpeg2video", {"g": "12", "bf": "2", "b": "3M", "flags": "-cgop"}, 22)  # the packet of a key frame


@pytest.mark.parametrize(
    ("suffix", "codec", "options", "cut"),
    [
        *((suffix, *OPEN_GROUPS) for suffix in (".ts", ".mkv", ".mp4")),
        (".ts", "libx264", {"g": "15", "bf": "2"}, 20),
    ],
)
def test_a_video_that_begins_inside_a_group_begins_with_its_first_whole_picture(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, str], cut: int
) -> None:
    """At an open group whose first pictures need the one before, and between two key frames."""
    whole = encode(tmp_path / "a.ts", codec, range(60), **options)
    path = remuxed(whole, tmp_path / f"cut{suffix}", cut)
    got = numbers(path)
    assert got == list(range(got[0], 60))
    assert cut <= got[0] <= cut + 11
    assert probe(path)[1][0] == 0


def test_a_recording_with_few_decodable_frames_is_refused(tmp_path: Path) -> None:
    whole = encode(tmp_path / "a.ts", "libx264", range(40), g="30", bf="0", sc_threshold="0")
    with pytest.raises(VideoError, match=r"the first \d+ of \d+ frames cannot be decoded"):
        probe(remuxed(whole, tmp_path / "cut.ts", 2, 34))


def test_damaged_packets_that_ffmpeg_reports_are_counted(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.ts", "libx264", range(60), g="60", bf="0", crf="10")
    assert probe(path)[0].damaged_packets == 0
    content = path.read_bytes()
    path.write_bytes(content[188 * 3 :])
    assert probe(path)[0].damaged_packets == 0, "a recording may begin anywhere"
    start = len(content) // 188 // 2 * 188
    path.write_bytes(content[:start] + content[start + 188 * 5 :])
    assert probe(path)[0].damaged_packets > 0


def test_a_header_with_zero_frames_is_not_believed(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.avi", "mpeg4", range(12))
    content = bytearray(path.read_bytes())
    for name, field in ((b"avih", 24), (b"strh", 40)):
        place = content.index(name) + field
        assert struct.unpack_from("<I", content, place) == (12,)
        content[place : place + 4] = bytes(4)
    path.write_bytes(content)
    assert numbers(path) == list(range(12))


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_frames_that_a_damaged_table_of_times_hides_are_counted(tmp_path: Path, suffix: str) -> None:
    """A flipped bit in the durations moves frames behind the end of the edit list, and FFmpeg drops them."""
    path = encode(tmp_path / f"a{suffix}", "libx264", range(40))
    assert probe(path)[0].hidden_frames == 0
    whole = path.read_bytes()
    durations = whole.index(b"stts") + 16
    lengths = []
    for bit in range(16):
        content = bytearray(whole)
        content[durations + 3 - bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with suppress(VideoError):
            info, times = probe(path)
            lengths.append(len(times))
            hidden = 40 - len(times)
            assert info.hidden_frames == (hidden if hidden > 2 else 0)
    assert min(lengths) < 38


@pytest.mark.parametrize(("suffix", "codec"), [(".mov", "libx264"), (".mp4", "libx264"), (".avi", "mpeg4")])
def test_no_flipped_bit_around_a_picture_shortens_a_video_silently(tmp_path: Path, suffix: str, codec: str) -> None:
    """MP4, MOV and AVI promise a number of frames."""
    whole = encode(tmp_path / f"a{suffix}", codec, range(40), g="10").read_bytes()
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        heads = [packet.pos for packet in container.demux(video=0) if packet.size]
    path, said = tmp_path / f"b{suffix}", []
    for number, head in enumerate(heads):
        for back in (0, 1 + number % 2, 3 + number % 15):
            content = bytearray(whole)
            content[head - back] ^= 1 << (number + back) % 8
            path.write_bytes(content)
            with suppress(VideoError):
                info, times = probe(path)
                said.append((len(times) >= 38, info.hidden_frames + info.damaged_packets > 0))
    assert (False, False) not in said


def test_times_of_a_variable_rate_come_from_the_stream(tmp_path: Path) -> None:
    stamps = [0, 10, 50, 60, 200]
    path = encode(tmp_path / "v.mkv", "libx264", stamps, bf="0")
    assert numbers(path) == list(range(5))
    np.testing.assert_allclose(probe(path)[1], np.array(stamps) / 25, atol=1e-3)


@pytest.mark.parametrize(
    ("suffix", "codec", "what"),
    [
        (".mp4", "libx264", r"60 frames announced, \d+ present"),
        (".mkv", "libx264", r"2.4 s announced, [12].\d s present"),
        (".webm", "libvpx-vp9", r"2.4 s announced, [12].\d s present"),
    ],
)
def test_a_truncated_video_with_its_index_in_front_is_named(tmp_path: Path, suffix: str, codec: str, what: str) -> None:
    content = encode(tmp_path / f"a{suffix}", codec, range(60), g="15").read_bytes()
    for share in (0.5, 0.8):
        path = tmp_path / f"b{suffix}"
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(VideoError, match=f"ends early: {what}"):
            probe(path)


def test_pixels_that_are_not_square_are_made_square(tmp_path: Path) -> None:
    info, _ = probe(encode(tmp_path / "a.mp4", "libx264", range(5), aspect=2))
    assert (info.width, info.height) == (320, 96)
    assert numbers(tmp_path / "a.mp4") == list(range(5))


def test_frames_of_another_size_are_scaled_to_the_first(tmp_path: Path) -> None:
    first = encode(tmp_path / "a.ts", "libx264", range(10), bf="0")
    second = encode(tmp_path / "b.ts", "libx264", range(10, 20), size=(240, 144), first=10, bf="0")
    path = tmp_path / "c.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    assert probe(path)[0].width == 160
    assert numbers(path) == list(range(20))


@pytest.mark.parametrize(
    "name", ["file:real.mp4", "12:30.mp4", "concat:real.mp4|real.mp4", "a%03d.mp4", "file:/real.mp4", "pipe:0/real.mp4"]
)
def test_the_decoder_reads_no_path_as_an_address(
    make_video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """FFmpeg reads `name:` as a protocol, but a relative path that begins so is a local file."""
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "real.mp4", frames=3)
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    make_video(path, frames=5)
    assert len(probe(path)[1]) == 5
    assert len(levels(path)) == 5
    assert playable_type(path) == "video/mp4"
    assert len(probe(tmp_path / "real.mp4")[1]) == 3


ONE = 1 << 16
EIGHT_ORIENTATIONS: dict[str, tuple[tuple[int, int, int, int], list[str]]] = {
    "as stored": ((ONE, 0, 0, ONE), ["rg", "bw"]),
    "half turn": ((-ONE, 0, 0, -ONE), ["wb", "gr"]),
    "clockwise": ((0, ONE, -ONE, 0), ["br", "wg"]),
    "counter-clockwise": ((0, -ONE, ONE, 0), ["gw", "rb"]),
    "mirrored": ((-ONE, 0, 0, ONE), ["gr", "wb"]),
    "upside down": ((ONE, 0, 0, -ONE), ["bw", "rg"]),
    "transposed": ((0, ONE, ONE, 0), ["rb", "gw"]),
    "transposed the other way": ((0, -ONE, -ONE, 0), ["wg", "br"]),
}
"""a, b, c, d of the display matrix, and the quarters as FFmpeg's autorotation shows them, by rows."""


def quarters(image: np.ndarray) -> list[str]:
    """The colour of each quarter of a picture: r, g, b or w."""
    height, width = image.shape[:2]
    names = {(True, False, False): "r", (False, True, False): "g", (False, False, True): "b", (True, True, True): "w"}
    rows = [[image[y, x] for x in (width // 4, 3 * width // 4)] for y in (height // 4, 3 * height // 4)]
    return ["".join(names[tuple(bool(v > 128) for v in pixel)] for pixel in row) for row in rows]


def quartered() -> np.ndarray:
    """A picture of 64 x 32 pixels: red and green above blue and white."""
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :32], image[:16, 32:], image[16:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    image[16:, 32:] = 255
    return image


def oriented(path: Path, turn: tuple[int, int, int, int]) -> Path:
    """An MP4 of `quartered` with this display matrix."""
    write_video(path, [quartered()] * 3, 25, options=LOSSLESS)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", *turn[:2], 0, *turn[2:], 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("name", EIGHT_ORIENTATIONS)
def test_all_eight_orientations_are_shown_as_players_show_them(tmp_path: Path, name: str, suffix: str) -> None:
    """MP4 and MOV have a matrix; Matroska has the angles of a projection."""
    (a, b, c, d), expected = EIGHT_ORIENTATIONS[name]
    path = oriented(tmp_path / "made.mp4", (a, b, c, d))
    path = path if suffix == ".mp4" else remuxed(path, tmp_path / f"a{suffix}", 0)
    frames, info = list(decode(path)), probe(path)[0]
    assert [quarters(frame.image) for frame in frames] == [expected] * 3
    assert frames[0].image.shape == (info.height, info.width, 3)
    assert (info.width, info.height) == ((64, 32) if a else (32, 64))
    if suffix == ".mp4":
        is_mirrored = a * d - b * c < 0
        assert playable_type(path) == (None if is_mirrored else "video/mp4")


@pytest.mark.parametrize(
    ("message", "expected"),
    [("rotate=90", ["gw", "rb"]), ("rotate=180", ["wb", "gr"]), ("flip=horizontal", ["gr", "wb"])],
)
def test_an_orientation_in_the_stream_itself_counts(tmp_path: Path, message: str, expected: list[str]) -> None:
    """Some cameras write it into H.264 as a message of its own (SEI), and the container knows nothing of it."""
    from av.bitstream import BitStreamFilterContext

    write_video(tmp_path / "a.mp4", [quartered()] * 3, 25, options=LOSSLESS)
    with av.open(str(tmp_path / "a.mp4")) as read, av.open(str(tmp_path / "b.mkv"), "w") as container:
        stream = container.add_stream_from_template(read.streams.video[0])
        insert = BitStreamFilterContext(f"h264_metadata=display_orientation=insert:{message}", read.streams.video[0])
        for packet in read.demux(video=0):
            for changed in insert.filter(packet if packet.size else None):
                changed.stream = stream
                container.mux(changed)
    assert [quarters(frame.image) for frame in decode(tmp_path / "b.mkv")] == [expected] * 3


def two_streams(path: Path, default: int) -> Path:
    """A dark stream and a bright one, of which one is marked default."""
    from av.stream import Disposition

    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for number, stream in enumerate(streams):
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            stream.disposition = Disposition.default if number == default else Disposition(0)
        for _ in range(3):
            for number, stream in enumerate(streams):
                image = np.full((32, 32, 3), 40 + 160 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("default", [0, 1])
def test_the_stream_marked_default_is_read(tmp_path: Path, suffix: str, default: int) -> None:
    path = two_streams(tmp_path / f"a{suffix}", default)
    assert [abs(level - (40 + 160 * default)) <= 2 for _, level in levels(path)] == [True] * 3
    assert playable_type(path) is None
