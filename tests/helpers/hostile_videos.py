"""Makes damaged, hostile and odd videos, each with the expected outcome of the decoder.

A `good` file must decode whole, a `bad` one must raise VideoError, `any` may do either and nothing else.
"""

import random
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np

from data.video.video_search import VIDEO_SUFFIXES

Expected = Literal["good", "bad", "any"]

CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"moof", b"traf"})
FRAMES = 8


@dataclass(frozen=True)
class Case:
    """One file and its expected outcome."""

    path: Path
    expected: Expected


def build(folder):
    """Make the whole corpus in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(6)
    bases = {suffix: encode(folder / f"base{suffix}", codec) for suffix, codec in BASES.items()}
    front = encode(folder / "front.mp4", "libx264", container={"movflags": "faststart"})
    cases = [Case(path, "good") for path in (*bases.values(), front)]
    cases += _at_boxes(folder, "back", bases[".mp4"].read_bytes())
    cases += _at_boxes(folder, "front", front.read_bytes())
    cases += _cut_elsewhere(folder, bases)
    cases += _flipped(folder, {**bases, "-front.mp4": front}, rng)
    cases += list(_odd(folder))
    cases += list(_no_videos(folder, bases[".mp4"], rng))
    cases += list(_hostile(folder, bases, front))
    return cases


BASES = {
    ".mp4": "libx264", ".mov": "mpeg4", ".avi": "mjpeg", ".mkv": "ffv1", ".webm": "libvpx", ".ts": "mpeg2video",
    ".mpg": "mpeg2video", ".wmv": "wmv2", ".flv": "flv", ".m4v": "libx264",
}  # fmt: skip


def picture(number, width, height):
    """A picture with a pattern that moves."""
    y, x = np.mgrid[:height, :width]
    values = (x * 3 + y * 2 + number * 11)[..., None] + np.array([0, 60, 120])
    return np.asarray(values % 256, dtype=np.uint8)


def encode(
    path, codec, *, size=(64, 48), pixels="yuv420p", frames=FRAMES, stamps=None, rate=25, container=None, options=None,
    form=None, draw=picture, aspect=1,
):  # fmt: skip
    """Encode the moving pattern, or the pictures that `draw` makes from number, width and height."""
    with av.open(str(path), "w", format=form, options=container or {}) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = {"mjpeg": "yuvj420p"}.get(codec, pixels) if pixels == "yuv420p" else pixels
        stream.options = {"threads": "1", **({"x265-params": "log-level=none"} if codec == "libx265" else {})}
        stream.options |= options or {}
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(draw(number, *size), format="rgb24")
            if stamps is not None:
                frame.pts, frame.time_base = stamps[number], Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def boxes(content, start=0, end=None):
    """(place, size, kind) of every box of an MP4 file, the inner ones after their parent."""
    end = len(content) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", content[start : start + 8])
        if not 8 <= size <= end - start:
            return
        yield start, size, kind
        if kind in CONTAINERS:
            yield from boxes(content, start + 8, start + size)
        start += size


def _put(path, content, expected):
    path.write_bytes(content)
    return Case(path, expected)


def _at_boxes(folder, name, content):
    """Cut before, after the head of, and inside every box; wrong sizes, kinds and payloads."""
    for number, (place, size, kind) in enumerate(boxes(content)):
        stem = f"{name}-{number:02}-{kind.decode('latin1').strip()}"
        cut = {"before": place, "head": place + 8, "inside": place + size // 2}
        for how, end in cut.items():
            yield _put(folder / f"{stem}-cut-{how}.mp4", content[:end], "any")
        for how, value in {"zero": 0, "huge": 0xFFFFFFFF, "wide": 1}.items():
            yield _put(
                folder / f"{stem}-size-{how}.mp4",
                content[:place] + struct.pack(">I", value) + content[place + 4 :],
                "any",
            )
        if kind not in CONTAINERS and kind != b"mdat":
            filled = content[: place + 12] + b"\xff" * min(16, size - 12) + content[place + 12 + min(16, size - 12) :]
            yield _put(folder / f"{stem}-ones.mp4", filled if size > 12 else content[:place], "any")


def _cut_elsewhere(folder, bases):
    for suffix, path in bases.items():
        content = path.read_bytes()
        for percent in (1, 30, 60, 95):
            yield _put(folder / f"cut-{percent}{suffix}", content[: max(1, len(content) * percent // 100)], "any")


def _flipped(folder, bases, rng):
    """Single bits in the head, and bursts anywhere."""
    for suffix, path in bases.items():
        content = path.read_bytes()
        for number in range(8):
            changed = bytearray(content)
            for _ in range(1 if number < 4 else 40):
                place = rng.randrange(min(len(changed), 600) if number < 4 else len(changed))
                changed[place] ^= 1 << rng.randrange(8)
            yield _put(folder / f"flip-{number}{'x' if suffix.startswith('-') else ''}{suffix}", bytes(changed), "any")


ODD = {
    "one-frame.mp4 libx264": {"frames": 1}, "two-frames.mkv libx264": {"frames": 2},
    "variable-rate.mkv libx264": {"stamps": [0, 1, 9, 10, 40, 41, 300, 301]},
    "variable-rate.mp4 libx264": {"stamps": [5, 6, 9, 10, 40, 41, 300, 301]},
    "negative-start.mkv libx264": {"stamps": range(-5, 3)}, "late-start.ts mpeg2video": {"stamps": range(9000, 9008)},
    "odd-size.mkv ffv1": {"size": (65, 49), "pixels": "yuv444p"}, "wide.mkv ffv1": {"size": (4000, 2)},
    "one-pixel.mkv ffv1": {"size": (1, 1), "pixels": "yuv444p"}, "ten-bit.mp4 libx264": {"pixels": "yuv420p10le"},
    "sixteen-bit.mkv ffv1": {"pixels": "gray16le"}, "alpha.mov png": {"pixels": "rgba"},
    "palette.mov qtrle": {"pixels": "rgb24"},
    "interlaced.ts mpeg2video": {"options": {"flags": "+ilme+ildct", "top": "1"}},
    "b-frames.mp4 libx264": {"options": {"bf": "3"}, "frames": 20}, "no-times.mpg libx264": {"form": "h264"},
    "fragmented.mp4 libx264": {"container": {"movflags": "frag_keyframe+empty_moov"}},
    "slow.mp4 libx264": {"rate": 1}, "fast.mp4 libx264": {"rate": 1000},
}  # fmt: skip
"""Name and codec of files that are unusual and valid, and how they are encoded."""


def _odd(folder):
    """Files that are unusual and valid: all must decode."""
    for name, options in ODD.items():
        file, codec = name.split()
        yield Case(encode(folder / file, codec, **options), "good")
    yield _many_streams(folder / "forty-streams.mkv", 40, "good")
    yield _many_streams(folder / "hundreds.mkv", 900, "any")
    yield _put(folder / "wrong-extension.avi", (folder / "one-frame.mp4").read_bytes(), "good")


def _many_streams(path, count, expected):
    with av.open(str(path), "w") as file:
        streams = []
        for _ in range(count):
            stream = file.add_stream("rawvideo", rate=25)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
            stream.options = {"threads": "1"}
            streams.append(stream)
        file.start_encoding()
        for number in range(3):
            for stream in streams[:40]:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, 16, 16), format="rgb24")))
        for stream in streams[:40]:
            file.mux(stream.encode(None))
    return Case(path, expected)


def _many_tracks(content, count):
    """The file with its first track repeated `count` times."""
    place, size = next((start, size) for start, size, kind in boxes(content) if kind == b"moov")
    track_at, track_size = next((start, size) for start, size, kind in boxes(content) if kind == b"trak")
    track = content[track_at : track_at + track_size]
    moov = content[place + 8 : track_at] + track * count + content[track_at + track_size : place + size]
    return content[:place] + struct.pack(">I4s", len(moov) + 8, b"moov") + moov


def _no_videos(folder, whole, rng):
    """Files whose content is not a video, whatever their names."""
    png = _still(folder / "still.mov")
    contents = {
        "empty": b"", "one-byte": b"\0", "zeros": bytes(4096), "ones": b"\xff" * 4096, "noise": rng.randbytes(20000),
        "text": b"not a video\n" * 200, "html": b"<html><script>alert(1)</script></html>" * 20,
        "zip": b"PK\x03\x04" + rng.randbytes(2000), "pickle": b"\x80\x04cos\nsystem\n(S'touch pwned'\ntR.",
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(500), "elf": b"\x7fELF" + bytes(500), "head-only": whole.read_bytes()[:32],
        "picture": png,
    }  # fmt: skip
    suffixes = sorted(VIDEO_SUFFIXES)
    for number, (name, content) in enumerate(contents.items()):
        yield _put(folder / f"{name}.mp4", content, "bad")
        yield _put(folder / f"{name}-too{suffixes[number % len(suffixes)]}", content, "bad")
    for name, codec, form in (("sound", "aac", "mp4"), ("sound-too", "mp2", "avi"), ("wave", "pcm_s16le", "wav")):
        yield sound(folder / f"{name}.mp4", codec, form)


def _still(scratch):
    encode(scratch, "png", pixels="rgb24", frames=1)
    content = scratch.read_bytes()
    scratch.unlink()
    start = content.index(b"\x89PNG")
    return content[start : content.index(b"IEND", start) + 8]


def sound(path, codec, form):
    """A file without pictures."""
    with av.open(str(path), "w", format=form) as file:
        stream = file.add_stream(codec, rate=16000)
        kind = "fltp" if codec == "aac" else "s16"
        samples = np.zeros((1, 4000), np.float32 if kind == "fltp" else np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format=kind, layout="mono")
        frame.sample_rate = 16000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return Case(path, "bad")


def _hostile(folder, bases, front):
    """Files that try to open other files, to fill the memory, or never to end."""
    target = bases[".mp4"].name
    scripts = {
        "playlist": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
        "playlist-net": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile {target}\n",
        "concat-loop": "ffconcat version 1.0\nfile concat-loop.mp4\n",
        "concat-away": "ffconcat version 1.0\nfile /etc/passwd\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "dash": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet>'
        f"<Representation><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "subtitles": "1\n00:00:00,000 --> 00:00:01,000\nno picture\n",
    }
    for name, text in scripts.items():
        yield _put(folder / f"{name}.mp4", text.encode(), "bad")
    jpeg = bases[".avi"].read_bytes()
    head = b"\xff\xc0\x00\x11\x08"
    for name, side in (("huge", 65500), ("large", 16000)):
        huge = jpeg.replace(head + struct.pack(">HH", 48, 64), head + struct.pack(">HH", side, side))
        assert huge != jpeg
        yield _put(folder / f"{name}-pictures.avi", huge, "bad")
    png = encode(folder / "png.mov", "png", pixels="rgb24").read_bytes()
    size = struct.pack(">II", 64, 48)
    for name, wide, high in (("huge", 60000, 60000), ("long", 2**31 - 1, 1)):
        yield _put(
            folder / f"{name}-png.mov", png.replace(b"IHDR" + size, b"IHDR" + struct.pack(">II", wide, high)), "any"
        )
    content = front.read_bytes()
    for name in (b"stts", b"stsz", b"stsc", b"ctts", b"stss", b"stco", b"elst"):
        if name in content:
            place = content.index(name) + 8
            lie = content[:place] + struct.pack(">I", 0x7FFFFFFF) + content[place + 4 :]
            yield _put(folder / f"count-{name.decode()}.mp4", lie, "any")
    stamped = encode(folder / "far.mkv", "libx264", stamps=[0, 1, 2, 3, 4, 5, 2**40, 2**40 + 1])
    yield Case(stamped, "any")
    yield _put(folder / "nested.mp4", content[:32] + (struct.pack(">I4s", 8, b"moov") * 3000), "any")
    yield _put(folder / "thousands.mp4", _many_tracks(bases[".mp4"].read_bytes(), 5000), "any")
    deep = b"".join(struct.pack(">I4s", 8 * (3000 - n), b"moov") for n in range(3000))
    yield _put(folder / "deep.mp4", content[:32] + deep, "any")
    yield _put(folder / "twice.mp4", content + content, "any")
