"""`extract --preview`: pictures by which a person can judge an extraction, a contact sheet and a film per video.

They are `CACHE/preview/<video id>.jpg` and `.mp4`. They show the agents' skeletons, boxes and names, the border
cells with their flow, and below them a bar with clips, time steps and detections. A preview shows outputs that are
fresh under the configuration; it is drawn again when it shows others.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.errors import CacheError, Cancelled, DataError, UsageError, printable
from data.store import is_remote, write_bytes, write_text
from data.store.hdf5 import Stored
from data.video import Frame, Record, decode, jpeg, probe, write_video
from data.video.media import frame_length, shown_at
from data.video.records import PREVIEW_MARK
from pipeline.cache import UNREADABLE, Cache
from pipeline.cache.index import stamp
from pipeline.observer import Observer
from pipeline.preview.draw import GREY, INK, WHITE, Picture, draw_body, draw_border, text_width, write
from pipeline.preview.frame_content import PreviewScene, roles_of
from pipeline.preview.timeline import Timeline, draw_timeline
from pipeline.run import Planner, extract_and_read

FOLDER = "preview"
"""Folder of the previews in a cache."""

MOST_WIDTH, MOST_HEIGHT = 1280, 720
"""Pixels that large videos are reduced to; small ones are enlarged to `LEAST_WIDTH`."""

HEADER = 24
"""Height in pixels of the line of text above each picture."""

TILE_WIDTH = 640
"""Pixels: width of a picture of the contact sheet at most."""

LEAST_WIDTH = 640
"""Pixels: narrower pictures get dark margins, so that what is written below them can be read."""

SHEET_WIDTH = 1980
"""Width in pixels that the pictures of a contact sheet fill side by side, at least one."""

MOST_TILES = 40
"""Pictures of a contact sheet at most where there are no time steps to show one each."""

MOST_FRAMES, MOST_RATE = 4500, 30.0
"""Pictures and pictures per second of a film at most; a longer video is shown at fewer pictures per second."""

MOST_NAMED = 20
"""Videos without a preview that are named one by one."""


def preview_paths(cache: Cache, video_id: str) -> tuple[Path, Path]:
    """Paths of a video's contact sheet and film."""
    stem = cache.stem(FOLDER, video_id)
    return stem.with_name(f"{stem.name}.jpg"), stem.with_name(f"{stem.name}.mp4")


def refuse_remote(records: Sequence[Record], planner: Planner) -> None:
    """Raise UsageError where the cache or a video is on a store: no preview can be drawn of it."""
    far = [record.name for record in records if record.remote]
    if far or is_remote(planner.cache.root):
        raise UsageError(
            "previews are drawn of videos and caches of this machine only",
            where=far[0] if far else planner.cache.place,
            fix="Leave --preview out, or copy the videos and the cache here",
        )


def draw_previews(records: Sequence[Record], planner: Planner, observer: Observer) -> dict[str, Any]:
    """Draw the previews of videos with fresh outputs; a failure is reported, and skips that video's preview only.

    The observer's stop event leaves what is drawn. With the planner's `force`, everything is drawn again.

    Returns:
        As JSON types: the films and sheets `written`, two per video; how many videos had a `fresh` preview, of
        their outputs; why others `failed`, by their printable names.
    """
    written: list[str] = []
    failed: dict[str, str] = {}
    fresh, stop, folder = 0, observer.stop_event(), planner.cache.root / FOLDER
    with observer.progress("previews") as progress:
        for number, record in enumerate(records, start=1):
            if stop.is_set():
                break
            try:
                if not (folder / PREVIEW_MARK).exists():  # a cache among the videos adds no films to them
                    write_text(folder / PREVIEW_MARK, "Films that `extract --preview` drew; they are no inputs\n")
                paths = preview_paths(planner.cache, record.id)
                keys, index = _fresh(record, planner), planner.cache.index
                shown = index.get(FOLDER, paths[0].absolute(), stamp(paths[0])) if paths[1].exists() else None
                if keys and shown == keys and not planner.force:
                    fresh += 1
                else:
                    draw_preview(load_scene(record, planner), *paths, stop=stop)
                    index.put(FOLDER, paths[0].absolute(), keys, stamp(paths[0]))
                    written += map(printable, paths)
            except Cancelled:
                break
            except Exception as error:  # noqa: BLE001 -- one bad video costs one preview, whatever went wrong
                what = getattr(error, "what", None) or getattr(error, "strerror", None)
                failed[record.name] = what or f"{type(error).__name__}: {error}"
            progress.steps(number, len(records))
    for name, why in list(failed.items())[:MOST_NAMED]:
        observer.note(f"no preview of {name}: {why}")
    observer.note(f"{len(written) // 2} previews drawn, {fresh} fresh in {printable(folder)}")
    return {"written": written, "fresh": fresh, "failed": failed}


