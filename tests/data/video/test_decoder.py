"""The decoder: exact frames, times from the stream, damaged files named."""

import struct
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest

from data.errors import VideoError
from data.video.decoder import decode, probe
from data.video.web_media import playable_type
from data.video.writer import LOSSLESS, write_video
from tests.helpers import hostile_videos


def levels(path, indices=None):
    """(index, mean grey) of decoded frames."""
    return [(frame.index, round(float(frame.image.mean()))) for frame in decode(path, indices)]


def test_only_the_requested_frames_are_decoded(make_video, tmp_path):
    path = make_video(tmp_path / "a.mp4", frames=30)
    assert [(i, round(v / 2) * 2) for i, v in levels(path, [0, 7, 29])] == [(0, 16), (7, 30), (29, 74)]


def test_pictures_cannot_be_written_into(make_video, tmp_path):
    image = next(decode(make_video(tmp_path / "a.mp4"))).image
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


def numbered(number, width, height):
    """A picture that carries its number as ten bright or dark bars, over noise that differs from picture to picture."""
    image = np.full((height, width, 3), 20, np.uint8)
    image[: height // 2] = np.random.default_rng(number).integers(0, 255, (height // 2, width, 1))
    for bit in range(10):
        if number >> bit & 1:
            image[height // 2 :, bit * width // 10 : (bit + 1) * width // 10] = 220
    return image


def number_of(image):
    """The number that `numbered` wrote."""
    height, width = image.shape[:2]
    bars = [
        image[height // 2 + 8 : -8, b * width // 10 + 4 : (b + 1) * width // 10 - 4].mean() > 120 for b in range(10)
    ]
    return sum(bright << bit for bit, bright in enumerate(bars))


def encode(path, codec, stamps, aspect=1, size=(160, 96), first=0, **options):
    """Numbered pictures shown at `stamps`, 25 a second; MP4 has its index in front."""
    in_front = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    return hostile_videos.encode(
        path, codec, size=size, frames=len(stamps), stamps=stamps, container=in_front, options=options, aspect=aspect,
        draw=lambda number, *size: numbered(first + number, *size),
    )  # fmt: skip


def remuxed(source, target, start, stop=None):
    """The packets of a video from `start` to `stop`, as cutting tools and recorders write them."""
    with av.open(str(source)) as read, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(read.streams.video[0])
        packets = [packet for packet in read.demux(video=0) if packet.dts is not None]
        for packet in packets[start:stop]:
            packet.stream = stream
            container.mux(packet)
    return target


def numbers(path):
    """Numbers of the decoded pictures, whose indices, times and sizes are checked."""
    info, times = probe(path)
    frames = list(decode(path))
    assert [frame.index for frame in frames] == list(range(len(times)))
    np.testing.assert_allclose([frame.time for frame in frames], times)
    assert all(frame.image.shape[:2] == (info.height, info.width) for frame in frames)
    return [number_of(frame.image) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec", "stamps", "options"),
    [
        *((f"a{suffix}", "libx264", range(12), {}) for suffix in (".mp4", ".mkv", ".mov", ".avi")),
        ("a.avi", "libx264", range(60), {"bf": "2", "g": "15"}),
        ("a.avi", "mpeg4", range(60), {"bf": "2", "b": "2M"}),
        ("a.avi", "mpeg4", [*range(20), *range(25, 35)], {"b": "3M"}),
        ("a.mkv", "libx264", [0, 10, 50, 60, 200], {"bf": "0"}),
    ],
)
def test_every_frame_comes_once_in_order_at_its_time(tmp_path, name, codec, stamps, options):
    """AVI has no presentation stamps, so FFmpeg's guess is wrong where pictures refer to later ones. A slow recorder
    leaves places without a picture: they take time, and no frame is missing."""
    path = encode(tmp_path / name, codec, stamps, **options)
    assert numbers(path) == list(range(len(stamps)))
    info, times = probe(path)
    assert (info.width, info.height) == (160, 96)
    np.testing.assert_allclose(times, np.array(stamps) / 25, atol=2e-3)


OPEN_GROUPS = ("mpeg2video", {"g": "12", "bf": "2", "b": "3M", "flags": "-cgop"}, 22)  # the packet of a key frame


@pytest.mark.parametrize(
    ("suffix", "codec", "options", "cut"),
    [
        *((suffix, *OPEN_GROUPS) for suffix in (".ts", ".mkv", ".mp4")),
        (".ts", "libx264", {"g": "15", "bf": "2"}, 20),
    ],
)
def test_a_video_that_begins_inside_a_group_begins_with_its_first_whole_picture(tmp_path, suffix, codec, options, cut):
    """At an open group whose first pictures need the one before, and between two key frames."""
    whole = encode(tmp_path / "a.ts", codec, range(60), **options)
    path = remuxed(whole, tmp_path / f"cut{suffix}", cut)
    got = numbers(path)
    assert got == list(range(got[0], 60))
    assert cut <= got[0] <= cut + 11
    assert probe(path)[1][0] == 0


def test_a_recording_with_few_decodable_frames_is_refused(tmp_path):
    whole = encode(tmp_path / "a.ts", "libx264", range(40), g="30", bf="0", sc_threshold="0")
    with pytest.raises(VideoError, match=r"the first \d+ of \d+ frames cannot be decoded"):
        probe(remuxed(whole, tmp_path / "cut.ts", 2, 34))


def test_damaged_packets_that_ffmpeg_reports_are_counted(tmp_path):
    path = encode(tmp_path / "a.ts", "libx264", range(60), g="60", bf="0", crf="10")
    assert probe(path)[0].damaged_packets == 0
    content = path.read_bytes()
    path.write_bytes(content[188 * 3 :])
    assert probe(path)[0].damaged_packets == 0, "a recording may begin anywhere"
    start = len(content) // 188 // 2 * 188
    path.write_bytes(content[:start] + content[start + 188 * 5 :])
    assert probe(path)[0].damaged_packets > 0


def test_a_header_with_zero_frames_is_not_believed(tmp_path):
    path = encode(tmp_path / "a.avi", "mpeg4", range(12))
    content = bytearray(path.read_bytes())
    for name, field in ((b"avih", 24), (b"strh", 40)):
        place = content.index(name) + field
        assert struct.unpack_from("<I", content, place) == (12,)
        content[place : place + 4] = bytes(4)
    path.write_bytes(content)
    assert numbers(path) == list(range(12))


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_frames_that_a_damaged_table_of_times_hides_are_counted(tmp_path, suffix):
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
def test_no_flipped_bit_around_a_picture_shortens_a_video_silently(tmp_path, suffix, codec):
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


@pytest.mark.parametrize(
    ("suffix", "codec", "what"),
    [
        (".mp4", "libx264", r"60 frames announced, \d+ present"),
        (".mkv", "libx264", r"2.4 s announced, [12].\d s present"),
        (".webm", "libvpx-vp9", r"2.4 s announced, [12].\d s present"),
    ],
)
def test_a_truncated_video_with_its_index_in_front_is_named(tmp_path, suffix, codec, what):
    content = encode(tmp_path / f"a{suffix}", codec, range(60), g="15").read_bytes()
    for share in (0.5, 0.8):
        path = tmp_path / f"b{suffix}"
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(VideoError, match=f"ends early: {what}"):
            probe(path)


def test_pixels_that_are_not_square_are_made_square(tmp_path):
    info, _ = probe(encode(tmp_path / "a.mp4", "libx264", range(5), aspect=2))
    assert (info.width, info.height) == (320, 96)
    assert numbers(tmp_path / "a.mp4") == list(range(5))


def test_pictures_that_are_shown_larger_than_8k_are_refused(tmp_path):
    """Pixels four times as wide as high: a file of some kilobytes must not take gigabytes."""
    fitting, large = (
        encode(tmp_path / f"{width}.mp4", "libx264", range(1), aspect=4, size=(width, 4320), preset="ultrafast")
        for width in (2048, 2050)
    )
    assert next(decode(fitting)).image.shape == (4320, 8192, 3)
    with pytest.raises(VideoError, match=r"2050\.mp4: pictures of 8200 x 4320 pixels as shown are too large.*Scale"):
        probe(large)


def test_frames_of_another_size_are_scaled_to_the_first(tmp_path):
    first = encode(tmp_path / "a.ts", "libx264", range(10), bf="0")
    second = encode(tmp_path / "b.ts", "libx264", range(10, 20), size=(240, 144), first=10, bf="0")
    path = tmp_path / "c.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    assert probe(path)[0].width == 160
    assert numbers(path) == list(range(20))


@pytest.mark.parametrize(
    "name", ["file:real.mp4", "12:30.mp4", "concat:real.mp4|real.mp4", "a%03d.mp4", "file:/real.mp4", "pipe:0/real.mp4"]
)
def test_the_decoder_reads_no_path_as_an_address(make_video, tmp_path, monkeypatch, name):
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


TURNS = [(1, 0, 0, 1), (-1, 0, 0, 1), (-1, 0, 0, -1), (1, 0, 0, -1), (0, 1, 1, 0), (0, 1, -1, 0), (0, -1, -1, 0),
         (0, -1, 1, 0)]  # fmt: skip
"""a, b, c, d of the display matrix of each orientation, in the order of the numbers of EXIF 2.32, table 6."""


def quartered():
    """A picture of 64 x 32 pixels: red and green above blue and white."""
    colours = np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]], np.uint8)
    return np.kron(colours, np.ones((16, 32, 1), np.uint8))


