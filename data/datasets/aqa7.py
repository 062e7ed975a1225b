"""AQA-7 (Parmar and Morris, WACV 2019) in its official layout: six actions, 803 training and 303 test samples.

    ROOT/Actions/{diving,gym_vault,ski_big_air,snowboard_big_air,sync_diving_3m,sync_diving_10m}/001.avi ...
    ROOT/Split_4/split_4_train_list.mat    variable consolidated_train_list
    ROOT/Split_4/split_4_test_list.mat     variable consolidated_test_list

The author's lists are also called consolidated_train_list.mat and consolidated_test_list.mat. CoRe and its followers
hand the samples on as folders of frames:

    ROOT/diving-out/001/img_00001.jpg ...

A list has rows [action 1..6, sample index, score]. Some copies give scores in points, others in hundredths of a point.
The largest score shows the unit: none is above 105 points, and none in hundredths is below 500.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.datasets.matlab import read_matrix
from data.datasets.score_lists import FRAME_RATE, join_lists
from data.datasets.tables import first_file
from data.errors import DataError
from data.store.arrays import Floats
from data.video import VIDEO_SUFFIXES, FrameFolder, Labels, Listing, Record
from data.video.frame_folder import numbered_pictures

ACTIONS = ("diving", "gym_vault", "ski_big_air", "snowboard_big_air", "sync_diving_3m", "sync_diving_10m")
"""Folder and task of action 1, 2, ... 6."""

MAX_POINTS = 150.0  # a list with a larger score is in hundredths; the largest score in points is 104.88


def list_aqa7(root: Path, *, frame_rate: float = 0.0, feature_names: Sequence[str] = ()) -> Listing:
    """The samples of an AQA-7 copy below `root`, each with its fixed split and the score in points.

    Ids are paths such as "Actions/diving/001.avi" or "diving-out/001"; the task is the action. `frame_rate` is that of
    folders of frames (0: `FRAME_RATE`), `feature_names` as for `join_lists`.

    Raises:
        UsageError: no lists in `root`.
        DataError: a damaged list, a sample with contradicting scores or on both sides, or no video at all.
    """
    tables = {}
    for side in ("train", "test"):
        names = (f"split_4_{side}_list.mat", f"consolidated_{side}_list.mat")
        path = first_file(root, ["Split_4", ""], names, "Give the folder that holds Actions and Split_4")
        tables[side] = path, read_list(path, f"consolidated_{side}_list")
    divisor = 100.0 if max(rows[:, 2].max() for _, rows in tables.values()) > MAX_POINTS else 1.0
    listed, problems = [], []
    for side, (path, rows) in tables.items():
        scores: dict[str, float] = {}
        for action, index, score in rows.tolist():
            name = f"{ACTIONS[int(action) - 1]}/{int(index):03d}"
            if (first := scores.setdefault(name, score)) != score:
                what = f"'{name}' has the scores {first:g} and {score:g}"
                raise DataError(what, where=path, fix="Get the list again")
        if repeats := len(rows) - len(scores):
            problems.append(f"{path.name}: {repeats} duplicate row(s) dropped")
        for name, score in scores.items():
            labels = Labels(score / divisor)
            listed.append((path, Record(name, None, task=name.partition("/")[0], labels=labels, split=side)))
    videos = _videos(root, frame_rate or FRAME_RATE)
    listing = join_lists(root, listed, videos, "Actions, one folder an action", feature_names)
    return Listing(listing.records, (*problems, *listing.problems))


def read_list(path: Path, variable: str) -> Floats:
    """The (n, 3) rows [action, sample index, score] of an official .mat list. Raises DataError: impossible rows."""
    rows = read_matrix(path, variable)
    if rows.shape[1] != 3:
        raise DataError(f"'{variable}' has the shape {rows.shape}", where=path, fix="Expected three columns")
    whole = np.modf(rows[:, :2])[0] == 0
    good = whole.all(axis=1) & ((rows >= [1, 1, 0]) & (rows <= [len(ACTIONS), 999_999, 999_999])).all(axis=1)
    if not good.all():
        index = int(np.argmin(good))
        what = f"row {index + 1} is {rows[index].tolist()}"
        raise DataError(what, where=path, fix="Expected [action 1..6, sample index, score]")
    return rows


def _videos(root: Path, frame_rate: float) -> dict[str, Record]:
    """The video or folder of frames of each sample: the first in Actions/ACTION, ACTION and ACTION-out."""
    videos: dict[str, Record] = {}
    for action in ACTIONS:
        for folder in (root / "Actions" / action, root / action, root / f"{action}-out"):
            for path in sorted(folder.iterdir(), key=lambda p: (p.is_dir(), p)) if folder.is_dir() else ():
                if not re.fullmatch(r"\d{1,6}", path.stem, re.ASCII):
                    continue
                is_folder = path.is_dir() and bool(numbered_pictures(os.listdir(path))[0])
                if is_folder or (path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()):
                    frames = FrameFolder(path, frame_rate) if is_folder else None
                    record = Record(path.relative_to(root).as_posix(), path, frames=frames)
                    videos.setdefault(f"{action}/{int(path.stem):03d}", record)
    return videos
