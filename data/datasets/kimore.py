"""KIMORE (Capecci et al., IEEE TNSRE 2019): five rehabilitation exercises as skeletons of a Kinect, without videos.

    ROOT/CG/Expert/E_ID1/Es1/Raw/{JointPosition280914_103748.csv,TimeStamp280914_103748.csv}
    ROOT/CG/Expert/E_ID1/Es1/Label/ClinicalAssessment_E_ID1.xlsx

Healthy people are in CG, patients in GPP. The task is the exercise. The group "group" keeps all recordings of a person
on one side of every split.

A folder may hold several copies of a recording or workbook. The original is read if it is intact, else the first
intact copy. Every choice is reported as a doubt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data.datasets.score_lists import ROUNDING, checked_score
from data.datasets.tables import at_line, clip, number, read_bytes
from data.datasets.workbooks import first_sheet
from data.errors import DataError, UsageError, counted
from data.keypoints.csv_layouts import of_file
from data.keypoints.time_stamps import GAP_PERIODS, median_step, read_stamps
from data.video import Labels, Listing, Record

SCORES = ("ts", "po", "cf")
"""The total, the primary outcomes and the control factors, which sum to the total."""

PUBLISHED = ("Es1", "Es2", "Es3", "Es4", "Es5")
"""Exercises with a score."""

EMPTY = frozenset({
    "CG/Expert/E_ID8/Es2", "CG/NotExpert/NE_ID11/Es3", "CG/NotExpert/NE_ID11/Es5", "CG/NotExpert/NE_ID24/Es2",
    "GPP/BackPain/B_ID8/Es4", "GPP/Parkinson/P_ID7/Es5", "GPP/Stroke/S_ID5/Es3",
})  # fmt: skip
"""Exercises without a recording in the publisher's copy (`matlab/problems_with_dataset.log` of KiMoRe_wrapper)."""

_COPY = re.compile(r"[ _-]*(\([0-9]+\)$|\bcopy\b)", re.IGNORECASE)
_POSITION, _STAMP = "JointPosition", "TimeStamp"


class _LeftOutError(Exception):
    """A recording is not listed; the message says why."""


@dataclass
class _Exercise:
    """The folder of one exercise of one person."""

    folder: Path
    person: str  # its folders below the root, such as "CG/Expert/E_ID1"
    problems: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    @property
    def task(self) -> str:
        return self.folder.name

    @property
    def name(self) -> str:
        return f"{self.person}/{self.task}"

    def problem(self, text: str) -> None:
        self.problems.append(f"{self.name}: {text}")

    def doubt(self, text: str) -> None:
        self.doubts.append(f"{self.name}: {text}")


@dataclass(frozen=True)
class _Workbook:
    """A clinical assessment."""

    path: Path
    subject: str  # the name of the person, may be empty
    numbers: dict[str, float]  # by the name of the column

    def score(self, name: str, task: str) -> float | None:
        """One of `SCORES` of an exercise; None if the workbook lacks it."""
        return self.numbers.get(f"clinical {name.upper()} Ex#{task[2:]}")

    def off(self, task: str) -> str:
        """How the total of an exercise contradicts its parts; empty if they agree or one of them is missing."""
        total, outcomes, factors = (self.score(name, task) for name in SCORES)
        if total is None or outcomes is None or factors is None or abs(outcomes + factors - total) <= ROUNDING:
            return ""
        return f"the total is {total:g}, but PO + CF are {outcomes + factors:g}"


