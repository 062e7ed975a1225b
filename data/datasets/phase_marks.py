"""Reads phases, the named parts of a performance, from files of annotation tools.

    video,phase,start_s,end_s
    dives/01.mp4,take-off,0.4,0.9        without end_s, a phase lasts until the next phase or the end of the video

Also tabular and aggregated events of BORIS (a point begins a phase), ELAN (.eaf), projects of VIA 3 and exports of
Label Studio (.json), and transcriptions of JIGSAWS (.txt, frames at 30 Hz). A folder may hold a file for each video.

Seconds are those that a player shows. Repeated names are numbered (`G2 1`, `G2 2`). Each phase begins where the
previous one ends. If the marks of a video break this rule, or were made in a file of another length or frame rate, the
video has no phases, and a line says why. Between events of BORIS a gap is a phase `pause`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np

from data.datasets.folder import BESIDE, VideoNames
from data.datasets.jigsaws_kinematics import RATE_HZ
from data.datasets.tables import MAX_BYTES, clip, read_bytes, read_table, read_text, without_mark
from data.errors import DataError, UsageError, VideoError, printable
from data.store import RemoteFolder, Storage, address, is_remote, parse_json
from data.store.arrays import Floats
from data.store.files import files_in
from data.video import VIDEO_SUFFIXES, Listing, Phase, Record, probe
from data.video.frame_times import frame_length

TOUCH_S = 0.1
"""Phases that overlap or leave a gap of at most this are joined at the start of the later one."""

COLUMNS = ("video", "phase", "start_s", "end_s")
BORIS = {"behavior": "phase", "behavior type": "kind", "status": "kind", "time": "start_s", "start (s)": "start_s",
         "stop (s)": "end_s", "time offset (s)": "offset_s", "media duration (s)": "length_s",
         "total length": "length_s", "fps (frame/s)": "fps",
         **dict.fromkeys(("media file name", "media file path", "media file"), "video")}  # fmt: skip
"""Columns of tables by their names in events of BORIS."""

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".eaf", ".json")

_TRANSCRIBED = re.compile(r"(\d{1,7}) (\d{1,7}) (\S+)", re.ASCII)
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")


class Mark(NamedTuple):
    """One phase of one video, as in the file."""

    video: str  # name or path, perhaps on another machine
    name: str
    start: float  # s
    end: float = math.inf  # s; infinite if the next phase ends it
    frames: bool = False  # start and end are frame indices from 0, not seconds
    length: float | None = None  # s, of the annotated file, if the tool states it
    rate: float | None = None  # frames per second of that file


def with_phases(
    listing: Listing, phase_path: Path | None, beside: Path | None = None, storage: Storage | None = None
) -> Listing:
    """The listing with the phases of its performances, and a line for each unusable file or mark.

    Args:
        phase_path: a file, a folder of files, or a folder with JIGSAWS transcriptions below it; None: `BESIDE` in
            the folder `beside`, or beside that video, if it exists. Both may be addresses.
        storage: how to reach a store.

    Raises UsageError: no such file or folder; StorageError: the store does not answer or refuses.
    """
    problems, found, reach = list[str](), dict[str, dict[str, list[Mark]]](), storage or Storage()
    one_video = beside is not None and beside.suffix.lower() in VIDEO_SUFFIXES
    folder = beside.parent if beside and one_video else beside
    if not (tables := _tables(listing, phase_path, folder, reach)):
        return listing  # saves a copy of up to a million records
    names = VideoNames(listing.records)
    for path in tables:
        source, marked = printable(address(path)), dict[str, list[Mark]]()
        try:
            content = RemoteFolder(path, reach).read("", MAX_BYTES) if is_remote(path) else read_bytes(path)
            for mark in _read(path, content):
                marked.setdefault(mark.video.replace("\\", "/"), []).append(mark)
        except DataError as error:
            problems.append(str(error))
        for video, marks in marked.items():
            if ids := names.views(video):
                for video_id in ids:
                    found.setdefault(video_id, {}).setdefault(source, []).extend(marks)
            elif phase_path is not None or not one_video:  # else the table names its neighbours
                fault = "fits several videos" if names.find(video) else f"is not a video here{names.suggestion(video)}"
                problems.append(f"{source}: '{clip(video, 200)}' {fault}")
    records = tuple(_marked(record, found.get(record.id, {})) for record in listing.records)
    problems += [f"{record.name}: {record.phase_fault}" for record in records if record.phase_fault]
    return replace(listing, records=records, problems=(*listing.problems, *problems))


def _tables(listing: Listing, named: Path | None, folder: Path | None, storage: Storage) -> list[Path]:
    """Paths and addresses of the files of phases, as `with_phases` says."""
    phase_path = named or (folder and folder / BESIDE)
    if phase_path is None:
        return []
    if is_remote(phase_path):
        paths = [Path(phase_path, name) for name in RemoteFolder(phase_path, storage).files() if "/" not in name]
    elif phase_path.is_dir():
        told = {path.resolve() for record in listing.records if (path := record.sidecars.get("transcription"))}
        paths = sorted(path for path in told if phase_path.resolve() in path.parents) or files_in(phase_path)
    else:
        paths = [phase_path] if phase_path.exists() else []
    if named is not None and not paths and not phase_path.is_dir():
        raise UsageError("no such file or folder of phases", where=address(phase_path), fix="Check dataset.phases")
    return [path for path in paths if path == phase_path or path.suffix.lower() in SUFFIXES]


def _marked(record: Record, sources: dict[str, list[Mark]]) -> Record:
    """The record with its phases, or with a fault if files disagree or marks cannot be phases."""
    try:
        read = {source: phases_of(_in_seconds(record, marks)) for source, marks in sources.items()}
        if len({*read.values()}) > 1:
            raise ValueError(f"{' and '.join(sorted(read))} mark other phases; keep one")
    except (ValueError, VideoError) as error:
        return replace(record, phases=(), phase_fault=f"its phases are not used: {error}")
    return replace(record, phases=next(iter(read.values()), record.phases))


def _in_seconds(record: Record, marks: Sequence[Mark]) -> list[Phase]:
    """Marks in real time (s): frame indices and a player's seconds are converted through the times of frames."""
    places, first = np.array([[mark.start, mark.end] for mark in marks]), marks[0]
    if record.video is not None and (first.frames or record.rate or first.length or first.rate):
        life = probe(record.video)[1]
        player = probe(Path(record.path or ""))[1] if record.rate and record.frames is None else life
        _require_equal_clock(first, player)
        shown = np.arange(len(life), dtype=np.float64) if first.frames else player
        rate = max(life[-1] - life[0], 1e-9) / max(shown[-1] - shown[0], 1e-9)  # beyond the first and last frame
        places = np.interp(places, shown, life) + rate * (places - places.clip(shown[0], shown[-1]))
    elif first.frames:
        raise ValueError("they count frames, and there is no video here to time them")
    return [Phase(mark.name, *ends) for mark, ends in zip(marks, places.tolist(), strict=True)]


