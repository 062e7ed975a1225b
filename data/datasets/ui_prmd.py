"""UI-PRMD (Vakanski et al., Data 2018): ten rehabilitation movements as skeletons of a Kinect, without videos.

    ROOT/Segmented Movements/Kinect/{Positions/m01_s01_e01_positions.txt,Angles/m01_s01_e01_angles.txt}
    ROOT/Incorrect Segmented Movements/Kinect/{Positions/m01_s01_e01_positions_inc.txt,Angles/..._angles_inc.txt}

Ten people, correct (score 1) and incorrect (score 0). The task is the movement. The group "group" keeps all
performances of a person on one side of every split.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from data.datasets.score_lists import checked_score
from data.datasets.tables import clip
from data.errors import DataError
from data.video import Labels, Listing, Record

_SEGMENT = re.compile(r"(m\d\d)_(s\d\d)_e\d\d_positions(_inc)?\.txt", re.ASCII)
_SEGMENT_OF_FEATURES = re.compile(r"(m\d\d)_(s\d\d)_e\d\d(?:_positions|_angles)?(_inc)?", re.ASCII)


def list_ui_prmd(root: Path, *, score: str = "", feature_names: Sequence[str] = ()) -> Listing:
    """The segmented movements of the Kinect, correct and incorrect; the only `score` is "correct".

    `feature_names`: names of features; they are the movements if the folder has none.

    Raises UsageError: an unknown score; DataError: no movement with both files.
    """
    checked_score(score or "correct", ["correct"])
    records, problems = [], []
    for folder, value in (("Segmented Movements", 1.0), ("Incorrect Segmented Movements", 0.0)):
        places = root / folder / "Kinect"
        for path in sorted(places.glob("*/*.txt")):
            kinds = ("Positions", "Angles") if path.parent.name == "Positions" else ("Angles", "Positions")
            beside = places / kinds[1] / path.name.replace(kinds[0].lower(), kinds[1].lower())
            name = _SEGMENT.fullmatch(path.name)
            if not beside.is_file():
                problems.append(f"{clip(path.name)}: has no file {clip(beside.name)}")
            elif name and bool(name[3]) == (value == 0):
                files = {"keypoints": path, "angles": beside}
                records.append(_record(path.relative_to(root).as_posix(), files, name))
            elif kinds[0] == "Positions":
                problems.append(f"{folder}: '{clip(path.name)}' is not the name of a segmented movement")
    for called in () if records else feature_names:
        if name := _SEGMENT_OF_FEATURES.fullmatch(PurePosixPath(called).name):
            records.append(_record(called, {}, name))
        else:
            problems.append(f"'{clip(called)}' is not the name of a segmented movement, such as m01_s01_e01_inc")
    if not records:
        fix = "Expected Segmented Movements/Kinect/Positions and Angles, or features called like m01_s01_e01_inc"
        raise DataError("no segmented movement of the Kinect", where=root, fix=fix)
    return Listing(tuple(sorted(records, key=lambda record: record.id)), tuple(problems))


def _record(record_id: str, files: dict[str, Path], name: re.Match[str]) -> Record:
    """The record of a movement, from the match of its name: movement, person, and "_inc" where it is incorrect."""
    groups = {"subject": name[2], "group": name[2]}
    return Record(record_id, None, files, name[1], Labels(score=0.0 if name[3] else 1.0), groups)