def is_turned(shown, stored, turn):
    """Whether a picture is shown as FFmpeg's autorotation shows it."""
    a, b, c, d = turn
    expected = stored[::d, ::a] if a else stored.transpose(1, 0, 2)[::b, ::c]
    return shown.shape == expected.shape and float(np.abs(shown.astype(float) - expected).mean()) < 10


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("turn", TURNS)
def test_all_eight_orientations_are_shown_as_players_show_them(tmp_path, turn, suffix):
    """MP4 and MOV have a matrix; Matroska has the angles of a projection."""
    (a, b, c, d), path = turn, tmp_path / "made.mp4"
    write_video(path, [quartered()] * 3, 25, options=LOSSLESS)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    path = path if suffix == ".mp4" else remuxed(path, tmp_path / f"a{suffix}", 0)
    frames, info = list(decode(path)), probe(path)[0]
    assert [is_turned(frame.image, quartered(), turn) for frame in frames] == [True] * 3
    assert (info.width, info.height) == ((64, 32) if a else (32, 64))
    if suffix == ".mp4":
        is_mirrored = a * d - b * c < 0
        assert playable_type(path) == (None if is_mirrored else "video/mp4")


def two_streams(path, default):
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
def test_the_stream_marked_default_is_read(tmp_path, suffix, default):
    path = two_streams(tmp_path / f"a{suffix}", default)
    assert [abs(level - (40 + 160 * default)) <= 2 for _, level in levels(path)] == [True] * 3
    assert playable_type(path) is None