def _require_equal_clock(mark: Mark, times: Floats) -> None:
    """Raise ValueError if the tool's stated length or frame rate contradicts the `times` of the frames."""
    length = times[-1] + frame_length(times)
    rate = len(times) / length
    if mark.length is not None and abs(mark.length - length) > max(3 * TOUCH_S, 0.02 * length):
        raise ValueError(f"they were marked in a video of {mark.length:.2f} s, and this one has {length:.2f} s")
    if mark.rate is not None and (mark.frames or mark.length is None) and abs(mark.rate - rate) > 0.02 * rate:
        raise ValueError(f"they were marked at {mark.rate:.6g} frames per second, and this video has {rate:.6g}")


def phases_of(marks: Sequence[Phase]) -> tuple[Phase, ...]:
    """The phases in temporal order, each ending where the next begins. Raises ValueError, which names the fault.

    Repeated names are numbered: `G2 1`, `G2 2`.

    >>> phases_of([Phase("entry", 2.0, math.inf), Phase("flight", 1.0, 1.95)])
    (Phase(name='flight', start=1.0, end=2.0), Phase(name='entry', start=2.0, end=inf))
    """
    ordered = sorted(marks, key=lambda phase: phase.start)
    counts, numbers = Counter(phase.name for phase in ordered), Counter[str]()
    for at, phase in enumerate(ordered):
        if counts[phase.name] > 1:
            numbers[phase.name] += 1
            ordered[at] = replace(phase, name=f"{phase.name} {numbers[phase.name]}")
    for at, (phase, following) in enumerate(pairwise(ordered)):
        apart = following.start - phase.end
        if apart > TOUCH_S or -math.inf < apart < -TOUCH_S:
            fault = f"leave a gap of {apart:.2f} s" if apart > 0 else f"overlap by {-apart:.2f} s"
            raise ValueError(f"'{clip(phase.name)}' and '{clip(following.name)}' {fault}")
        ordered[at] = replace(phase, end=following.start)
    if empty := next((phase for phase in ordered if not 0 <= phase.start < phase.end), None):
        raise ValueError(f"'{clip(empty.name)}' has no time: {empty.start:.2f} s to {empty.end:.2f} s")
    return tuple(ordered)


