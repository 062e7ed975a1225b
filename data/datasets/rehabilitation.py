"""UI-PRMD and KIMORE: rehabilitation exercises as skeletons of a Kinect, without videos.

UI-PRMD (Vakanski et al., Data 2018): ten movements, ten people, correct (score 1) and incorrect (score 0).

    ROOT/Segmented Movements/Kinect/{Positions/m01_s01_e01_positions.txt,Angles/m01_s01_e01_angles.txt}
    ROOT/Incorrect Segmented Movements/Kinect/{Positions/m01_s01_e01_positions_inc.txt,Angles/..._angles_inc.txt}

KIMORE (Capecci et al., IEEE TNSRE 2019): five exercises, healthy people (CG) and patients (GPP), clinical scores.

    ROOT/CG/Expert/E_ID1/Es1/{Raw/JointPosition*.csv,Label/ClinicalAssessment_E_ID1.xlsx}

The task is the movement or exercise. The group "group" keeps all performances of a person on one side of every split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from data.datasets.score_lists import checked_score
from data.datasets.tables import at_line, clip, number, read_bytes
from data.datasets.workbooks import first_sheet
from data.errors import DataError, UsageError
from data.video import Labels, Listing, Record

_SEGMENT = re.compile(r"(m\d\d)_(s\d\d)_e\d\d_positions(_inc)?\.txt", re.ASCII)
_EXERCISE = re.compile(r"Es([1-5])", re.ASCII)
_COPY = re.compile(r"\([0-9]+\)$|\bcopy\b", re.IGNORECASE)
_COLUMNS = {"ts": "clinical TS Ex#", "po": "clinical PO Ex#", "cf": "clinical CF Ex#"}


def list_ui_prmd(root: Path, *, score: str = "") -> Listing:
    """The segmented movements of the Kinect, correct and incorrect; the only `score` is "correct".

    Raises UsageError: an unknown score; DataError: no movement with both files.
    """
    checked_score(score or "correct", ["correct"])
    records, problems = [], []
    for folder, value in (("Segmented Movements", 1.0), ("Incorrect Segmented Movements", 0.0)):
        places = root / folder / "Kinect"
        for path in sorted((places / "Positions").glob("*.txt")):
            name = _SEGMENT.fullmatch(path.name)
            if name is None or bool(name[3]) != (value == 0):
                problems.append(f"{folder}: '{clip(path.name)}' is no name of a segmented movement")
                continue
            angles = places / "Angles" / path.name.replace("_positions", "_angles")
            if not angles.is_file():
                problems.append(f"{clip(path.name)}: has no file {angles.name}")
                continue
            files = {"keypoints": path, "angles": angles}
            groups = {"subject": name[2], "group": name[2]}
            record_id = path.relative_to(root).as_posix()
            records.append(Record(record_id, None, files, name[1], Labels(score=value), groups))
        for angles in sorted((places / "Angles").glob("*.txt")):
            positions = angles.name.replace("_angles", "_positions")
            if not (places / "Positions" / positions).is_file():
                problems.append(f"{clip(angles.name)}: has no file {clip(positions)}")
    if not records:
        fix = "Expected Segmented Movements/Kinect/Positions and Angles"
        raise DataError("no segmented movement of the Kinect", where=root, fix=fix)
    return Listing(tuple(sorted(records, key=lambda record: record.id)), tuple(problems))


def list_kimore(root: Path, *, score: str = "") -> Listing:
    """The recordings of a KIMORE copy that have joints and a clinical score.

    Groups: "subject" and "group", the person, and "population", such as "GPP/Stroke". `score` is "ts" (total, default),
    "po" (primary outcomes) or "cf" (control factors).

    Raises UsageError: neither CG nor GPP, or an unknown score; DataError: a damaged assessment, or no recording with
    joints and score.
    """
    score = checked_score(score or "ts", [*_COLUMNS])
    if not any((root / name).is_dir() for name in ("CG", "GPP")):
        raise UsageError("no folder CG or GPP", where=root, fix="Give the folder that holds them")
    records, problems = [], []
    for folder in sorted(path for name in ("CG", "GPP") for path in (root / name).glob("*/*/Es*")):
        exercise = _EXERCISE.fullmatch(folder.name)
        person = folder.parent.relative_to(root).as_posix()
        if exercise is None or not folder.is_dir():
            continue
        joints = _originals_first((folder / "Raw").glob("JointPosition*.csv"))
        labels = _originals_first((folder / "Label").glob("ClinicalAssessment*.xlsx"))
        missing = [name for name, files in (("JointPosition", joints), ("ClinicalAssessment", labels)) if not files]
        if missing:
            problems.append(f"{person}/{folder.name}: no {missing[0]}")
            continue
        # A folder may hold another person's workbook beside the right one.
        books = [(path, *_assessment(path)) for path in labels]
        same = [book for book in books if not book[1] or _plain(book[1]) == _plain(folder.parent.name)]
        if not same:
            others = [f"{clip(path.name)} is of '{clip(subject)}'" for path, subject, _ in books]
            problems.append(f"{person}/{folder.name}: left out, {', '.join(others)}")
            continue
        values = {scores.get(f"{_COLUMNS[score]}{exercise[1]}") for _, _, scores in same}
        if len(values) > 1:
            names = ", ".join(clip(path.name) for path, _, _ in same)
            problems.append(f"{person}/{folder.name}: left out, the scores of {names} differ")
            continue
        (value,) = values
        if value is None:
            problems.append(f"{person}/{folder.name}: no score {score}")
            continue
        problems += [f"{person}/{folder.name}: '{clip(p.name)}' is left out, a second recording" for p in joints[1:]]
        groups = {"subject": person, "group": person, "population": person.rpartition("/")[0]}
        record_id = joints[0].relative_to(root).as_posix()
        records.append(Record(record_id, None, {"keypoints": joints[0]}, folder.name, Labels(score=value), groups))
    if not records:
        fix = "Expected CG/Expert/E_ID1/Es1/Raw and Label"
        raise DataError("no recording with joints and score", where=root, fix=fix)
    return Listing(tuple(records), tuple(problems))


def _originals_first(paths: Iterable[Path]) -> list[Path]:
    """The files in the order of their names; copies, such as "a (1).csv", come last."""
    return sorted(paths, key=lambda path: (_COPY.search(path.stem) is not None, path.name))


def _plain(person: str) -> str:
    """A person's name for comparison: "E_ID01" and "e id1" are the same."""
    return "".join(part.lstrip("0") for part in re.findall(r"[a-z]+|[0-9]+", person.lower()))


def _assessment(path: Path) -> tuple[str, dict[str, float]]:
    """The subject of an assessment, and its numbers (row 2) by name (row 1); empty cells are left out."""
    rows = first_sheet(path, read_bytes(path))
    if len(rows) < 2:
        fix = "Expected a sheet with names in row 1 and numbers in row 2"
        raise DataError("is no readable workbook (it has fewer than two rows)", where=path, fix=fix)
    cells = {name.strip(): cell for name, cell in zip(rows[0], rows[1], strict=True)}
    subject = next((cell for name, cell in cells.items() if name.lower() == "subject id"), "")
    return subject, {
        name: number(cell, where=at_line(path, 2), what=clip(name))
        for name, cell in cells.items()
        if name.startswith("clinical") and cell
    }
