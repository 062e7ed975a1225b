"""Data sets with a list of videos and scores: Fis-V, FS1000, FineFS, rhythmic gymnastics, LASANA, UNLV.

A `ListLayout` says how the lists are read and where the videos are; one lister serves all. Fis-V, FS1000 and rhythmic
gymnastics have one text for each side of the split, with blanks or tabs between cells. FineFS has a JSON file for each
performance, LASANA semicolon-separated tables, and UNLV MATLAB matrices.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from data.datasets.matlab import read_matrix
from data.datasets.tables import NUMBER, LabelRow, at_line, clip, first_file, number, read_bytes, read_table, read_text
from data.errors import DataError, UsageError
from data.store import parse_json
from data.video import VIDEO_SUFFIXES, FrameFolder, Labels, Listing, Record
from data.video.frame_folder import IMAGE_SUFFIXES, numbered_pictures

ROUNDING = 0.015
"""Totals that differ by less are equal: they are published with two decimals."""

FRAME_RATE = 25.0
"""Frames per second of published folders of frames, which do not state it."""


Row = tuple[Path, Record, Mapping[str, float]]
"""A list, one of its performances as it names it, and the scores of that performance by name."""


Names = Mapping[str, tuple[str, ...]]
"""Names of files or folders, by the side of the split or the prefix that they belong to."""


@dataclass(frozen=True)
class ListLayout:
    """One data set."""

    rows: Callable[[Path], Iterable[Row]]  # below a root
    scores: tuple[str, ...]  # what `dataset.score` may be; the first is the default
    videos: Names  # by prefix of a name: folders below the root that may hold the videos

    def list(
        self, root: Path, *, score: str = "", frame_rate: float = 0.0, feature_names: Sequence[str] = ()
    ) -> Listing:
        """The performances that have this score, each with its official split, if any.

        `frame_rate` is that of folders of frames (0: `FRAME_RATE`). `feature_names`: as `join_lists`.

        Raises UsageError: no list, or an unknown score; DataError: a damaged or contradictory list, or no listed
        performance has a video.
        """
        score = checked_score(score or self.scores[0], self.scores)
        people, doubts = _people(root)
        listed, videos = [], _videos(root, self.videos, frame_rate or FRAME_RATE)
        for path, record, values in self.rows(root):
            if score in values:
                labels = replace(record.labels or Labels(), score=values[score])
                listed.append((path, replace(record, labels=labels, groups=people.get(record.id, {}))))
            else:
                videos.pop(_plain(record.id), None)
        (expected, *_), *_ = self.videos.values()
        listing = join_lists(root, listed, videos, expected, feature_names)
        return replace(listing, doubts=tuple(doubts))


FOLDERS = ("", "data", "annotations")
"""Below the root, where lists may be."""


def _people(root: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Groups by name of performance, and doubts about rows, from the optional table of performers of Fis-V.

    Rows of one performer with equal numbers are one performance, so they share the group "original".
    """
    path = next(filter(Path.is_file, (root / folder / "fs_dataset.csv" for folder in FOLDERS)), None)
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


def _text_rows(
    lists: Names,
    columns: tuple[str, ...],
    task: Callable[[str], str],
    root: Path,
) -> Iterator[Row]:
    """The rows of one text for each side: the first of its `lists` that exists.

    `columns` name the cells after the performance; "" skips a cell, and trailing ones may be missing. If a column is
    "factor", pcs is divided by it.
    """
    for side, names in lists.items():
        fix = "Put the publisher's list beside the folder of the videos"
        path = first_file(root, FOLDERS, names, fix)
        for line, text in enumerate(read_text(path).split("\n"), start=1):
            cells = text.split()
            if not cells or (line == 1 and not any(map(NUMBER.fullmatch, cells[1:]))):  # the header
                continue
            where = at_line(path, line)
            if not sum(map(bool, columns)) < len(cells) <= 1 + len(columns):
                fix = f"Expected the name and {len(columns)} numbers"
                raise DataError(f"{len(cells)} cells", where=where, fix=fix)
            named = zip(columns, cells[1:], strict=False)
            values = {name: number(cell, where=where, what=name) for name, cell in named if name}
            if "factor" in values:
                if values["factor"] <= 0:
                    raise DataError(f"the factor is {values['factor']:g}", where=where, fix="Get the list again")
                values["pcs"] /= values["factor"]
            yield path, Record(cells[0], None, task=task(cells[0]), split=side), values


FINEFS = {"tes": "total_element_score", "pcs": "total_program_component_score(factored)"}
"""Scores by the name in an annotation."""

SHORT_PROGRAMS = 729
"""Performances from this number on are free skating."""


def _finefs_rows(root: Path) -> Iterator[Row]:
    folder = first_file(root, ("data/annotation", "annotation"), ["0.json"], "Give the folder that holds data").parent
    for path in folder.glob("*.json"):
        try:
            is_short, annotation = int(path.stem) < SHORT_PROGRAMS, parse_json(read_text(path))
            values = {name: number(str(annotation[key]), where=str(path), what=key) for name, key in FINEFS.items()}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError("not an annotation of FineFS", where=path, fix="Get the file again") from error
        yield path, Record(path.stem, None, task="short" if is_short else "free"), values


LASANA = ("PegTransfer", "CircleCutting", "BalloonResection", "SutureAndKnot")
LASANA_SCORES = ("grs", "bimanual_dexterity", "depth_perception", "efficiency", "tissue_handling")


