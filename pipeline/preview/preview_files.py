"""`extract --preview`: a contact sheet and a film per video, for checking an extraction by eye.

The files are `CACHE/preview/<video id>.jpg` and `.mp4`. They show the agents' skeletons, boxes and names, and the
border cells with their flow. A preview shows the configuration's fresh outputs, and is redrawn when these change.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np

from data.errors import Cancelled, DataError, UsageError, counted, printable
from data.store import Outputs, is_remote, write_bytes, write_text
from data.store.arrays import Floats, Integers
from data.video import Frame, Picture, Record, decode, jpeg, probe, write_video
from data.video.frame_times import frame_length, shown_at
from data.video.video_search import PREVIEW_MARK
from pipeline.cache import PREVIEWS, Cache
from pipeline.cache.failure import Failure
from pipeline.cache.index import stamp
from pipeline.observer import Observer
from pipeline.preview.draw import INK, draw_outputs, draw_text
from pipeline.run import Plan, Previews, run
from pipeline.settings.config import Config

MOST_WIDTH, MOST_HEIGHT = 1280, 720
"""Maximum size of a drawn picture in pixels; larger videos are reduced."""

LEAST_WIDTH = 640
"""Minimum width in pixels; narrower videos are enlarged, so that thin lines and names are visible."""

TILE_WIDTH, SHEET_WIDTH = 640, 1980
"""Maximum width in pixels of a contact sheet's picture, and of a row; a row has at least one picture."""

MOST_TILES = 40
"""Most pictures of a contact sheet without time steps or clips; with these, each has one picture."""

MOST_FRAMES, MOST_RATE = 4500, 30.0
"""Most frames of a film, and maximum frame rate; longer videos get a lower frame rate."""

MOST_NAMED = 20
"""Most videos without a preview that are listed."""


def preview_paths(cache: Cache, video_id: str) -> tuple[Path, Path]:
    """Paths of a video's contact sheet and film."""
    stem = cache.stem(PREVIEWS, video_id)
    return stem.with_name(f"{stem.name}.jpg"), stem.with_name(f"{stem.name}.mp4")


def refuse_remote(records: Sequence[Record], cache: Cache) -> None:
    """Raise UsageError if a video or the cache is on a store, since previews need both on this machine."""
    remote = [record.name for record in records if record.remote]
    if remote or is_remote(cache.root):
        raise UsageError(
            "previews need the videos and the cache on this machine",
            where=remote[0] if remote else cache.place,
            fix="Leave --preview out, or copy the videos and the cache here",
        )


def draw_previews(
    plans: Sequence[Plan], config: Config, cache: Cache, observer: Observer, *, force: bool = False
) -> Previews:
    """Draw the previews of videos with fresh outputs. A failure is reported and skips only that preview.

    After the observer's stop event, finished previews stay. With `force`, all are drawn again.
    """
    written: list[str] = []
    failed: dict[str, Failure] = {}
    stop, folder, ended = observer.stop_event(), cache.root / PREVIEWS, 0
    with observer.progress("previews") as progress:
        undrawn = [plan for plan in plans if force or not _is_drawn(plan, cache)]
        fresh = len(plans) - len(undrawn)
        for result, outputs in run((plan.idle() for plan in undrawn), config.machine, cache, observer, read=None):
            record = result.record
            try:
                if isinstance(outputs, Failure):
                    failed[record.name] = outputs
                else:
                    sheet, film = _draw(record, outputs, cache, stop)
                    written += map(printable, (sheet, film))
                    cache.index.put(PREVIEWS, sheet.absolute(), dict(result.stored), stamp(sheet))
            except Cancelled:
                break
            except Exception as error:  # noqa: BLE001 -- no error of one video stops the others
                failed[record.name] = Failure.of(error, PREVIEWS, record)
            ended += 1
            progress.advance(fresh + ended, len(plans))
    for name, why in list(failed.items())[:MOST_NAMED]:
        observer.note(f"no preview of {name}: {why}")
    observer.note(f"{counted(len(written) // 2, 'preview')} drawn, {fresh} fresh in {printable(folder)}")
    return Previews(tuple(written), fresh, failed)


def _is_drawn(plan: Plan, cache: Cache) -> bool:
    """Whether both files of a preview show the fresh outputs."""
    sheet, film = preview_paths(cache, plan.record.id)
    shown = cache.index.get(PREVIEWS, sheet.absolute(), stamp(sheet)) if film.exists() else None
    return bool(shown) and shown == plan.stored()