def load_scene(record: Record, planner: Planner) -> PreviewScene:
    """The fresh outputs of a video; one that is damaged is extracted again.

    Raises DataError without a video or a fresh output, VideoError where the video cannot be read, CacheError for a
    damaged output.
    """
    if record.video is None:
        raise DataError("the data set lists this performance without a video", where=record.id)
    fresh = _fresh(record, planner)
    if not fresh:
        raise DataError("no output to show", where=record.id, fix="`status` gives the reason")

    def read(_: Record, keys: Mapping[str, str]) -> dict[str, Stored]:
        return {name: planner.cache.read(name, record.id, keys[name]) for name in fresh}

    try:
        stored = read(record, fresh)
    except UNREADABLE:
        values, errors = extract_and_read([record], planner, read)
        if record.id not in values:
            raise CacheError(errors[record.id], where=record.id, fix="Run `extract` again") from None
        stored = values[record.id]
    roles = roles_of(stored["timesteps"].header["settings"]) if "timesteps" in stored else {}
    info, times = probe(record.video)
    return PreviewScene(record, (info.width, info.height), times, {name: s.output for name, s in stored.items()}, roles)


def draw_preview(scene: PreviewScene, sheet: Path, film: Path, *, stop: threading.Event | None = None) -> None:
    """Write the contact sheet and the film of a video from one decode; holds the pictures of the sheet in memory.

    Raises VideoError where the video cannot be decoded, Cancelled after `stop`; nothing is left half written.
    """
    path = scene.record.video
    assert path is not None
    drawer, small = _Drawer(scene, drawn_size(*scene.size)), _Drawer(scene, drawn_size(*scene.size, TILE_WIDTH))
    rate, order = film_frames(scene.times)
    times_shown, shown = Counter(order.tolist()), tile_frames(scene)
    tiles: dict[int, Picture] = {}

    def pictures() -> Iterator[Picture]:
        for frame in decode(path, sorted({*times_shown, *shown})):
            if stop is not None and stop.is_set():
                raise Cancelled
            if frame.index in shown:
                tiles[frame.index] = small.picture(frame)
            yield from repeat(drawer.canvas(frame), times_shown[frame.index])

    write_video(film, pictures(), rate, options={"crf": "23", "preset": "veryfast"})
    write_bytes(sheet, jpeg(contact_sheet(scene, [tiles[index] for index in shown], shown), quality=88))


def film_frames(times: NDArray[np.float64]) -> tuple[float, NDArray[np.int64]]:
    """Pictures per second and the (pictures,) frames shown, so that the film runs at the video's own pace.

    >>> film_frames(np.arange(4) / 25)
    (25.0, array([0, 1, 2, 3]))
    """
    length = frame_length(times)
    duration = float(times[-1]) + length
    rate = min(MOST_RATE, round(1 / max(length, 1e-3), 3), MOST_FRAMES / duration)
    count = max(1, round(duration * rate))
    moments = np.arange(count) / rate + length / 100  # a stamp rounded up by its time base is still met
    return rate, np.clip(np.searchsorted(times, moments, side="right") - 1, 0, len(times) - 1)


def drawn_size(width: int, height: int, most: int = MOST_WIDTH) -> tuple[int, int]:
    """Even (width, height) in which a video of a size is drawn, at most `most` pixels wide.

    >>> drawn_size(455, 256), drawn_size(1080, 1920), drawn_size(1920, 1080)
    ((640, 360), (404, 720), (1280, 720))
    """
    scale = min(MOST_HEIGHT / height, most / width)
    if scale > 1:
        scale = min(scale, max(1.0, LEAST_WIDTH / width))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def tile_frames(scene: PreviewScene) -> list[int]:
    """Frames of the contact sheet: the middle of every time step (of every clip), else one a second."""
    spans = scene.spans("timesteps") if len(scene.spans("timesteps")) else scene.spans("clips")
    if len(spans):
        middles = spans.mean(axis=1)
    else:
        count = int(np.clip(np.ceil(scene.end), 1, MOST_TILES))
        middles = (np.arange(count) + 0.5) * scene.end / count
    return sorted({shown_at(scene.times, float(time)) for time in middles})


