"""Finds the keypoint file of a video."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from data.errors import DataError, printable
from data.keypoints.reading import SUFFIXES
from data.store import expanded
from data.video.records import Record

ENDINGS = ("", "_keypoints", "_pose", "_landmarks", "_predictions", "_json")
"""Endings that may follow the video's name. Others may not: `dive1_b.json` belongs to the video dive1_b, not dive1."""

OF_TOOLS = (r"_?DLC.*", r"_Sports2D_px_person[0-9]+", r"(\.[a-z0-9]{2,4})?\.(predictions|analysis)")
"""Patterns of endings that DeepLabCut, Sports2D and SLEAP write."""

PERSON = re.compile(r"(.+_Sports2D_(?:px|m)_person)([0-9]+)", re.DOTALL)
"""Names of Sports2D's files of one person, without the suffix."""

LABELS = "labels"
"""Name of the subfolder that Ultralytics makes for the files of a video."""


def find_keypoints(folder: Path, video_id: str) -> Path | None:
    """The keypoint file, or folder of files, of a video, or None.

    It is in `folder`, in the same subfolder as in the video's id: `<name><ending>` with one of `SUFFIXES`, or a name
    that a tool writes (`OF_TOOLS`). Sports2D's files are in `<name>_Sports2D`, of which the first person's is taken.
    Else it is the folder `<name><ending>`, or its subfolder `labels` by Ultralytics.

    Raises DataError: several files match. Of DeepLabCut's CSV and H5 of one name, the CSV is taken.
    """
    relative = PurePosixPath(video_id)
    parent, stem = folder.joinpath(*relative.parts[:-1]), relative.stem
    belongs = re.compile(f"{re.escape(stem)}({'|'.join((*ENDINGS, *OF_TOOLS))})", re.DOTALL).fullmatch
    try:
        of_sports2d = parent / f"{stem}_Sports2D"
        folders = [parent, of_sports2d] if of_sports2d.is_dir() else [parent]
        names = sorted(path for directory in folders for path in directory.iterdir() if path.name.startswith(stem))
    except OSError:
        return None
    fitting = [path for path in names if path.suffix in SUFFIXES and path.is_file() and belongs(path.stem)]
    csv = {path.stem for path in fitting if path.suffix == ".csv"}
    further = {path for first in fitting for path in further_people(first)}
    fitting = [path for path in fitting if path not in further and (path.suffix != ".h5" or path.stem not in csv)]
    folders = [path for path in names if path.is_dir() and path.name in {stem + e for e in ENDINGS}]
    fitting = fitting or [path / LABELS if (path / LABELS).is_dir() else path for path in folders]
    if len(fitting) > 1:
        names_shown = ", ".join(printable(path.name) for path in fitting)
        what = f"several keypoint files belong to this video: {names_shown}"
        raise DataError(what, where=parent, fix="Keep one of them in the folder")
    return fitting[0] if fitting else None


def further_people(path: Path) -> list[Path]:
    """The files of later people beside a file of Sports2D, in order; empty for other files."""
    person = PERSON.fullmatch(path.stem)
    if person is None:
        return []
    others = ((PERSON.fullmatch(other.stem), other) for other in sorted(path.parent.glob(f"*{path.suffix}")))
    return [other for match, other in others if match and match[1] == person[1] and int(match[2]) > int(person[2])]


def sidecar(record: Record, folder: str) -> dict[str, Path]:
    """{"keypoints": path} of a video's keypoint file, in `folder` or beside the video; empty if it has none."""
    path, ending = None, "" if record.frames is None else ".frames"  # a folder's name has no suffix
    if folder:
        path = expanded(folder)  # or a file of all videos
        path = path if path.is_file() else find_keypoints(path, f"{record.id}{ending}")
    elif record.path is not None:
        path = find_keypoints(record.path.parent, f"{record.path.name}{ending}")
    return {} if path is None or path == record.path else {"keypoints": path}
