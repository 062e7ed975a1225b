"""AQA-7 (Parmar and Morris, WACV 2019) in its official layout: six actions, 803 training and 303 test samples.

    ROOT/Actions/{diving,gym_vault,ski_big_air,snowboard_big_air,sync_diving_3m,sync_diving_10m}/001.avi ...
    ROOT/Split_4/split_4_train_list.mat    variable consolidated_train_list
    ROOT/Split_4/split_4_test_list.mat     variable consolidated_test_list

A list has rows [action 1..6, sample index, score]. Copies differ in whether the score is in points or in
hundredths of a point. The largest score shows which: none is above 105 points, and none in hundredths below 500.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.datasets.matlab import read_matrix
from data.datasets.tables import clip, read_bytes
from data.errors import DataError, UsageError
from data.video import VIDEO_SUFFIXES, Labels, Listing, Record

ACTIONS = ("diving", "gym_vault", "ski_big_air", "snowboard_big_air", "sync_diving_3m", "sync_diving_10m")
"""Folder and task of action 1, 2, ... 6."""

MAX_ROWS = 100_000
MAX_POINTS = 150.0  # no score in points is larger (the largest is 104.88), none in hundredths is smaller


def list_aqa7(root: Path) -> Listing:
    """The samples of an AQA-7 copy below `root`, each with its fixed split and the score in points.

    Ids are paths such as "Actions/diving/001.avi"; the task is the action. A listed sample without video is a problem
    line, and so is a video that no list names.

    Raises:
        UsageError: no lists in `root`.
        DataError: a damaged list, a sample with contradicting scores or on both sides, or no video at all.
    """
    samples: dict[tuple[int, int], tuple[str, float]] = {}
    problems: list[str] = []
    for side in ("train", "test"):
        path = _list_file(root, side)
        rows = read_list(path, f"consolidated_{side}_list")
        repeats = _add(samples, rows, side, path)
        problems += [f"{path.name}: {repeats} duplicate row(s) dropped"] if repeats else []
    divisor = 100.0 if max(score for _, score in samples.values()) > MAX_POINTS else 1.0
    videos = _videos(root)
    records = []
    for (action, index), (side, score) in samples.items():
        video = videos.pop((action, index), None)
        if video is None:
            problems.append(f"{ACTIONS[action - 1]}/{index:03d}: listed for {side}, but has no video")
            continue
        labels = Labels(score=score / divisor)
        records.append(
            Record(video.relative_to(root).as_posix(), video, task=ACTIONS[action - 1], labels=labels, split=side)
        )
    if not records:
        raise DataError("none of the listed samples has a video", where=root, fix="Expected Actions/diving/001.avi")
    problems += [f"{path.relative_to(root).as_posix()}: a video that no list names" for path in videos.values()]
    return Listing(tuple(sorted(records, key=lambda record: record.id)), tuple(problems))


def read_list(path: Path, variable: str) -> NDArray[np.float64]:
    """The (n, 3) rows [action, sample index, score] of an official .mat list. Raises DataError: impossible rows."""
    try:
        rows = read_matrix(read_bytes(path), variable)
        if rows.shape[1] != 3 or not 0 < len(rows) <= MAX_ROWS:
            raise ValueError(f"'{variable}' has the shape {rows.shape}")
    except ValueError as error:
        fix = f"Expected a MATLAB 5 file with the numeric matrix {variable} (n x 3)"
        raise DataError(f"unusable list: {clip(str(error), 200)}", where=path, fix=fix) from error
    _check(rows, path)
    return rows


def _check(rows: NDArray[np.float64], path: Path) -> None:
    whole = np.modf(rows[:, :2])[0] == 0
    good = whole.all(axis=1) & ((rows >= [1, 1, 0]) & (rows <= [len(ACTIONS), 999_999, 999_999])).all(axis=1)
    if not good.all():
        index = int(np.argmin(good))
        shown = [float(value) for value in rows[index]]
        raise DataError(f"row {index + 1} is {shown}", where=path, fix="Expected [action 1..6, sample index, score]")


def _list_file(root: Path, side: str) -> Path:
    name = f"split_4_{side}_list.mat"
    for path in (root / "Split_4" / name, root / name):
        if path.is_file():
            return path
    raise UsageError(f"no Split_4/{name}", where=root, fix="Give the folder that holds Actions and Split_4")


def _add(samples: dict[tuple[int, int], tuple[str, float]], rows: NDArray[np.float64], side: str, path: Path) -> int:
    """Enter the rows; returns how many repeated an earlier one exactly."""
    repeats = 0
    for action, index, score in rows:
        key = (int(action), int(index))
        first = samples.setdefault(key, (side, float(score)))
        name = f"{ACTIONS[key[0] - 1]}/{key[1]:03d}"
        if first[0] != side:
            raise DataError(f"'{name}' is listed for training and for test", where=path, fix="Get the lists again")
        if first[1] != score:
            what = f"'{name}' has the scores {first[1]:g} and {score:g}"
            raise DataError(what, where=path, fix="Get the list again")
        repeats += 1
    return repeats - len({(int(a), int(i)) for a, i, _ in rows})


def _videos(root: Path) -> dict[tuple[int, int], Path]:
    """Videos by (action, sample index); Actions/ACTION first, then ACTION and ACTION-out directly below the root."""
    videos: dict[tuple[int, int], Path] = {}
    for number, action in enumerate(ACTIONS, start=1):
        for folder in (root / "Actions" / action, root / action, root / f"{action}-out"):
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                named = re.fullmatch(r"\d{1,6}", path.stem, re.ASCII)
                if named and path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
                    videos.setdefault((number, int(path.stem)), path)
    return videos
