"""Data sets whose labels are one list a side: Fis-V, FS1000, rhythmic gymnastics, and UNLV-Dive and Vault.

A `ListLayout` says where lists and videos are and what the columns mean; one reader serves all. Lists are text whose
cells are separated by blanks or tabs; those of UNLV are MATLAB matrices.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data.datasets.matlab import read_matrix
from data.datasets.tables import NUMBER, at_line, clip, first_file, number, read_text
from data.errors import DataError, UsageError
from data.video import VIDEO_SUFFIXES, Labels, Listing, Record

ROUNDING = 0.015
"""Totals that differ by less are equal: they are published with two decimals."""

FRAME_RATE = 25.0
"""Frames per second of published folders of frames, which state none."""


@dataclass(frozen=True)
class ListLayout:
    """One set, or one part of a set that has several."""

    lists: Mapping[str, tuple[str, ...]]  # by side; the first that exists in the root, "data" or "annotations"
    columns: tuple[str, ...]  # what the cells after the name mean; "" is not read, and may be missing at the end
    videos: tuple[str, ...]  # below the root, folders that may hold the videos, named as in the list
    task: Callable[[str], str]  # the task of a name
    score: str = ""  # the label where `dataset.score` is empty, if it is not the first column
    divided: str = ""  # the score that is divided by the column "factor"
    people: str = ""  # a table with number, total, TES, PCS, deduction and name of the performer, which may be absent


_SIDES = {side: (f"{side}_dataset.txt", f"{side}.txt") for side in ("train", "test")}

LAYOUTS: Mapping[str, ListLayout] = {
    "fis-v": ListLayout(
        _SIDES, ("tes", "pcs", ""), ("videos", "video", ""), lambda _: "skating", people="fs_dataset.csv"
    ),
    "fs1000": ListLayout(
        {"train": ("train_fs1000_new.txt", "train_fs800.txt"), "test": ("val_fs1000_new.txt", "val_fs800.txt")},
        ("tes", "pcs", "ss", "tr", "pe", "co", "in", "factor"),
        ("videos", "video", ""),
        lambda _: "skating",
        divided="pcs",
    ),
    "rhythmic-gymnastics": ListLayout(
        {side: (f"{side}.txt",) for side in ("train", "test")},
        ("difficulty", "execution", "total", "", ""),
        ("videos", "video", "RG_public", ""),
        lambda name: name.partition("_")[0],
        score="total",
    ),
}


def list_scores(layout: ListLayout, root: Path, *, score: str = "", feature_names: Sequence[str] = ()) -> Listing:
    """The performances of a layout, each with its official side; `score` is the column that is the label.

    `feature_names`: as `join_lists`.

    Raises UsageError: no list, or no such score; DataError: a damaged or contradicting list, or none of the listed
    performances has a video.
    """
    names = [name for name in layout.columns if name not in ("", "factor")]
    score = checked_score(score or layout.score or names[0], names)
    fix = "Put the publisher's list beside the folder of the videos"
    paths = {side: first_file(root, ("", "data", "annotations"), names, fix) for side, names in layout.lists.items()}
    listed = [
        (path, Record(name, None, task=layout.task(name), labels=Labels(values[score]), split=side))
        for side, path in paths.items()
        for name, values in _text_rows(path, layout)
    ]
    people, doubts = _people(root, layout)
    listed = [(path, replace(record, groups=people.get(record.id, {}))) for path, record in listed]
    listing = join_lists(root, listed, _videos(root, layout.videos), layout.videos[0], feature_names)
    return replace(listing, doubts=tuple(doubts))


def _people(root: Path, layout: ListLayout) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Groups by the name of a performance, from the publisher's table of performers; doubts about its rows.

    Equal rows of numbers of one performer show one performance twice: such rows share the group "original".
    """
    paths = [root / folder / layout.people for folder in ("", "data", "annotations")] if layout.people else []
    path = next(filter(Path.is_file, paths), None)
    groups: dict[str, dict[str, str]] = {}
    doubts: list[str] = []
    same: dict[tuple[str, ...], list[str]] = {}
    for line, cells in enumerate(csv.reader(read_text(path).split("\n")) if path else (), start=1):
        if path is None or line == 1 or len(cells) < 6 or not cells[5].strip():
            continue
        name, skater = cells[0].strip(), " ".join(cells[5].split())
        where = at_line(path, line)
        scores = (number(cell.strip() or "0", where=where, what="a score") for cell in cells[1:5])
        total, tes, pcs, deduction = scores
        if abs(tes + pcs - deduction - total) > ROUNDING:
            doubts.append(f"{name}: the total is {total:g}, but TES + PCS - deductions are {tes + pcs - deduction:g}")
        groups[name] = {"subject": skater, "group": skater}
        same.setdefault((skater, *map(str.strip, cells[1:5])), []).append(name)
    for names in same.values():
        if len(names) > 1:
            doubts.append(f"{' and '.join(names)}: one performance, listed {len(names)} times")
            for name in names:
                groups[name]["original"] = names[0]
    return groups, doubts


def _text_rows(path: Path, layout: ListLayout) -> Iterator[tuple[str, dict[str, float]]]:
    """The name of each performance, and its numbers by column."""
    most = len(layout.columns)
    least = most if layout.columns[-1] else max(n for n, name in enumerate(layout.columns, start=1) if name)
    lines = read_text(path).split("\n")
    for line, text in enumerate(lines, start=1):
        cells = text.split()
        if not cells or (line == 1 and not any(map(NUMBER.fullmatch, cells[1:]))):  # a line that names the columns
            continue
        where = at_line(path, line)
        if not least <= len(cells) - 1 <= most:
            fix = f"Expected the name and {most} numbers"
            raise DataError(f"{len(cells)} cells", where=where, fix=fix)
        named = zip(layout.columns, cells[1:], strict=False)
        values = {name: number(cell, where=where, what=name) for name, cell in named if name}
        if layout.divided:
            if values["factor"] <= 0:
                raise DataError(f"the factor is {values['factor']:g}", where=where, fix="Get the list again")
            values[layout.divided] /= values["factor"]
        yield cells[0], values


