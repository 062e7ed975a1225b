"""Videos and stills for a page: playable, at the right times, within the limit."""

import base64
import re

import av
import numpy as np
import pytest

from data.video import decode, probe, write_video
from data.video.web_media import as_uri, embed_video, jpeg, key_frames, playable_type, shrink


def content(uri):
    """The bytes of a `data:` URI."""
    match = re.fullmatch(r"data:[a-z]+/[a-z0-9]+;base64,(.*)", uri)
    assert match
    return base64.b64decode(match.group(1))


def grey_video(path, frames=20, size=(320, 200), **options):
    """Frame i has the grey level 16 + 10 i."""
    pictures = (np.full((size[1], size[0], 3), 16 + 10 * i % 230, np.uint8) for i in range(frames))
    write_video(path, pictures, 25, **options)  # type: ignore[arg-type]
    return path


def test_a_playable_video_is_embedded_byte_for_byte(tmp_path):
    clip = grey_video(tmp_path / "a.mp4")
    made = embed_video(clip)
    assert made is not None
    assert content(made.uri) == clip.read_bytes()
    assert made.note == ""


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a.mp4", {}, "video/mp4"),
        ("a.webm", {"codec": "libvpx-vp9", "options": {"crf": "40", "deadline": "realtime"}}, "video/webm"),
        ("a.avi", {"codec": "mpeg4", "options": {}}, None),
        ("b.mp4", {"pixel_format": "yuv444p"}, None),
        ("a.mkv", {}, None),
    ],
)  # fmt: skip
def test_types_that_browsers_play(tmp_path, name, options, expected):
    assert playable_type(grey_video(tmp_path / name, 4, **options)) == expected


def test_a_video_whose_frames_share_a_time_is_copied(tmp_path):
    made = grey_video(tmp_path / "made.webm", 6, codec="libvpx", options={"deadline": "realtime"})
    with av.open(str(made)) as given, av.open(str(tmp_path / "a.webm"), "w", options={"live": "1"}) as muxed:
        stream = muxed.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream, packet.pts, packet.dts = stream, 0, 0
                muxed.mux(packet)
    info, times = probe(tmp_path / "a.webm")
    assert (info.counted, len(times)) == (True, 6)
    assert not probe(made)[0].counted
    copy = embed_video(tmp_path / "a.webm")
    assert copy is not None, "browsers show nothing of such a file"
    assert (copy.mime, bool(copy.note)) == ("video/mp4", True)


@pytest.mark.parametrize("name", ["a.avi", "b.mp4"])
def test_other_videos_are_encoded_again_with_their_times(tmp_path, name):
    options = {"codec": "mpeg4", "options": {"qscale": "2"}} if name == "a.avi" else {"pixel_format": "yuv444p"}
    clip = grey_video(tmp_path / name, **options)
    made = embed_video(clip)
    assert made is not None
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(content(made.uri))
    assert playable_type(copy) == "video/mp4"
    assert np.allclose(probe(copy)[1], probe(clip)[1], atol=1e-3)
    for ours, theirs in zip(decode(copy), decode(clip), strict=True):
        assert abs(float(ours.image.mean()) - float(theirs.image.mean())) < 4


def test_the_limit_holds_and_a_video_that_cannot_fit_is_none(tmp_path):
    rng = np.random.default_rng(0)
    noise = (rng.integers(0, 255, (360, 640, 3), dtype=np.uint8) for _ in range(20))
    clip = tmp_path / "noise.mp4"
    write_video(clip, noise, 25)
    limit = clip.stat().st_size // 3
    made = embed_video(clip, limit)
    assert made is not None
    assert len(content(made.uri)) <= limit
    assert made.note.startswith("Copy at ")
    assert embed_video(clip, 2000) is None


def test_key_frames_are_the_frames_shown_at_their_times(tmp_path):
    clip = grey_video(tmp_path / "a.mp4")
    stills = key_frames(clip, [0.41, 0.0, 0.41, 99.0], height=50)
    import cv2

    levels = [cv2.imdecode(np.frombuffer(s, np.uint8), 1).mean() for s in stills]
    assert levels == pytest.approx([16 + 100, 16, 16 + 100, 16 + 190], abs=4)
    assert cv2.imdecode(np.frombuffer(stills[0], np.uint8), 1).shape == (50, 80, 3)
    assert key_frames(clip, []) == []
    assert len(key_frames(grey_video(tmp_path / "one.mp4", 1), [0.0, 5.0])) == 2


def test_pictures_are_never_enlarged():
    image = np.zeros((100, 201, 3), np.uint8)
    assert shrink(image, long_side=400).shape == (100, 200, 3)
    assert shrink(image, height=50).shape == (50, 100, 3)
    assert jpeg(image)[:2] == b"\xff\xd8"
    assert as_uri("image/png", b"x") == "data:image/png;base64,eA=="
