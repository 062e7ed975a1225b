"""Folders of frames: which folders are videos, the order of the frames, equality with videos, damaged pictures."""

import os
import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest

from data.errors import UsageError, VideoError
from data.video import FrameFolder, decode, embed_video, find_videos, key_frames, probe, write_video
from tests.data.video.test_decoder import TURNS, is_turned, quartered


def pictures(count=6, size=(64, 48)):
    """(count, height, width, 3) coloured noise, smoothed so that JPEG keeps it."""
    noise = np.random.default_rng(3).integers(0, 256, (count, size[1], size[0], 3)).astype(np.uint8)
    return np.stack([cv2.GaussianBlur(picture, (7, 7), 2) for picture in noise])


def frames(folder, images, suffix="png", first=1):
    """A folder of the pictures, numbered from `first`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images, start=first):
        cv2.imwrite(str(folder / f"{number:05d}.{suffix}"), image[..., ::-1])
    return folder


def images_of(source, indices=None):
    """The decoded pictures."""
    return np.stack([frame.image for frame in decode(source, indices)])


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.mp4"])
def test_a_folder_of_png_is_the_lossless_video(tmp_path, name):
    images = pictures(30)
    codec, pixels, options = ("libx264rgb", "rgb24", {"qp": "0"}) if name == "a.mp4" else ("ffv1", "bgr0", {})
    write_video(tmp_path / name, images, 25, codec=codec, pixel_format=pixels, options=options)
    folder = FrameFolder(frames(tmp_path / "a", images), 25)
    np.testing.assert_array_equal(images_of(folder), images)
    np.testing.assert_array_equal(images_of(folder), images_of(tmp_path / name))
    (info, times), (of_video, times_of_video) = probe(folder), probe(tmp_path / name)
    assert info == replace(of_video, counted=False)  # an AVI file has no times of its frames
    np.testing.assert_array_equal(times, times_of_video)
    assert [frame.time for frame in decode(folder, [2, 29])] == [times[2], times[29]]


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    """Links to pictures and wrong endings are read; only the requested pictures are opened."""
    images = pictures(4)
    for name, image in zip(("dive_8.png", "dive_9.PNG", "dive_100.jpg", "dive_1000.png"), images, strict=True):
        (tmp_path / "kept" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "kept" / name).write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
        (tmp_path / name).symlink_to(tmp_path / "kept" / name)
    folder = FrameFolder(tmp_path, 10)
    np.testing.assert_array_equal(images_of(folder), images)
    assert probe(folder)[1].tolist() == [0, 0.1, 0.2, 0.3]
    part = FrameFolder(tmp_path, 10, first=9, last=100)
    np.testing.assert_array_equal(images_of(part), images[1:3])
    (tmp_path / "kept/dive_100.jpg").write_bytes(b"")
    np.testing.assert_array_equal(images_of(folder, [1, 3]), images[[1, 3]])
    with pytest.raises(VideoError, match="no picture with a number from 10 to 20"):
        FrameFolder(tmp_path, 10, first=10, last=20).files()


SMALL = np.zeros((10, 12, 3), np.uint8)
SPOILT = {
    "is not a JPEG or PNG picture": lambda path: path.write_text("<html>not found</html>"),
    "is damaged": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a picture of 12 x 10 pixels, but 00001": lambda path: cv2.imwrite(str(path), SMALL),
    "not a regular file": lambda path: (path.unlink(), os.mkfifo(path)),
    "No such file": lambda path: (path.unlink(), path.symlink_to("nowhere.png")),
}


@pytest.mark.parametrize("what", SPOILT)
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_an_unusable_picture_is_named(tmp_path, what, suffix):
    folder = FrameFolder(frames(tmp_path / "a", pictures(), suffix), 25)
    SPOILT[what](tmp_path / f"a/00004.{suffix}")
    with pytest.raises(VideoError, match=what) as caught:
        images_of(folder)
    assert str(caught.value.where) == str(tmp_path / f"a/00004.{suffix}")


def test_a_page_gets_a_copy_and_stills(tmp_path):
    folder = FrameFolder(frames(tmp_path / "a", pictures(12, (320, 200))), 25)
    made = embed_video(folder)
    assert made is not None
    assert made.uri.startswith("data:video/mp4;base64,")
    assert len(key_frames(folder, [0.0, 0.3])) == 2


def test_which_folders_are_videos(tmp_path, make_video):
    images = pictures(3, (16, 16))
    make_video(tmp_path / "film.mp4")
    frames(tmp_path / "dive.1", images)
    frames(tmp_path / "day/dive 2", images, "jpg", first=998)
    frames(tmp_path / "deep", images)
    frames(tmp_path / "deep/flow", images)
    frames(tmp_path / "twice", images)
    (tmp_path / "twice/1.png").write_bytes(b"x")
    frames(tmp_path / "one", images[:1])
    frames(tmp_path / "cover", images)
    (tmp_path / "cover/poster.jpg").write_bytes(b"x")
    (tmp_path / "cover/.hidden.jpg").write_bytes(b"x")
    frames(tmp_path / ".hidden", images)
    make_video(tmp_path / "with film/b.mp4")
    frames(tmp_path / "with film", images)
    (tmp_path / "linked").symlink_to(tmp_path / "dive.1")
    listing = find_videos([tmp_path], frame_rate=30)
    assert [record.id for record in listing.records] == [
        "day/dive 2", "deep/flow", "dive.1", "film.mp4", "with film/b.mp4"
    ]  # fmt: skip
    assert listing.records[0].frames == FrameFolder(tmp_path / "day/dive 2", 30)
    assert [text.removeprefix(f"{tmp_path}/") for text in listing.problems] == [
        "cover: left out, the picture 'poster.jpg' has no number at the end of its name",
        "deep: its pictures are left out, a folder of frames has no subfolder",
        "one: left out, a single picture is not a video",
        "twice: left out, '00001.png' and '1.png' have the same number",
    ]
    (alone,) = find_videos([tmp_path / "dive.1"], frame_rate=30).records
    assert (alone.id, alone.path, alone.video) == ("dive.1", tmp_path / "dive.1", FrameFolder(tmp_path / "dive.1", 30))


def test_a_folder_of_frames_needs_its_rate(tmp_path, make_video):
    frames(tmp_path / "dive", pictures(3))
    with pytest.raises(UsageError, match=r"--set frames\.fps=25"):
        find_videos([tmp_path])
    make_video(tmp_path / "film.mp4")
    listing = find_videos([tmp_path])
    assert [record.id for record in listing.records] == ["film.mp4"]
    assert "states no frame rate" in listing.problems[0]


@pytest.mark.parametrize("rate", [0.0001, 0.0007, 0.00999, -1.0, float("nan")])
def test_a_rate_below_a_hundredth_is_refused_by_name(tmp_path, rate):
    frames(tmp_path / "a", pictures(3))
    with pytest.raises(UsageError, match=r"frames\.fps is .*, less than one frame in 100 s"):
        find_videos([tmp_path], frame_rate=rate)
    (record,) = find_videos([tmp_path], frame_rate=0.01).records
    assert record.frames
    np.testing.assert_allclose(record.frames.times(), [0, 100, 200])


@pytest.mark.parametrize(("orientation", "turn"), [*enumerate(TURNS, start=1)])
def test_photographs_are_shown_as_their_exif_says(tmp_path, orientation, turn):
    """Cameras write EXIF data into each JPEG."""
    stored = np.kron(quartered(), np.ones((4, 4, 1), np.uint8))
    video = FrameFolder(frames(tmp_path / "a", [stored] * 2, "jpg"), 25)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    for path in video.files():
        content = path.read_bytes()
        path.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:])
    assert [is_turned(image, stored, turn) for image in images_of(video)] == [True] * 2
    assert (probe(video)[0].width, probe(video)[0].height) == ((256, 128) if orientation < 5 else (128, 256))
