"""A folder of videos, or of keypoint files without videos, searched recursively, with an optional CSV of scores.

    video,score,execution,synchronisation,difficulty,judges,group,subject,date,split,task
    day1/jump_01.mp4,7.5,,,,7 7.5 8,athlete 3,,2026-05-31,train,

The first line names the columns, in any order; only `video` is required. The text is UTF-8; the delimiter is a comma,
semicolon, tab or bar. Unless it is a comma, "7,5" is a number too. `judges` are the scores of single judges, separated
by blanks. Performances of one `group` stay on one side of every split; `subject` is the performer. A missing score is
execution x difficulty, if the row has both.

Rows without a video are skipped and reported. Repeated rows of a video are dropped if they agree; if they contradict
each other, the video has no label. In a folder of keypoint files, the column `video` names the keypoint file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from data.datasets.tables import MAX_BYTES, LabelRow, clip, inner_path, number, read_bytes, read_table, without_mark
from data.errors import AimError, DataError, UsageError, counted, quoted
from data.keypoints import SUFFIXES
from data.store import RemoteFolder, Storage, absence, address, is_remote
from data.video import LABELS, VIDEO_SUFFIXES, Labels, Listing, Record, find_videos
from data.video.video_search import walk

COLUMNS = ("video", *LABELS, "judges", "group", "subject", "date", "split", "task", "deviation", "raters")
CANDIDATES = ("scores.csv", "labels.csv", "scores.xlsx", "labels.xlsx")  # label files that are found by name
DIFFICULTIES = "labels.csv"
"""The table of difficulties in a folder of new videos."""

BESIDE = "phases.csv"
"""Default name of the table of phases."""

SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
ALIASES = {"synchronization": "synchronisation", "final": "score", "filename": "video", "file": "video"}
"""Other names of known columns."""

Words = tuple[str, ...]

_WORDS = re.compile(r"\d+|[^\W\d_]+")
_DAY = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)

SUGGESTED = 20  # unknown videos for which a similar name is suggested: the search is slow in large data sets

LabelFile = tuple[str | Path, bytes]  # path or address of a label file, and its content


def list_folder(
    root: Path,
    *,
    labels: str | Path | None = None,
    storage: Storage | None = None,
    frame_rate: float = 0.0,
    feature_names: Sequence[str] = (),
) -> Listing:
    """The videos below `root`, with labels if a CSV exists.

    Args:
        root: the folder; its videos' ids are their paths below it.
        labels: the CSV, below `root` or anywhere; None takes "scores.csv" or "labels.csv" if it exists.
        storage: how to reach a store, if `root` is an address.
        frame_rate: frames per second of folders of frames; 0: unknown, and they are skipped.
        feature_names: names of features; they are the performances if the folder has no videos.

    Raises:
        UsageError: no video, no such label file, or several candidates.
        DataError: a damaged table or an impossible cell; names the file and the line.
    """
    table = find_labels(root, labels, CANDIDATES, storage)
    listing = videos_or(feature_names, root, storage, frame_rate)
    return with_table(listing, table) if table else replace(listing, problems=(*listing.problems, *_spreadsheets(root)))


def videos_or(
    feature_names: Sequence[str], root: Path, storage: Storage | None = None, frame_rate: float = 0.0
) -> Listing:
    """The videos below a folder, or performances of these names if it has none. Raises UsageError: neither."""
    try:
        return find_videos([root], storage, frame_rate)
    except UsageError:
        if not feature_names:
            raise
    return list_unfilmed(feature_names)


def list_unfilmed(names: Iterable[str], labels: str | Path | None = None) -> Listing:
    """Performances of these names without videos, with labels if a CSV is given.

    Raises as `list_folder`.
    """
    listing = Listing(tuple(Record(name, None) for name in sorted(names)))
    return with_table(listing, find_labels(Path(), labels, ()))


def with_table(listing: Listing, table: LabelFile | None) -> Listing:
    """The performances with the labels of a table, if there is one. Raises DataError as `list_folder`."""
    return listing if table is None else join_listing(listing, table, COLUMNS, _build)


def with_difficulties(listing: Listing, root: Path, storage: Storage) -> Listing:
    """The videos below `root` with the labels in its file `DIFFICULTIES`. Raises as `list_folder`."""
    return with_table(listing, find_labels(root, None, (DIFFICULTIES,), storage))


def with_scores(listing: Listing, root: Path) -> Listing:
    """The videos below `root` with the labels of its table. A table that cannot be read is one of the problems."""
    try:
        return with_table(listing, find_labels(root, None, CANDIDATES))
    except AimError as error:
        return replace(listing, problems=(*listing.problems, str(error)))


def _spreadsheets(root: Path) -> list[str]:
    """A line for each spreadsheet beside the videos, which may hold the scores."""
    return [
        f"{clip(str(path), 200)}: is not read; name it {CANDIDATES[2]}, or save it as {CANDIDATES[0]}"
        for path in sorted(root.glob("*.*"))
        if path.suffix.lower() in SPREADSHEETS
    ]


def list_skeletons(root: Path, *, labels: str | Path | None = None, feature_names: Sequence[str] = ()) -> Listing:
    """The keypoint files below `root` with the labels of its CSV. Arguments and errors are those of `list_folder`.

    `feature_names`: names of features; they are the performances if the folder has no keypoint files.
    """
    table, problems = find_labels(root, labels, CANDIDATES), list[str]()
    tables = {root / name for name in (*CANDIDATES, BESIDE)} | ({table[0]} if table else set())
    paths = [folder / name for folder, _, names in walk(root, problems) for name in names]
    records = [
        Record(path.relative_to(root).as_posix(), None, {"keypoints": path})
        for path in paths
        if path.suffix.lower() in SUFFIXES and path.is_file() and path not in tables
    ]
    records = records or [*list_unfilmed(feature_names).records]
    if not records:
        fix = f"Keypoint files end in {' '.join(SUFFIXES)}"
        raise UsageError("no keypoint file in this folder", where=root, fix=fix)
    return with_table(Listing(tuple(sorted(records, key=lambda record: record.id)), tuple(problems)), table)


def _build(record: Record, row: LabelRow) -> Record:
    """The record with the labels, groups, split, task and day of a row."""
    numbers = {name: row.number(name) for name in LABELS}
    if numbers["score"] is None and numbers["execution"] is not None and numbers["difficulty"] is not None:
        numbers["score"] = numbers["execution"] * numbers["difficulty"]
    cells = row.text("judges").split()
    judges = tuple(number(c, where=row.where, what="judges", decimal_comma=row.decimal_comma) for c in cells)
    labelled = judges or any(value is not None for value in numbers.values())
    labels = Labels(**numbers, judges=judges) if labelled else None
    groups = {kind: row.text(kind) for kind in ("group", "subject") if row.text(kind)}
    day = row.text("date")
    if day and not _DAY.fullmatch(day):
        raise DataError(f"date is '{clip(day)}', not a day", where=row.where, fix="Write it as 2026-05-31")
    return replace(record, labels=labels, groups=groups, split=split_of(row), task=row.text("task"), day=day)


def find_labels(
    root: Path, label_file: str | Path | None, candidates: Sequence[str], storage: Storage | None = None
) -> LabelFile | None:
    """The label file `label_file` below `root` or as a path, else the only candidate in `root`, else None.

    `root` may be on a store.

    Raises UsageError: missing, or several; DataError: unreadable or too large; StorageError: the store does not answer
    or refuses.
    """
    files: dict[str | Path, bytes] = {}
    if is_remote(root) and (label_file is None or not Path(label_file).is_file()):
        inner = candidates if label_file is None else [address(label_file).removeprefix(address(root)).strip("/")]
        for name in inner:
            if ".." not in PurePosixPath(name).parts:
                with suppress(FileNotFoundError):
                    files[f"{address(root)}/{name}"] = RemoteFolder(root, storage or Storage()).read(name, MAX_BYTES)
    elif label_file is None:
        files = {root / name: read_bytes(root / name) for name in candidates if (root / name).is_file()}
    elif path := next(filter(Path.is_file, (root / label_file, Path(label_file))), None):
        files = {path: read_bytes(path)}
    if len(files) > 1:
        names = [PurePosixPath(file).name for file in files]
        fix = f"Choose one: {quoted('--set', f'dataset.labels={names[0]}')}"
        raise UsageError(f"several label files: {', '.join(names)}", where=address(root), fix=fix)
    if not files and label_file is not None:
        raise UsageError(absence(Path(label_file), "label file"), where=label_file, fix="Check dataset.labels")
    return next(iter(files.items()), None)


def split_of(row: LabelRow) -> str | None:
    """The row's fixed split; None if the cell is empty. Raises DataError: neither "train" nor "test"."""
    text = row.text("split").lower()
    if text not in ("", "train", "test"):
        raise DataError(f"the split is '{clip(text)}'", where=row.where, fix="Write train or test, or leave it empty")
    return text or None