def _draw(record: Record, outputs: Outputs, cache: Cache, stop: threading.Event) -> tuple[Path, Path]:
    """Draw the preview of a video and return its files.

    Raises DataError without a video, and as `draw_preview`.
    """
    if record.video is None:
        what, fix = (
            "the data set lists this performance without a video",
            "Add the video, or leave this performance out",
        )
        raise DataError(what, where=record.id, fix=fix)
    mark = cache.root / PREVIEWS / PREVIEW_MARK
    if not mark.exists():  # so that films of a cache among the videos are not inputs
        write_text(mark, "`extract --preview` drew these films; they are not inputs\n")
    sheet, film = preview_paths(cache, record.id)
    draw_preview(record, outputs, sheet, film, stop=stop)
    return sheet, film


def draw_preview(
    record: Record, outputs: Outputs, sheet: Path, film: Path, stop: threading.Event | None = None
) -> None:
    """Write the contact sheet and the film of a video from one decode. The pictures of the sheet are held in memory.

    Raises VideoError if decoding fails, Cancelled after `stop`. No partial file remains.
    """
    path = record.video
    assert path is not None
    info, times = probe(path)
    rate, order = film_frames(times)
    times_shown, in_sheet = Counter(order.tolist()), set(sheet_frames(times, outputs))
    tiles: list[Picture] = []

    def drawn(frame: Frame, most: int) -> Picture:
        size = drawn_size(info.width, info.height, most)
        how = cv2.INTER_CUBIC if size[0] > info.width else cv2.INTER_AREA
        image = np.array(cv2.resize(frame.image, size, interpolation=how))
        draw_outputs(image, outputs, frame.time, np.array(size) / (info.width, info.height))
        draw_text(image, f"{frame.time:.2f} s, frame {frame.index}", (6, 16))
        return image

    def pictures() -> Iterator[Picture]:
        for frame in decode(path, sorted({*times_shown, *in_sheet})):
            if stop is not None and stop.is_set():
                raise Cancelled
            if frame.index in in_sheet:
                tiles.append(drawn(frame, TILE_WIDTH))
            if shown := times_shown[frame.index]:
                yield from repeat(drawn(frame, MOST_WIDTH), shown)

    write_video(film, pictures(), rate, options={"crf": "23", "preset": "veryfast"})
    write_bytes(sheet, jpeg(contact_sheet(tiles), quality=88))


def film_frames(times: Floats) -> tuple[float, Integers]:
    """Frame rate of the film, and the (pictures,) frames that it shows at the video's pace.

    >>> film_frames(np.arange(4) / 25)
    (25.0, array([0, 1, 2, 3]))
    """
    length = frame_length(times)
    duration = float(times[-1]) + length
    rate = min(MOST_RATE, round(1 / max(length, 1e-3), 3), MOST_FRAMES / duration)
    count = max(1, round(duration * rate))
    moments = np.arange(count) / rate + length / 100  # later than stamps rounded up by their time base
    return rate, np.clip(np.searchsorted(times, moments, side="right") - 1, 0, len(times) - 1)


def drawn_size(width: int, height: int, most: int = MOST_WIDTH) -> tuple[int, int]:
    """Even (width, height) in pixels in which a video is drawn, at most `most` wide.

    >>> drawn_size(455, 256), drawn_size(1080, 1920), drawn_size(1920, 1080)
    ((640, 360), (404, 720), (1280, 720))
    """
    scale = min(MOST_HEIGHT / height, most / width)
    if scale > 1:
        scale = min(scale, max(1.0, LEAST_WIDTH / width))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def sheet_frames(times: Floats, outputs: Outputs) -> list[int]:
    """Frames of the contact sheet: the middle of every time step, or else of every clip, or else one a second."""
    spans = [outputs[name].arrays["bounds"].values for name in ("timesteps", "clips") if name in outputs]
    if spans and len(spans[0]):
        middles = spans[0].mean(axis=1)
    else:
        end = float(times[-1]) + frame_length(times)
        count = int(np.clip(np.ceil(end), 1, MOST_TILES))
        middles = (np.arange(count) + 0.5) * end / count
    return sorted({shown_at(times, float(time)) for time in middles})


def contact_sheet(tiles: Sequence[Picture]) -> Picture:
    """The pictures in rows, `SHEET_WIDTH` pixels wide or less."""
    columns = max(1, min(len(tiles), SHEET_WIDTH // tiles[0].shape[1]))
    padded = [*tiles, *[np.full_like(tiles[0], INK)] * (-len(tiles) % columns)]
    return np.concatenate([np.concatenate(padded[k : k + columns], axis=1) for k in range(0, len(padded), columns)])
