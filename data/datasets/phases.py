"""Reads phases, the parts of a performance by name, from the files in which people mark them.

    video,phase,start_s,end_s
    dives/01.mp4,take-off,0.4,0.9        without end_s, a phase lasts until the next one begins, or the video ends

Other files, recognised by their content: tabular and aggregated events of BORIS (CSV or TSV; a point begins a phase),
ELAN (.eaf), projects of VIA 3 (.json), exports of Label Studio (.json, `timelinelabels` in frames or `labels` in
seconds), and transcriptions of JIGSAWS (.txt, frames at 30 Hz). A folder may hold one file for each video.

Seconds are those that a player shows. Each phase occurs once, and one begins where another ends. A video whose marks
break this has no phases, and a line says why; the others keep theirs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np

from data.datasets.jigsaws import RATE_HZ
from data.datasets.tables import Row, at_line, clip, read_bytes, read_table, read_text
from data.errors import DataError, UsageError, VideoError, nearest, printable
from data.store import parse_json
from data.video import VIDEO_SUFFIXES, Listing, Phase, Record, probe
from data.video.records import files_in

BESIDE = "phases.csv"
"""Name of the table that is read where none is named."""

TOUCH_S = 0.1
"""Neighbouring phases whose ends are no further apart meet where the later one begins."""

COLUMNS = ("video", "phase", "start_s", "end_s")
MEDIA = ("media file name", "media file path", "media file", "observation id")
BORIS = ("behavior", "behavior type", "status", "time", "start (s)", "stop (s)", *MEDIA)
SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".eaf", ".json")

_TRANSCRIBED = re.compile(r"(\d{1,7}) (\d{1,7}) (\S+)", re.ASCII)
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")


@dataclass(frozen=True)
class Mark:
    """One phase of one video as a file states it."""

    where: str  # the file, and in it the line or the rater
    video: str  # name or path, perhaps of another machine
    name: str
    start: float  # s
    end: float  # s; infinite where the next phase ends it
    frames: bool = False  # start and end count frames from 0 in place of seconds


def with_phases(listing: Listing, place: Path | None, beside: Path | None = None) -> Listing:
    """The listing with the phases of its performances, and a line about each that cannot be used.

    Args:
        place: a file or a folder of files; None: `BESIDE` in the folder `beside`, or beside that video, if it exists.

    Raises UsageError: no such file or folder.
    """
    several = place is not None or (beside is not None and beside.is_dir())
    if place is None:
        folder = beside if beside is None or beside.is_dir() else beside.parent
        if folder is None or not (folder / BESIDE).is_file():
            return listing
        place = folder / BESIDE
    if not place.exists():
        raise UsageError("no such file or folder of phases", where=place, fix="Check dataset.phases")
    marks, problems = list[Mark](), list[str]()
    for path in [p for p in files_in(place) if p.suffix.lower() in SUFFIXES] if place.is_dir() else [place]:
        try:
            marks += read_marks(path)
        except DataError as error:
            problems.append(str(error))
    if not marks and not problems:
        problems.append(f"{printable(place)}: marks no phase")
    marked = _by_record(marks, listing.records, problems if several else [])
    records = tuple(_marked(record, marked.get(record.id, {}), problems) for record in listing.records)
    return replace(listing, records=records, problems=(*listing.problems, *problems))


def _by_record(
    marks: Iterable[Mark], records: Sequence[Record], problems: list[str]
) -> dict[str, dict[str, list[Mark]]]:
    """Marks by the record's id and by the file; a line for each name that fits no video or several."""
    fitting: dict[str, set[str]] = {}
    for record in records:
        for name in {record.id, PurePosixPath(record.id).name, record.groups.get("trial", record.id)}:
            fitting.setdefault(_loose(name), set()).add(record.id)
    views = {record.id: record.groups.get("trial", record.id) for record in records}
    found: dict[str, dict[str, list[Mark]]] = {}
    for mark in marks:
        path = mark.video.replace("\\", "/")
        ids = fitting.get(_loose(path)) or fitting.get(_loose(PurePosixPath(path).name), set())
        if len({views[one] for one in ids}) != 1:
            why = "fits several videos" if ids else f"is no video here ({clip(nearest(path, fitting), 120)})"
            line = f"{mark.where.partition(':')[0]}: '{clip(path, 200)}' {why}"
            problems += [line] if line not in problems else []
            continue
        for one in ids:
            found.setdefault(one, {}).setdefault(mark.where.partition(":")[0], []).append(mark)
    return found


def _loose(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("") if path.suffix.lower() in VIDEO_SUFFIXES else path).casefold()