def key_of(name: str) -> str:
    """A name without its video suffix, in one Unicode form: "3m/001.mp4" and "3m/001" have the same key."""
    if not name:
        return ""
    path = PurePosixPath(unicodedata.normalize("NFC", name.replace("\\", "/")))
    return str(path.with_suffix("")) if path.suffix.lower() in VIDEO_SUFFIXES else str(path)


def join_listing(
    listing: Listing, file: LabelFile, columns: tuple[str, ...], build: Callable[[Record, LabelRow], Record]
) -> Listing:
    """The performances of a listing with the labels of a table.

    The table needs the first of `columns`, "video", and may have the others. `build` makes the record of a row.

    Raises DataError: a damaged table, or a row with an impossible cell; names the file and the line.
    """
    table, unread = read_table(*file, columns, ALIASES)
    videos = {record.id: record for record in listing.records}
    rows, problems = _match(table, videos)
    scored, records = any(row.text("score") for row in table), []
    for name, record in videos.items():
        listed = rows.get(name, [])
        built = [build(record, row) for row in listed]
        chosen = built[0] if built else record
        if any(other != chosen for other in built):
            lines = ", ".join(str(row.line) for row in listed)
            fault = f"contradicting labels for '{record.name}' in lines {lines}; it is read without labels"
            problems.append(f"{listed[0].where}: {fault}")
            chosen = replace(chosen, labels=None, split=None)
        else:
            problems += [f"{row.where}: '{record.name}' is listed again with the same labels" for row in listed[1:]]
            if scored and built and (chosen.labels is None or chosen.labels.score is None):
                problems.append(f"{listed[0].where}: '{record.name}' has an empty score, so training leaves it out")
        records.append(chosen)
    unlabelled = [record.name for record in records if record.id not in rows]
    problems += [f"{clip(name, 200)}: a video that {PurePosixPath(file[0]).name} does not list" for name in unlabelled]
    return Listing(tuple(records), (*listing.problems, *unread, *problems))