def list_kimore(root: Path, *, score: str = "", feature_names: Sequence[str] = ()) -> Listing:
    """The recordings of a KIMORE copy that have joints and a clinical score.

    Groups: "subject" and "group", the person, and "population", such as "GPP/Stroke". `score` is one of `SCORES`
    (default: the total). `feature_names`: names of features; with any, a scored exercise without joints is listed too,
    with an id such as "CG/Expert/E_ID1/Es1".

    Raises UsageError: neither CG nor GPP, or an unknown score; DataError: a damaged assessment, or no recording with
    joints and score.
    """
    score = checked_score(score or SCORES[0], [*SCORES])
    records, exercises = list[Record](), _exercises(root)
    for exercise in exercises:
        if exercise.task not in PUBLISHED:
            exercise.doubt(f"is left out, scores are of {PUBLISHED[0]} to {PUBLISHED[-1]}")
            continue
        try:
            records.append(_record(root, exercise, score, from_features=bool(feature_names)))
        except _LeftOutError as reason:
            note = exercise.doubt if exercise.name in EMPTY else exercise.problem
            note(str(reason))
    if not records:
        fix = "Expected CG/Expert/E_ID1/Es1/Raw and Label; features in place of Raw: --features PATH"
        raise DataError("no recording with joints and score", where=root, fix=fix)
    problems = (line for exercise in exercises for line in exercise.problems)
    doubts = (line for exercise in exercises for line in exercise.doubts)
    return Listing(tuple(records), tuple(problems), tuple(doubts))


def clock_doubts(records: Sequence[Record]) -> list[str]:
    """A line on gaps in the time stamps, and one for each unreadable file of time stamps."""
    doubts, gaps = list[str](), list[tuple[float, str]]()
    stamped = [(record.name, record.sidecars["time_stamps"]) for record in records if "time_stamps" in record.sidecars]
    for name, path in stamped:
        try:
            seconds = read_stamps(path)
        except DataError as error:
            doubts.append(str(error))
            continue
        longest = float((seconds[1:] - seconds[:-1]).max())
        gaps += [(longest, name)] if longest > GAP_PERIODS * median_step(seconds) else []
    if gaps:
        longest, name = max(gaps)
        most = f"{counted(len(gaps), 'recording')} of {len(stamped)} miss frames"
        doubts.append(f"{most}: their time stamps have gaps, the longest of {longest:.3g} s in {name}")
    return doubts


def _exercises(root: Path) -> list[_Exercise]:
    """All folders of exercises, with or without a score. Raises UsageError: neither CG nor GPP."""
    populations = [root / name for name in ("CG", "GPP") if (root / name).is_dir()]
    if not populations:
        raise UsageError("no folder CG or GPP", where=root, fix="Give the folder that holds them")
    folders = sorted(path for population in populations for path in population.glob("*/*/Es*") if path.is_dir())
    return [_Exercise(path, path.parent.relative_to(root).as_posix()) for path in folders]


def _record(root: Path, exercise: _Exercise, score: str, *, from_features: bool) -> Record:
    """The recording of an exercise. Raises _LeftOutError: no score, or no joints unless `from_features`."""
    has_joints = not from_features or any((exercise.folder / "Raw").glob(f"{_POSITION}*.csv"))
    path, files = _recording(exercise) if has_joints else (exercise.folder, {})
    books = _files(exercise, "Label", "ClinicalAssessment*.xlsx")
    value = _score(exercise, _workbooks(exercise, books), score)
    person = exercise.person
    groups = {"subject": person, "group": person, "population": person.rpartition("/")[0]}
    return Record(path.relative_to(root).as_posix(), None, files, exercise.task, Labels(score=value), groups)


def _recording(exercise: _Exercise) -> tuple[Path, dict[str, Path]]:
    """The joints of an exercise, and its files by kind of input. Raises _LeftOutError: no joints."""
    path = _sound_recording(exercise, _files(exercise, "Raw", f"{_POSITION}*.csv"))
    if (stamps := _stamps_of(path)) is not None:
        return path, {"keypoints": path, "time_stamps": stamps}
    exercise.problem(f"no {_STAMP}, its clock is skeleton.rate_hz")
    return path, {"keypoints": path}


def _files(exercise: _Exercise, folder: str, pattern: str) -> list[Path]:
    """The matching files of an exercise by name; copies, such as "a (1).csv", come last."""
    paths = (exercise.folder / folder).glob(pattern)
    found = sorted(paths, key=lambda path: (_COPY.search(path.stem) is not None, path.name))
    if not found:
        raise _LeftOutError(f"no {pattern.partition('*')[0]}")
    return found