def phases_of_text(text: str) -> tuple[Phase, ...]:
    """The phases of a JSON text. Raises ValueError: not JSON, no phase, or a phase not ending where the next begins."""
    try:
        phases = tuple(
            Phase(str(phase["name"]), float(phase["start"]), float(phase["end"])) for phase in parse_json(text)
        )
    except (LookupError, TypeError, OverflowError) as error:
        raise ValueError("no phases") from error
    if not phases or phases_of(phases) != phases or not math.isfinite(phases[-1].end):
        raise ValueError("each phase begins where another ends")
    return phases


def _read(path: Path, content: bytes) -> list[Mark]:
    """The marks of one file. Raises DataError: an unknown format."""
    readers = {".eaf": _elan, ".json": _project, ".txt": _transcription}
    try:
        return list(readers.get(path.suffix.lower(), _events)(path, content))
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError, ElementTree.ParseError) as error:
        fix = "Expected: ELAN, a project of VIA 3, an export of Label Studio (JSON), or a table"
        raise DataError(f"no file of phases ({clip(str(error))})", where=path, fix=fix) from error


def _events(path: Path, content: bytes) -> Iterator[Mark]:
    """The rows of a table, also of BORIS below its preamble; START and STOP rows are paired."""
    if of_boris := b"behavior" in content[: 1 << 14].lower():
        lines = read_text(path, content).splitlines(keepends=True)
        header = next((row for row, line in enumerate(lines) if _is_header(line.lower())), 0)
        content = "".join(lines[header:]).encode()
    marks = dict[tuple[str, str], list[Mark]]()
    for raw_row in read_table(path, content, COLUMNS, BORIS)[0]:
        cells = {name: text for name, text in raw_row.cells.items() if text not in ("NA", "Not found")}  # of BORIS
        row = replace(raw_row, cells=cells)
        video = without_mark(row.text("video") or row.text("observation id")) or path.stem
        name, kind, start, end = without_mark(row.text("phase")), row.text("kind"), *map(row.number, COLUMNS[2:])
        offset = row.number("offset_s") or 0.0  # BORIS adds it to the seconds of the player
        if start is None:
            raise DataError("no number in the column 'start_s'", where=row.where, fix="Name it start_s, and fill it in")
        if ";" in row.text("source"):
            raise DataError("several videos in one observation", where=row.where, fix="Observe each video alone")
        same = marks.setdefault((video, name), [])
        if kind.upper() != "STOP":
            end = math.inf if kind.upper() == "POINT" or end is None else end
            clock = (row.number(column) or None for column in ("length_s", "fps"))
            same.append(Mark(video, name, start - offset, end - offset, False, *clock))
        elif same and same[-1].end == math.inf:
            same[-1] = same[-1]._replace(end=start - offset)
        else:
            raise DataError(f"'{clip(name)}' has a STOP too many", where=row.where, fix="Correct it")
    events = sorted(chain.from_iterable(marks.values()), key=lambda event: (event.video, event.start))
    yield from events
    for event, following in pairwise(events if of_boris else ()):  # its users code only events of interest
        if event.video == following.video and following.start - event.end > TOUCH_S:
            yield event._replace(name="pause", start=event.end, end=following.start)


def _is_header(line: str) -> bool:
    """Whether a line is the header of BORIS events."""
    return "behavior" in line and ("time" in line or "start" in line[line.index("behavior") :])