def _match(table: Sequence[LabelRow], videos: dict[str, Record]) -> tuple[dict[str, list[LabelRow]], list[str]]:
    """The rows of every video, and a line for each row without a video and each loosely matched name."""
    names = VideoNames([*videos.values()])
    rows: dict[str, list[LabelRow]] = {}
    problems: list[str] = []
    guessed: list[str] = []
    unmatched: list[tuple[LabelRow, str]] = []
    for row in table:
        wanted = inner_path(row.text("video"), where=row.where)
        wanted = wanted if wanted in videos else without_mark(wanted)
        if len(alike := names.find(wanted)) != 1:
            unmatched.append((row, wanted))
            continue
        rows.setdefault(alike[0], []).append(row)
        if wanted not in videos:
            guessed.append(f"'{clip(wanted)}' for {clip(alike[0])}")
    free = [name for name in videos if name not in rows]
    for row, wanted in unmatched:
        problems.append(f"{row.where}: no video '{clip(wanted, 200)}'{names.suggestion(wanted, free)}")
    if guessed:
        table_name = PurePosixPath(table[0].file).name
        match = f"{counted(len(guessed), 'name')} match without case, folder or ending"
        problems.append(f"{table_name}: {match}, such as {guessed[0]}")
    return rows, problems


class VideoNames:
    """Finds performances by approximate names: case, separators and suffix may differ, folders may be missing."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._trials = {record.id: record.groups.get("trial", record.id) for record in records}
        self._loose: dict[Words, list[str]] = {}
        self._suggested = 0
        for video in records:
            names = (video.id, PurePosixPath(video.id).name, video.stem, self._trials[video.id])
            for form in dict.fromkeys(map(loose_name, names)):
                self._loose.setdefault(form, []).append(video.id)

    def find(self, name: str) -> list[str]:
        """The ids that match a name; an exact id matches alone."""
        if name in self._trials:
            return [name]
        return self._loose.get(loose_name(name)) or self._loose.get(loose_name(PurePosixPath(name).name), [])

    def views(self, name: str) -> list[str]:
        """The ids that match a name if they are views of one trial; else empty."""
        ids = self.find(name)
        return ids if len({self._trials[video] for video in ids}) == 1 else []

    def suggestion(self, name: str, among: Iterable[str] = ()) -> str:
        """ " (did you mean …?)" with the closest of all ids or of `among`; empty after `SUGGESTED` unmatched names."""
        self._suggested += 1
        close = get_close_matches(name, among or self._trials, n=1, cutoff=0.5) if self._suggested <= SUGGESTED else []
        return f" (did you mean '{clip(close[0], 120)}'?)" if close else ""


def loose_name(name: str) -> Words:
    """The words and numbers in a name, ignoring case, leading zeros and a video suffix.

    >>> loose_name("01/FINA_007.mp4")
    ('1', 'fina', '7')
    """
    return tuple(
        word.lstrip("0") or "0" if word.isdigit() else word for word in _WORDS.findall(key_of(name).casefold())
    )