def _sound_recording(exercise: _Exercise, joints: Sequence[Path]) -> Path:
    """The first intact recording, else the first one; the others become doubts."""
    if len(joints) == 1:
        return joints[0]
    faults = {path: _fault(path) for path in joints}
    chosen = next((path for path, fault in faults.items() if not fault), joints[0])
    for path, fault in faults.items():
        if path != chosen:
            exercise.doubt(f"'{clip(path.name)}' is left out: {fault or 'a second recording'}")
    return chosen


def _fault(joints: Path) -> str:
    """Why a recording is damaged: unreadable, or its frames and time stamps differ in number; else empty."""
    stamps = _stamps_of(joints)
    try:
        frames = len(of_file(joints).frames)
        times = frames if stamps is None else len(read_stamps(stamps))
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    except DataError as error:
        return error.what
    return "" if frames == times else f"{frames} frames and {times} time stamps"


def _stamps_of(joints: Path) -> Path | None:
    """The time stamps of a recording: the file of the same suffix; a copy may use those of its original."""
    ending = joints.stem.removeprefix(_POSITION)
    paths = (joints.with_name(f"{_STAMP}{stem}{joints.suffix}") for stem in (ending, _COPY.sub("", ending)))
    return next(filter(Path.is_file, paths), None)


def _workbooks(exercise: _Exercise, paths: Sequence[Path]) -> list[_Workbook]:
    """The person's workbooks; other people's are left out. Raises _LeftOutError: no other remains."""
    books = _readable(exercise, paths)
    own = [book for book in books if not book.subject or _plain(book.subject) == _plain(exercise.folder.parent.name)]
    if not own:
        others = [f"{clip(book.path.name)} is of '{clip(book.subject)}'" for book in books]
        raise _LeftOutError(f"left out, {', '.join(others)}")
    return own


def _readable(exercise: _Exercise, paths: Sequence[Path]) -> list[_Workbook]:
    """The readable workbooks; the others become doubts. Raises DataError: none is readable."""
    books, errors = list[_Workbook](), dict[Path, DataError]()
    for path in paths:
        try:
            books.append(_workbook(path))
        except DataError as error:
            errors[path] = error
    if not books:
        raise errors[paths[0]]
    for path, fault in errors.items():
        exercise.doubt(f"'{clip(path.name)}' is left out: {fault.what}")
    return books


def _score(exercise: _Exercise, books: Sequence[_Workbook], score: str) -> float:
    """The score in the workbooks; those whose total equals the sum of its parts take precedence.

    Raises _LeftOutError: no score, or scores that differ.
    """
    sound = [book for book in books if not book.off(exercise.task)] or list(books)
    values = {book.score(score, exercise.task) for book in sound}
    if len(values) > 1:
        names = ", ".join(clip(book.path.name) for book in sound)
        raise _LeftOutError(f"left out, the scores of {names} differ")
    if (value := values.pop()) is None:
        raise _LeftOutError(f"no score {score}")
    if fault := sound[0].off(exercise.task):
        exercise.doubt(fault)
    for book in books:
        if book not in sound:
            exercise.doubt(f"'{clip(book.path.name)}' is left out: {book.off(exercise.task)}")
    return value


def _plain(person: str) -> str:
    """A person's normalised name: "E_ID01" and "e id1" are equal."""
    return "".join(part.lstrip("0") for part in re.findall(r"[a-z]+|[0-9]+", person.lower()))


def _workbook(path: Path) -> _Workbook:
    """An assessment, whose row 1 has names and row 2 numbers; empty cells are left out."""
    rows = first_sheet(path, read_bytes(path))
    if len(rows) < 2:
        fix = "Expected a sheet with names in row 1 and numbers in row 2"
        raise DataError("is not a readable workbook (it has fewer than two rows)", where=path, fix=fix)
    cells = {name.strip(): cell for name, cell in zip(rows[0], rows[1], strict=True)}
    subject = next((cell for name, cell in cells.items() if name.lower() == "subject id"), "")
    numbers = {
        name: number(cell, where=at_line(path, 2), what=clip(name))
        for name, cell in cells.items()
        if name.startswith("clinical") and cell
    }
    return _Workbook(path, subject, numbers)