def _lasana_rows(root: Path) -> Iterator[Row]:
    """Judges' scores are the raters' GRS before normalisation; failed trials have only the normalised GRS."""

    def table(name: str) -> list[LabelRow]:
        path = first_file(root, ("Annotation", ""), [f"{name}.csv"], "Unpack the publisher's Annotation.zip here")
        return read_table(path, read_bytes(path), ("id",), {})[0]

    for task in LASANA:
        sides = {row.text("id"): row.text("split").replace("val", "train") for row in table(f"{task}_split")}
        raters = [{row.text("id"): row.number("grs") for row in table(f"{task}_rater{n}")} for n in range(4)]
        for row in table(task):
            name = row.text("id")
            labels = Labels(judges=tuple(grs for rater in raters if (grs := rater.get(name)) is not None))
            values = {score: value for score in LASANA_SCORES if (value := row.number(score)) is not None}
            record = Record(f"{task}/{name}", None, task=task, labels=labels, split=sides.get(name))
            yield Path(row.file), record, values


UNLV = {
    "diving": ("diving", "diving_overall_scores.mat", "split_300_70", "diving_samples_len_ori"),
    "vault": ("gymnastic_vault", "gym_vault_overall_scores.mat", "split_4", "gym_vault_samples_len_ori"),
}  # by task: folder, scores, folder of the split, folder of the videos


def _unlv_rows(root: Path) -> Iterator[Row]:
    """Dives and vaults; either may be missing. Only the dives have "execution", final / difficulty."""
    folders = {task: root / folder for task, (folder, *_) in UNLV.items() if (root / folder).is_dir()}
    for task, folder in folders.items():
        _, scores, split, _ = UNLV[task]
        final = _matrix(folder / scores, "overall_scores")
        is_dive = task == "diving"
        levels = _matrix(folder / "diving_difficulty_level.mat", "difficulty_level") if is_dive else np.ones(len(final))
        for side in ("train", "test"):
            path = folder / split / f"{side}ing_idx.mat"
            for index in map(int, _matrix(path, path.stem)):
                if not 1 <= index <= min(len(final), len(levels)) or levels[index - 1] <= 0:
                    raise DataError(f"sample {index} has no score or difficulty", where=path, fix="Get the lists again")
                value, level = float(final[index - 1]), float(levels[index - 1])
                labels = Labels(difficulty=level if is_dive else None)
                values = {"final": value} | ({"execution": value / level} if is_dive else {})
                yield path, Record(f"{task}/{index:03d}", None, task=task, labels=labels, split=side), values


def _matrix(path: Path, variable: str) -> np.ndarray:
    values = read_matrix(path, variable).ravel()
    if not np.isfinite(values).all():
        raise DataError(f"{variable} has values that are not numbers", where=path, fix="Get the file again")
    return values


def checked_score(score: str, names: Sequence[str]) -> str:
    """`score`, which must be among the `names`. Raises UsageError: it is not."""
    if score not in names:
        raise UsageError(f"no score is called '{clip(score)}'", fix=f"dataset.score is one of {', '.join(names)}")
    return score


def _videos(root: Path, places: Names, frame_rate: float) -> dict[str, Record]:
    """Videos and folders of frames by plain name."""
    videos: dict[str, Record] = {}
    for start, folder in ((start, root / name) for start, names in places.items() for name in names):
        entries = folder.glob("*") if folder == root else folder.rglob("*")
        # Asking for the kind of each of a hundred thousand frames would be slow.
        for path in sorted(entry for entry in entries if entry.suffix.lower() not in IMAGE_SUFFIXES):
            is_folder = path.is_dir() and bool(numbered_pictures(os.listdir(path))[0])
            if is_folder or (path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()):
                frames = FrameFolder(path, frame_rate) if is_folder else None
                record = Record(path.relative_to(root).as_posix(), path, frames=frames)
                videos.setdefault(_plain(start + path.stem), record)
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
        listed: each list with one of its performances. A performance without a path has its listed name as id; it gets
            id, path and frames of its video.
        videos: by plain name, with id, path and frames.
        expected: where the videos should be.
        feature_names: names of features that replace videos; with any, performances without a video stay.

    Listed performances without a video and unlisted videos become problem lines.

    Raises DataError: a performance is listed twice, or no performance has a video.
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
    return re.sub(r"(?<![^/])0+(?=\d)", "", name.lower())


_SIDES = {side: (f"{side}_dataset.txt", f"{side}.txt") for side in ("train", "test")}
_VIDEOS = {"": ("videos", "video", "")}
_FS1000 = {"train": ("train_fs1000_new.txt", "train_fs800.txt"), "test": ("val_fs1000_new.txt", "val_fs800.txt")}
_COMPONENTS = ("tes", "pcs", "ss", "tr", "pe", "co", "in")

LAYOUTS: Mapping[str, ListLayout] = {
    "fis-v": ListLayout(partial(_text_rows, _SIDES, ("tes", "pcs", ""), lambda _: "skating"), ("tes", "pcs"), _VIDEOS),
    "fs1000": ListLayout(
        partial(_text_rows, _FS1000, (*_COMPONENTS, "factor"), lambda _: "skating"), _COMPONENTS, _VIDEOS
    ),
    "finefs": ListLayout(_finefs_rows, (*FINEFS,), {"": ("data/video", "video")}),
    "rhythmic-gymnastics": ListLayout(
        partial(
            _text_rows,
            _SIDES,
            ("difficulty", "execution", "total", "", ""),
            lambda name: name.partition("_")[0],
        ),
        ("total", "difficulty", "execution"),
        {"": ("videos", "video", "RG_public", "")},
    ),
    "lasana": ListLayout(_lasana_rows, LASANA_SCORES, {f"{task}/": (f"{task}_left", task) for task in LASANA}),
    "unlv": ListLayout(
        _unlv_rows,
        ("final", "execution"),
        {f"{task}/": (f"{folder}/{videos}",) for task, (folder, *_, videos) in UNLV.items()},
    ),
}
"""By kind of data set."""