def _elan(path: Path, content: bytes) -> Iterator[Mark]:
    """Annotations of ELAN in the tiers whose names contain "phase", or else in all tiers.

    Time slots without a value are interpolated linearly within the tier, as in ELAN.
    """
    if b"<!DOCTYPE" in content:
        raise ValueError("a document type")
    root = ElementTree.fromstring(content)  # noqa: S314 -- entities need a document type
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    about = {} if media is None else media.attrib
    video = unquote(about.get("MEDIA_URL") or about.get("RELATIVE_MEDIA_URL") or path.stem)
    slots = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    tiers = list(root.iter("TIER"))
    for tier in [tier for tier in tiers if "phase" in (tier.get("TIER_ID") or "").lower()] or tiers:
        annotations = [*tier.iter("ALIGNABLE_ANNOTATION")]
        ends = [[annotation.get(f"TIME_SLOT_REF{n}") for n in (1, 2)] for annotation in annotations]
        order = {slot: number for number, slot in enumerate(dict.fromkeys(chain.from_iterable(ends)))}
        known = {number: int(value) for slot, number in order.items() if (value := slots[slot]) is not None}
        for annotation, pair in zip(annotations, ends, strict=True):
            places = np.interp([order[slot] for slot in pair], [*known], [*known.values()])
            start, end = ((time_ms + int(about.get("TIME_ORIGIN", 0))) / 1000 for time_ms in places.tolist())
            yield Mark(video, (annotation.findtext("ANNOTATION_VALUE") or "").strip(), start, end)


def _project(path: Path, content: bytes) -> Iterator[Mark]:
    project = parse_json(read_text(path, content))
    return _label_studio(project) if isinstance(project, list) else _via(project)


def _via(project: Any) -> Iterator[Mark]:
    """Temporal segments of a project of VIA 3, without regions of frames; a name may be the key of an option."""
    for mark in (mark for mark in project["metadata"].values() if mark["z"] and mark["av"] and not mark["xy"]):
        (attribute, value), *_ = mark["av"].items()
        name = project["attribute"].get(attribute, {}).get("options", {}).get(value, value)
        start, end = (*map(float, mark["z"]), math.inf)[:2]
        file = project["file"][str(project["view"][mark["vid"]]["fid_list"][0])]["fname"]
        yield Mark(str(file), str(name), start, end)


def _label_studio(tasks: list[Any]) -> Iterator[Mark]:
    """Labels of an export of Label Studio; frames of `timelinelabels` count from 1, with the last one included."""
    for task in tasks:
        names = [PurePosixPath(unquote(text)) for text in task["data"].values() if isinstance(text, str)]
        video = next((name for name in names if name.suffix.lower() in VIDEO_SUFFIXES), None) or names[0]
        file, results = (
            _UPLOADED.sub("", video.name),
            [result for made in task["annotations"] for result in made["result"]],
        )
        parts = [part for result in results for part in (result, result["value"])]
        said = {key: value for part in parts for key, value in part.items() if value}
        length = float(said.get("original_length") or said.get("duration") or 0.0) or None
        rate = float(said["framesCount"]) / length if "framesCount" in said and length else None
        for value in (result["value"] for result in results):
            for name in value.get("timelinelabels", ()):
                spans = ((float(part["start"]) - 1, float(part["end"])) for part in value["ranges"])
                yield from (Mark(file, str(name), *span, True, length, rate) for span in spans)
            for name in value.get("labels", ()):
                if "start" in value:  # else a box, which states the length
                    yield Mark(file, str(name), float(value["start"]), float(value["end"]), False, length, rate)


def _transcription(path: Path, content: bytes) -> Iterator[Mark]:
    """Lines of JIGSAWS such as `80 334 G1`, first and last frame from 1; any other line makes it a table."""
    rows = [_TRANSCRIBED.fullmatch(line.strip()) for line in read_text(path, content).split("\n") if line.strip()]
    if not rows or not all(rows):
        return _events(path, content)
    return (Mark(path.stem, row[3], (int(row[1]) - 1) / RATE_HZ, int(row[2]) / RATE_HZ) for row in rows if row)
