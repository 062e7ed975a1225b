"""UI-PRMD (Vakanski et al., Data 2018): ten rehabilitation movements as skeletons of a Kinect, without videos.

    ROOT/Segmented Movements/Kinect/{Positions/m01_s01_e01_positions.txt,Angles/m01_s01_e01_angles.txt}
    ROOT/Incorrect Segmented Movements/Kinect/{Positions/m01_s01_e01_positions_inc.txt,Angles/..._angles_inc.txt}

Ten people, correct (score 1) and incorrect (score 0). The task is the movement. The group "group" keeps all
performances of a person on one side of every split.
"""

from __future__ import annotations

import re
from pathlib import Path

from data.datasets.score_lists import checked_score
from data.datasets.tables import clip
from data.errors import DataError
from data.video import Labels, Listing, Record

_SEGMENT = re.compile(r"(m\d\d)_(s\d\d)_e\d\d_positions(_inc)?\.txt", re.ASCII)


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
