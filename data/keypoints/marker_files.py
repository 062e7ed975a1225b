"""Reads markers over time: TRC of OpenSim, Pose2Sim and Sports2D, TSV of Qualisys, and C3D of motion capture.

The files name their unit, so three-dimensional coordinates are converted to metres. If z is 0 everywhere, the motion
is two-dimensional, with y pointing down as in a picture. Sports2D's `_px_` files are in pixels of the video, even if
their header says otherwise.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from data.errors import of_extra, printable
from data.keypoints.entries import MAX_BYTES, METRES, Field, Keypoints, frame_numbers, keypoint_error, readable, text_of
from data.store import read_regular
from data.store.arrays import Floats


def of_trc(path: Path) -> Keypoints:
    """The bodies in a TRC file. Raises DataError: another format, or a line too short or long for the header."""
    lines = _lines(path)
    if len(lines) < 5 or not lines[0][1][0].startswith("PathFileType"):  # OpenCap adds blanks
        raise keypoint_error(path, "is not a TRC file: it has no PathFileType and five lines of header")
    values = dict(zip(lines[1][1], lines[2][1], strict=False))
    names = [name.strip() for name in lines[3][1][2::3] if name.strip()]
    table = _table(path, lines[5:], names, 2)
    if not len(table) or not np.isfinite(table[:, :2]).all():
        raise keypoint_error(path, "has no frames, or a frame without number and time")
    rate = Field(values.get("DataRate", ""), path, "DataRate").cell()
    first = round(table[0, 1] * rate) if np.isfinite(rate) else 0
    unit = "px" if "_px_" in path.stem else values.get("Units", "")
    frames = [first + round(number) for number in table[:, 0] - table[0, 0]]
    return _of_markers(path, "TRC", unit, names, table[:, 2:], frames, table[:, 1])


def of_qualisys(path: Path) -> Keypoints:
    """The bodies in a TSV file of 3-D markers in mm, as Qualisys Track Manager exports it.

    Rows may begin with frame and time. Raises DataError: another format, or other rows than in the header.
    """
    lines = _lines(path)
    head = {cells[0]: cells[1:] for _, cells in lines}
    names = [name.strip() for name in head.get("MARKER_NAMES", ()) if name.strip()]
    count, rate = (Field((head.get(key) or [""])[0], path, key).cell() for key in ("NO_OF_FRAMES", "FREQUENCY"))
    rows = [line for line in lines if re.fullmatch(r"-?[0-9.]+", line[1][0])]
    if not names or not rate > 0 or len(rows) != count or not rows:
        raise keypoint_error(path, f"{len(rows)} rows of {count:g} frames and {len(names)} MARKER_NAMES at {rate:g} Hz")
    before, frames = 2 if "Frame" in head else 0, range(len(rows))
    places = _table(path, rows, names, before)[:, before:]
    return _of_markers(path, "Qualisys", "mm", names, places, frames, np.array(frames) / rate)


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Number and cells of each line that is not empty."""
    text = text_of(path, "text").split("\n")
    return [(number, line.rstrip("\r").split("\t")) for number, line in enumerate(text, 1) if line.strip()]


def _table(path: Path, lines: Sequence[tuple[int, list[str]]], names: Sequence[str], before: int) -> Floats:
    """(line, before + 3 * marker) numbers, NaN for an empty cell. Raises DataError: a line of another length."""
    width, rows = before + 3 * len(names), list[list[float]]()
    for number, cells in lines:
        field = Field(cells, path, f"line {number}")
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            raise field.error(f"{len(cells)} cells, not {width} for {len(names)} markers")
        rows.append([Field(cell, path, field.where).cell() for cell in cells[:width]])
    return np.array(rows).reshape(-1, width)


def of_c3d(path: Path) -> Keypoints:
    """The bodies of a C3D file. Raises UsageError: the extra is missing; DataError: damaged."""
    with of_extra("c3d", "C3D", where=path):
        import c3d

    class Points(c3d.Reader):
        """Ignores analog channels, and headers that contradict the parameters."""

        def _check_metadata(self) -> None:
            pass

        def get_analog_transform(self) -> tuple[int, int]:
            return 1, 0

    content = io.BytesIO(read_regular(path, MAX_BYTES))
    with readable(path, "C3D file"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = Points(content)
            first, rate = max(int(reader.first_frame), 1), float(reader.point_rate)  # some count from 0
            expected = reader.last_frame - first + 1
            rows = [points[:, :4] for _, points, _ in islice(reader.read_frames(), expected)]
            names = [str(label).strip() for label in reader.point_labels]
        unit = (reader.get("POINT").get_string("UNITS") if "UNITS" in reader.get("POINT") else "").strip()
    if not rows or len(rows) != expected or rows[0].shape[0] != len(names) or not rate > 0:
        raise keypoint_error(
            path, f"has {len(rows)} frames of {expected}, {len(names)} names of markers, rate {rate:g}"
        )
    points = np.stack(rows).astype(np.float64)
    points[points[..., 3] < 0, :3] = np.nan
    numbers = range(first - 1, first - 1 + len(points))
    return _of_markers(path, "C3D", unit, names, points[..., :3], numbers, np.arange(len(points)) / rate)


def _of_markers(
    path: Path, layout: str, unit: str, names: Sequence[str], places: Floats, frames: Sequence[int], times: Floats
) -> Keypoints:
    """The bodies in (frame, marker, 3) positions. A marker at 0, 0, 0 is missing; `Anna:LKnee` is a marker of Anna."""
    places = places.reshape(len(frames), len(names), 3)
    places = np.where((places == 0).all(axis=2, keepdims=True), np.nan, places)
    flat = not np.nan_to_num(places[..., 2]).any()
    if not flat and unit.lower() not in METRES:
        fix = f"Write one of {', '.join(METRES)} as its unit"
        raise keypoint_error(path, f"has three coordinates in the unit '{printable(unit)[:20]}'", fix)
    places = places[..., :2] * (1.0 if unit == "px" else [1.0, -1.0]) if flat else places * METRES[unit.lower()]
    people: dict[str, dict[str, Floats]] = {}
    for marker, name in enumerate(names):
        person, _, joint = name.rpartition(":")
        if joint in people.setdefault(person, {}):
            raise keypoint_error(path, f"the marker '{printable(name)[:40]}' appears twice", "Rename one of them")
        people[person][joint] = np.column_stack([places[:, marker], np.ones(len(places))])
    entries = frame_numbers(path, frames, once=True)
    return Keypoints.of_tracks(path, layout, people, entries, times=times, in_metres=True)
