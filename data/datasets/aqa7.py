"""AQA-7 (Parmar and Morris, WACV 2019) in its official layout: six actions, 803 training and 303 test samples.

    ROOT/Actions/{diving,gym_vault,ski_big_air,snowboard_big_air,sync_diving_3m,sync_diving_10m}/001.avi ...
    ROOT/Split_4/split_4_train_list.mat    variable consolidated_train_list
    ROOT/Split_4/split_4_test_list.mat     variable consolidated_test_list

The author's lists are also called consolidated_train_list.mat and consolidated_test_list.mat. CoRe and its successors
distribute the samples as folders of frames:

    ROOT/diving-out/001/img_00001.jpg ...

A list has rows [action 1..6, sample index, score]. Some copies give scores in points, others in hundredths of a point.
The largest score shows the unit: it is below 105 in points, and above 500 in hundredths.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data.datasets.matlab import read_matrix
from data.datasets.score_lists import ListLayout, Row
from data.datasets.tables import first_file
from data.errors import DataError
from data.store.arrays import Floats
from data.video import Record

ACTIONS = ("diving", "gym_vault", "ski_big_air", "snowboard_big_air", "sync_diving_3m", "sync_diving_10m")
"""Folder and task of action 1, 2, ... 6."""

MAX_POINTS = 150.0  # a list with a larger score is in hundredths; the largest score in points is 104.88


def _rows(root: Path) -> Iterator[Row]:
    """The samples, with ids such as "diving/001" and scores in points; repeated samples are dropped."""
    tables = {}
    for side in ("train", "test"):
        names = (f"split_4_{side}_list.mat", f"consolidated_{side}_list.mat")
        path = first_file(root, ["Split_4", ""], names, "Give the folder that holds Actions and Split_4")
        tables[side] = path, read_list(path, f"consolidated_{side}_list")
    divisor = 100.0 if max(rows[:, 2].max() for _, rows in tables.values()) > MAX_POINTS else 1.0
    for side, (path, rows) in tables.items():
        scores: dict[str, float] = {}
        for action, index, score in rows.tolist():
            name = f"{ACTIONS[int(action) - 1]}/{int(index):03d}"
            if (first := scores.setdefault(name, score)) != score:
                what = f"'{name}' has the scores {first:g} and {score:g}"
                raise DataError(what, where=path, fix="Get the list again")
        for name, score in scores.items():
            yield path, Record(name, None, task=name.partition("/")[0], split=side), {"final": score / divisor}


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


AQA7 = ListLayout(
    _rows, ("final",), {f"{action}/": (f"Actions/{action}", action, f"{action}-out") for action in ACTIONS}
)