def _marked(record: Record, files: Mapping[str, list[Mark]], problems: list[str]) -> Record:
    """The record with its phases; without any where files disagree or marks cannot be phases, with a line."""
    try:
        read = {file: phases_of(_in_seconds(record, marks)) for file, marks in files.items()}
        if len({*read.values()}) > 1:
            raise ValueError(f"{' and '.join(sorted(read))} mark other phases; keep one")
    except (ValueError, VideoError) as error:
        problems.append(f"{record.name}: its phases are not used: {error}")
        return replace(record, phases=())
    return replace(record, phases=next(iter(read.values()), record.phases))


def _in_seconds(record: Record, marks: Sequence[Mark]) -> list[Phase]:
    """Marks in seconds of life: frames by their times, and a player's seconds by the frames that it shows."""
    places = np.array([[mark.start, mark.end] for mark in marks])
    if record.video is not None and (marks[0].frames or (record.rate and record.path is not None)):
        life = probe(record.video)[1]
        shown = np.arange(len(life), dtype=np.float64) if marks[0].frames else probe(Path(record.path or ""))[1]
        places = np.where(np.isfinite(places), _line(places, shown, life), places)
    elif marks[0].frames:
        raise ValueError("they count frames, and there is no video here to time them")
    return [Phase(mark.name, *ends) for mark, ends in zip(marks, places.tolist(), strict=True)]


def _line(places: np.ndarray, shown: np.ndarray, life: np.ndarray) -> np.ndarray:
    """Places on the clock `shown` as places on the clock `life`; after the last frame by the mean rate."""
    if len(shown) < 2:
        return places
    slope = (life[-1] - life[0]) / (shown[-1] - shown[0])
    return np.asarray(np.interp(places, shown, life) + slope * np.fmax(places - shown[-1], 0.0))


def phases_of(marks: Sequence[Phase]) -> tuple[Phase, ...]:
    """The phases in the order of time, each ending where the next begins. Raises ValueError, which says what is wrong.

    >>> phases_of([Phase("entry", 2.0, math.inf), Phase("flight", 1.0, 1.95)])
    (Phase(name='flight', start=1.0, end=2.0), Phase(name='entry', start=2.0, end=inf))
    """
    ordered = sorted(marks, key=lambda phase: phase.start)
    names = [phase.name for phase in ordered]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(f"'{clip(twice[0])}' occurs {names.count(twice[0])} times; each phase occurs once")
    made = list[Phase]()
    for phase, following in pairwise([*ordered, None]):
        assert phase is not None
        end = phase.end
        if following is not None:
            apart = following.start - end
            if apart > TOUCH_S or (-math.inf < apart < -TOUCH_S):
                fault = f"leave a gap of {apart:.2f} s" if apart > 0 else f"overlap by {-apart:.2f} s"
                raise ValueError(f"'{clip(phase.name)}' and '{clip(following.name)}' {fault}")
            end = following.start
        if not 0 <= phase.start < end:
            raise ValueError(f"'{clip(phase.name)}' has no time: {phase.start:.2f} s to {end:.2f} s")
        made.append(replace(phase, end=end))
    return tuple(made)


def read_marks(path: Path) -> list[Mark]:
    """The marks of one file. Raises DataError: it cannot be read, or has none of the known forms."""
    content, suffix = read_bytes(path), path.suffix.lower()
    try:
        if suffix == ".eaf":
            return list(_elan(path, content))
        if suffix == ".json":
            given = parse_json(read_text(path, content))
            return list(_label_studio(path, given) if isinstance(given, list) else _via(path, given))
        if suffix == ".txt" and (rows := list(_transcription(path, content))):
            return rows
    except (LookupError, TypeError, AttributeError, ValueError, ElementTree.ParseError) as error:
        fix = "Expected: ELAN, a project of VIA 3, an export of Label Studio (JSON), or a table"
        raise DataError(f"no file of phases ({clip(str(error))})", where=path, fix=fix) from error
    if b"behavior" in content[: 1 << 14].lower():
        return list(_boris(path, content))
    return [
        Mark(row.where, row.text("video"), row.text("phase"), _needed(row, "start_s"), _end(row.number("end_s")))
        for row in read_table(path, content, COLUMNS, {})[0]
    ]


def _end(given: float | None) -> float:
    return math.inf if given is None else given


def _needed(row: Row, column: str) -> float:
    value = row.number(column)
    if value is None:
        raise DataError(f"no number in the column '{column}'", where=row.where, fix="Fill it in, or remove the row")
    return value