UNLV = {
    "diving": ("diving", "diving_overall_scores.mat", "split_300_70", "diving_samples_len_ori"),
    "vault": ("gymnastic_vault", "gym_vault_overall_scores.mat", "split_4", "gym_vault_samples_len_ori"),
}  # by task: folder, scores, folder of the split, folder of the videos


def list_unlv(root: Path, *, score: str = "", feature_names: Sequence[str] = ()) -> Listing:
    """UNLV-Dive and UNLV-Vault (Parmar and Morris, CVPRW 2017); either may be missing. Raises as `list_scores`.

    `score` is "final" (default), or "execution", final / difficulty, which only the dives have.
    `feature_names`: as `join_lists`.
    """
    score = checked_score(score or "final", ["final", "execution"])
    records: list[Record] = []
    problems: list[str] = []
    for task, (folder, *_) in UNLV.items():
        if (root / folder).is_dir() and not (task == "vault" and score == "execution"):
            listing = _list_unlv_task(root, task, score, feature_names)
            records += listing.records
            problems += listing.problems
    if not records:
        raise UsageError("no folder diving or gymnastic_vault", where=root, fix="Give the folder that holds them")
    return Listing(tuple(records), tuple(problems))


def _list_unlv_task(root: Path, task: str, score: str, feature_names: Sequence[str]) -> Listing:
    folder, scores, split, videos = UNLV[task]
    task_folder = root / folder
    final = _matrix(task_folder / scores, "overall_scores")
    levels = _matrix(task_folder / "diving_difficulty_level.mat", "difficulty_level") if task == "diving" else None
    listed = []
    for side in ("train", "test"):
        path = task_folder / split / f"{side}ing_idx.mat"
        for index in map(int, _matrix(path, path.stem)):
            if not 1 <= index <= len(final) or (levels is not None and (index > len(levels) or levels[index - 1] <= 0)):
                raise DataError(f"sample {index} has no score or difficulty", where=path, fix="Get the lists again")
            value, level = float(final[index - 1]), None if levels is None else float(levels[index - 1])
            labels = Labels(value / level if level and score == "execution" else value, difficulty=level)
            listed.append((path, Record(f"{index:03d}", None, task=task, labels=labels, split=side)))
    inside = f"{folder}/{videos}"
    return join_lists(root, listed, _videos(root, [inside]), inside, feature_names)


def _matrix(path: Path, variable: str) -> np.ndarray:
    first_file(path.parent, [""], [path.name], "Unpack the publisher's archive again")
    values = read_matrix(path, variable).ravel()
    if not np.isfinite(values).all():
        raise DataError(f"{variable} has values that are not numbers", where=path, fix="Get the file again")
    return values


def checked_score(score: str, names: list[str]) -> str:
    """`score`, which must be among the `names`. Raises UsageError: it is not."""
    if score not in names:
        raise UsageError(f"no score is called '{clip(score)}'", fix=f"dataset.score is one of {', '.join(names)}")
    return score


def _videos(root: Path, folders: Iterable[str]) -> dict[str, Record]:
    """Videos by plain name."""
    videos: dict[str, Record] = {}
    for folder in (root / name for name in folders):
        for path in sorted(folder.rglob("*")) if folder.is_dir() and folder != root else sorted(folder.glob("*")):
            if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
                videos.setdefault(_plain(path.stem), Record(path.relative_to(root).as_posix(), path))
    return videos


def join_lists(
    root: Path,
    listed: Iterable[tuple[Path, Record]],
    videos: Mapping[str, Record],
    expected: str,
    feature_names: Sequence[str] = (),
) -> Listing:
    """The performances of official lists that have a video.

    Args:
        root: the folder of the set.
        listed: each list with one of its performances. One without a path is named as in the list, and gets id, path
            and frames of its video.
        videos: by plain name, with id, path and frames.
        expected: where the videos should be.
        feature_names: names of features that take the place of videos; with any, performances without a video stay.

    A listed performance without video, and a video that no list names, become problem lines.

    Raises DataError: a performance is listed twice, or none has a video.
    """
    sides, problems, records = dict[str, str | None](), list[str](), dict[str, Record]()
    for file, record in listed:
        name = _plain(record.id)
        if name in sides:
            again = "twice" if sides[name] == record.split else "for training and for test"
            raise DataError(f"'{clip(record.id)}' is listed {again}", where=file, fix="Get the lists again")
        sides[name] = record.split
        video = videos.get(name, record)
        if video.path is None and not feature_names:
            of_side = f" for {record.split}" if record.split else ""
            problems.append(f"{clip(record.id)}: listed{of_side}, but has no video")
        else:
            records[name] = replace(record, id=video.id, path=video.path, frames=video.frames)
    if not records:
        fix = f"Expected them in {expected}; features in their place: --features PATH"
        raise DataError("none of the listed performances has a video", where=root, fix=fix)
    problems += [f"{video.name}: a video that no list names" for name, video in videos.items() if name not in records]
    return Listing(tuple(sorted(records.values(), key=lambda record: record.id)), tuple(problems))


def _plain(name: str) -> str:
    """A name in lower case without leading zeros: videos 1.mp4 and 001.mp4 are both sample 1."""
    return re.sub(r"^0+(?=\d)", "", name.lower())