def contact_sheet(scene: PreviewScene, tiles: Sequence[Picture], frames: Sequence[int]) -> Picture:
    """Title and quality values, the pictures in rows, and the bar with a mark for each picture."""
    columns = max(1, min(len(tiles), round(SHEET_WIDTH / tiles[0].shape[1])))
    width = max(columns * tiles[0].shape[1], LEAST_WIDTH)
    padded = [*tiles, *[np.full_like(tiles[0], INK)] * (-len(tiles) % columns)]
    rows = [np.concatenate(padded[k : k + columns], axis=1) for k in range(0, len(padded), columns)]
    grid = np.concatenate([centred(row, width) for row in rows])
    bar = draw_timeline(scene, width).marked(*(float(scene.times[index]) for index in frames))
    lines = [line for text in _title(scene) for line in wrapped(text, width - 16)]
    head = np.full((20 * len(lines) + 8, width, 3), INK, np.uint8)
    for number, text in enumerate(lines):
        write(head, text, (8, 18 + 20 * number), GREY if number else WHITE)
    return np.concatenate([head, grid, bar])


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines that `write` fits into `width` pixels, broken at spaces."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def centred(picture: Picture, width: int) -> Picture:
    """The picture with dark margins left and right, `width` pixels wide."""
    missing = max(0, width - picture.shape[1])
    left = missing // 2
    sides = [np.full((picture.shape[0], part, 3), INK, np.uint8) for part in (left, missing - left)]
    return np.concatenate([sides[0], picture, sides[1]], axis=1)


class _Drawer:
    """Draws the frames of one video at one size, above one bar."""

    def __init__(self, scene: PreviewScene, size: tuple[int, int]) -> None:
        self.scene = scene
        self.size = size
        self.bar: Timeline = draw_timeline(scene, max(self.size[0], LEAST_WIDTH))
        if self.bar.image.shape[0] % 2:  # H.264 wants even sides
            extra = np.full_like(self.bar.image[:1], INK)
            self.bar = replace(self.bar, image=np.concatenate([self.bar.image, extra]))

    def picture(self, frame: Frame) -> Picture:
        """A frame at the drawn size with everything on it, below its line of text."""
        larger = self.size[0] > frame.image.shape[1]
        interpolation = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
        image = np.array(cv2.resize(frame.image, self.size, interpolation=interpolation))
        border = self.scene.border(frame.time)
        if border is not None:
            draw_border(image, border)
        scale = np.array(self.size) / np.array(self.scene.size)
        for body in self.scene.bodies(frame.time):
            draw_body(image, body, scale, self.scene.name(body.agent))
        image = np.concatenate([np.full((HEADER, image.shape[1], 3), INK, np.uint8), image])
        self._caption(image, frame, border.motion if border is not None else "")
        return image

    def canvas(self, frame: Frame) -> Picture:
        """The picture of a frame centred above the bar with the mark of its time."""
        bar = self.bar.marked(frame.time)
        return np.concatenate([centred(self.picture(frame), bar.shape[1]), bar])

    def _caption(self, image: Picture, frame: Frame, motion: str) -> None:
        spans = self.scene.spans("timesteps")
        inside = np.flatnonzero((spans[:, 0] <= frame.time + 1e-6) & (frame.time < spans[:, 1] + 1e-6))
        step = f"step {inside[-1] + 1}/{len(spans)}" if len(inside) else ""
        text = "  ".join(part for part in (f"{frame.time:.2f} s", f"frame {frame.index}", step, motion) if part)
        size = 0.45
        while text_width(text, size) > image.shape[1] - 12 and size > 0.3:
            size -= 0.03
        write(image, text, (6, 16), size=size)


def _fresh(record: Record, planner: Planner) -> dict[str, str]:
    """The key of every fresh output by stage."""
    return {s.stage: s.computation.key for s in planner.plan(record).steps if s.check.state == "fresh"}


def _title(scene: PreviewScene) -> list[str]:
    """Header of a contact sheet: the video, its quality values, a legend of the pictures."""
    width, height = scene.size
    lines = [f"{printable(scene.record.id)}: {width} x {height}, {len(scene.times)} frames, {scene.end:.2f} s"]
    for stage, output in scene.outputs.items():
        figures = ", ".join(f"{name} {value}" for name, value in output.quality.items() if value is not None)
        lines += [f"{stage}: {figures}"] if figures else []
    lines.append(
        "skeletons: left limbs bright, right limbs dark, thin and hollow at low scores; border: arrows are the "
        "picture's shift in .1 s, crosses are masked cells; bar: interpolated detections dark, people not chosen grey, "
        "masked steps underlined, cuts red"
    )
    return [line.encode("ascii", "backslashreplace").decode("ascii") for line in lines]