def _boris(path: Path, content: bytes) -> Iterator[Mark]:
    """Events of BORIS: aggregated ones have their ends, tabular ones are paired here; lines above the header go."""
    lines = read_text(path, content).split("\n")
    titles = [
        number for number, line in enumerate(lines) if re.search("behavior.*(time|start)|time.*behavior", line.lower())
    ]
    header = titles[0] if titles else 0
    open_since: dict[tuple[str, str], float] = {}
    for row in read_table(path, "\n".join(lines[header:]).encode(), BORIS, {})[0]:
        video = next(filter(None, map(row.text, MEDIA)), path.stem)
        name, kind = row.text("behavior"), (row.text("behavior type") or row.text("status")).upper()
        where = at_line(path, header + int(row.where.rpartition(":")[2]))
        if row.text("start (s)"):
            yield Mark(
                where, video, name, _needed(row, "start (s)"), _end(None if kind == "POINT" else row.number("stop (s)"))
            )
        elif kind == "STOP":
            if (video, name) not in open_since:
                raise DataError(f"'{clip(name)}' stops before it starts", where=where, fix="Correct it in BORIS")
            yield Mark(where, video, name, open_since.pop((video, name)), _needed(row, "time"))
        elif kind == "START":
            open_since[video, name] = _needed(row, "time")
        else:
            yield Mark(where, video, name, _needed(row, "time"), math.inf)
    for (video, name), start in open_since.items():
        yield Mark(printable(path), video, name, start, math.inf)


def _elan(path: Path, content: bytes) -> Iterator[Mark]:
    """Aligned annotations of ELAN: those of the tiers whose names hold "phase", or else of all tiers."""
    if b"<!DOCTYPE" in content:
        raise ValueError("a document type")
    root = ElementTree.fromstring(content)  # noqa: S314 -- entities need a document type
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    url = "" if media is None else unquote(media.get("MEDIA_URL") or media.get("RELATIVE_MEDIA_URL") or "")
    origin = 0 if media is None else int(media.get("TIME_ORIGIN") or 0)
    slots = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    tiers = list(root.iter("TIER"))
    for tier in [one for one in tiers if "phase" in (one.get("TIER_ID") or "").lower()] or tiers:
        for one in tier.iter("ALIGNABLE_ANNOTATION"):
            start, end = ((int(slots[one.get(f"TIME_SLOT_REF{n}")] or "") + origin) / 1000 for n in (1, 2))
            name = (one.findtext("ANNOTATION_VALUE") or "").strip()
            yield Mark(printable(path), url or path.stem, name, start, end)


def _via(path: Path, project: Any) -> Iterator[Mark]:
    """Temporal segments of a project of VIA 3; a name may be the key of an option."""
    for one in project["metadata"].values():
        if not one["z"]:
            continue
        (attribute, value), *_ = one["av"].items()
        name = project["attribute"].get(attribute, {}).get("options", {}).get(value, value)
        file = project["file"][str(project["view"][one["vid"]]["fid_list"][0])]["fname"]
        start, end = (*map(float, one["z"]), math.inf)[:2]
        yield Mark(printable(path), file, str(name), start, end)


def _label_studio(path: Path, tasks: list[Any]) -> Iterator[Mark]:
    """Labels of an export of Label Studio; frames of `timelinelabels` count from 1, the last one included."""
    for task in tasks:
        names = [text for text in task["data"].values() if isinstance(text, str)]
        video = next((t for t in names if PurePosixPath(t).suffix.lower() in VIDEO_SUFFIXES), names[0] if names else "")
        video = _UPLOADED.sub("", PurePosixPath(unquote(video)).name)
        for rater, annotation in enumerate(task["annotations"]):
            where = f"{printable(path)}, annotation {rater + 1}" if rater else printable(path)
            for value in (result["value"] for result in annotation["result"]):
                for name in value.get("timelinelabels", ()):
                    for part in value["ranges"]:
                        yield Mark(where, video, str(name), float(part["start"]) - 1, float(part["end"]), True)
                for name in value.get("labels", ()):
                    yield Mark(where, video, str(name), float(value["start"]), float(value["end"]))


def _transcription(path: Path, content: bytes) -> Iterator[Mark]:
    """Lines of JIGSAWS such as `80 334 G1`, first and last frame from 1; nothing where a line has another form."""
    lines = [line.strip() for line in read_text(path, content).split("\n") if line.strip()]
    rows = [_TRANSCRIBED.fullmatch(line) for line in lines]
    for row in rows if all(rows) else ():
        assert row is not None
        yield Mark(printable(path), path.stem, row[3], (int(row[1]) - 1) / RATE_HZ, int(row[2]) / RATE_HZ)
