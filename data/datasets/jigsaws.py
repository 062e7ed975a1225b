"""JIGSAWS (Gao et al., M2CAI 2014) in its official layout: one record per view; views of a trial are grouped.

    ROOT/TASK/video/TASK_X00n_capture{1,2}.avi
    ROOT/TASK/kinematics/AllGestures/TASK_X00n.txt
    ROOT/TASK/transcriptions/TASK_X00n.txt
    ROOT/TASK/meta_file_TASK.txt

TASK is Suturing, Needle_Passing or Knot_Tying, X the surgeon, n the trial. The meta file lists the scored trials
(39 + 28 + 36); each missing trial becomes a problem line. A trial without videos, as in a copy of kinematics only, is
one record with `path` None, named after its kinematics file. For new trials without scores or a meta file,
`list_jigsaws(root, unscored=True)` lists every trial that has a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from data.datasets.tables import at_line, clip, read_bytes, read_text
from data.errors import DataError, UsageError, VideoError, counted, nearest
from data.video import VIDEO_SUFFIXES, Labels, Listing, Record, probe

VIEWS = ("capture1", "capture2")
TASKS = ("Suturing", "Needle_Passing", "Knot_Tying")

TRIAL = re.compile(rf"({'|'.join(TASKS)})_([A-Z])(\d{{3}})", re.ASCII)
"""Task, surgeon and trial number (the supertrial) in a trial's name."""

MOST_APART = 30
"""Official videos have 2 to 20 more frames than there are rows; more than this and 5 % of them is a doubt."""

_INTEGER = re.compile(r"\d{1,9}", re.ASCII)


def list_jigsaws(
    root: Path, *, tasks: Sequence[str] = TASKS, unscored: bool = False, feature_names: Sequence[str] = ()
) -> Listing:
    """The scored trials of a JIGSAWS copy.

    Ids are paths below `root`, such as "Suturing/video/Suturing_B001_capture1.avi"; the score is the GRS, and the
    judges' scores are its six items.
    Groups: "trial" ("Suturing_B001"), "subject" ("B", the same person in every task), "supertrial" ("1") and
    "view" ("capture1", or "none"). Sidecars: "kinematics" and "transcription", where these files are not empty.

    Args:
        root: the folder that holds the task folders.
        unscored: also list trials without a score; the meta file and second views are optional.
        feature_names: names of features that replace files; with any, a scored trial without files is one record,
            "Suturing/Suturing_B001".

    Raises:
        UsageError: an unknown task, or no task folder in `root`.
        DataError: a damaged or contradictory meta file, or no usable trial.
    """
    if unknown := [task for task in tasks if task not in TASKS]:
        raise UsageError(f"unknown task '{clip(unknown[0])}'", fix=nearest(unknown[0], TASKS).capitalize())
    present = [task for task in tasks if (root / task).is_dir()]
    if not present:
        fix = "Give the folder that holds them; for your own videos --config folder"
        if root.name in TASKS:
            fix = f"Give the folder above {root.name}"
        raise UsageError(f"none of the folders {', '.join(tasks)} is here", where=root, fix=fix)
    problems = [f"{task}: no such folder in {root.name}" for task in tasks if task not in present and not unscored]
    doubts: list[str] = []
    records = [
        record
        for task in present
        for record in _list_task(root / task, problems, doubts, unscored=unscored, from_features=bool(feature_names))
    ]
    if not records:
        why = clip("; ".join(problems), 300) or "empty"
        what = f"no {'' if unscored else 'scored '}trial with any input ({why})"
        fix = "Compare with the official layout; features in place of its files: --features PATH"
        raise DataError(what, where=root, fix=fix)
    return Listing(tuple(sorted(records, key=lambda record: record.id)), tuple(problems), tuple(doubts))


def kinematics_of(video: Path) -> Path | None:
    """The kinematics file of a view in the official layout, or None."""
    path = video.parent.parent / "kinematics" / "AllGestures" / f"{trial_of(video.stem)}.txt"
    return path if path.is_file() and path.stat().st_size > 0 else None


def trial_of(stem: str) -> str:
    """The trial in the name of a view or of a kinematics file: "Suturing_B001" of "Suturing_B001_capture1"."""
    trial, _, view = stem.rpartition("_")
    return trial if view in VIEWS else stem


def _list_task(
    folder: Path, problems: list[str], doubts: list[str], *, unscored: bool, from_features: bool
) -> Iterator[Record]:
    task, meta = folder.name, folder / f"meta_file_{folder.name}.txt"
    if not meta.is_file() and not unscored:
        problems.append(f"{task}: no {meta.name}, so none of its trials has a score")
        return
    scores: dict[str, Labels | None] = {**(read_scores(meta, task) if meta.is_file() else {})}
    videos = _by_stem(folder / "video", problems)
    files = sorted((folder / "kinematics" / "AllGestures").glob("*.txt"))
    unlisted = {  # the meta file gives them no score
        "video": sorted(stem for stem in videos if stem.rpartition("_")[0] not in scores),
        "kinematics file": [p.stem for p in files if p.stem not in scores and not p.name.startswith(".")],
    }
    if unscored:
        scores |= dict.fromkeys(sorted({trial_of(stem) for stems in unlisted.values() for stem in stems}))
    for trial, labels in scores.items():
        sidecars = _sidecars(folder, trial, [] if from_features else problems)
        records = list(_trial_records(folder, trial, labels, videos, sidecars, from_features=from_features))
        yield from records
        if not unscored:
            absent = [view for view in VIEWS if f"{trial}_{view}" not in videos] if videos else []
            problems += [f"{trial}: no video of {view}" for view in absent]
            problems += [] if records else [f"{trial}: listed in {meta.name}, but has no input"]
    if not videos and not unscored:
        doubts.append(f"{task}: no videos; the stages that need them are left out")
    for what, stems in unlisted.items():
        if stems and not unscored:
            doubts.append(f"{task}: {counted(len(stems), what)} without a score: {clip(', '.join(stems), 400)}")


def _by_stem(folder: Path, problems: list[str]) -> dict[str, Path]:
    """Videos by file name without suffix; .avi, the official format, wins, and further files are reported."""
    kept: dict[str, Path] = {}
    paths = folder.iterdir() if folder.is_dir() else ()
    usable = [p for p in paths if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file() and not p.name.startswith(".")]
    for path in sorted(usable, key=lambda p: (p.suffix.lower() != ".avi", p.name)):
        if kept.setdefault(path.stem, path) is not path:
            name = f"{folder.parent.name}/video/{clip(path.name)}"
            problems.append(f"{name}: a second file for the same view, left out")
    return kept


def _sidecars(folder: Path, trial: str, problems: list[str]) -> dict[str, Path]:
    """Kinematics and transcription of a trial, unless empty; missing kinematics are reported."""
    kinematics = folder / "kinematics" / "AllGestures" / f"{trial}.txt"
    places = {"kinematics": kinematics, "transcription": folder / "transcriptions" / f"{trial}.txt"}
    kept = {kind: path for kind, path in places.items() if path.is_file() and path.stat().st_size > 0}
    if "kinematics" not in kept:
        problems.append(f"{trial}: {'empty' if kinematics.is_file() else 'no'} kinematics file")
    return kept


def _trial_records(
    folder: Path,
    trial: str,
    labels: Labels | None,
    videos: dict[str, Path],
    sidecars: dict[str, Path],
    *,
    from_features: bool,
) -> Iterator[Record]:
    names = {view: f"{trial}_{view}" for view in VIEWS} | {"none": trial}
    inputs: dict[str, Path | None] = {view: videos[name] for view, name in names.items() if name in videos}
    if not inputs and (from_features or "kinematics" in sidecars):
        inputs = {"none": None}
    groups = {"trial": trial}
    if match := TRIAL.fullmatch(trial):
        groups |= {"subject": match[2], "supertrial": str(int(match[3]))}
    for view, path in inputs.items():
        record_id = (path or sidecars.get("kinematics", folder / trial)).relative_to(folder.parent).as_posix()
        yield Record(record_id, path, sidecars, folder.name, labels, {**groups, "view": view})


def length_doubts(records: Sequence[Record]) -> list[str]:
    """One line for each trial whose kinematics have far more or fewer rows than its video has frames.

    Unreadable videos are skipped; extraction reports them.
    """
    doubts = {}
    for record in records:
        path, trial = record.sidecars.get("kinematics"), record.groups.get("trial", record.id)
        if path is None or record.path is None or trial in doubts:
            continue
        rows = len(read_bytes(path).split(b"\n")) - 1
        with suppress(VideoError):
            frames = len(probe(record.path)[1])
            if abs(frames - rows) > max(MOST_APART, 0.05 * frames):
                doubts[trial] = f"{trial}: {rows} rows of kinematics for {frames} frames"
    return [*doubts.values()]


def read_scores(meta: Path, task: str) -> dict[str, Labels]:
    """The GRS of each trial in the meta file of a task, and its items as judges' scores.

    A line has the trial, the self-proclaimed level (E, I or N), the GRS, and the six items that sum to it: respect for
    tissue, suture and needle handling, time and motion, flow of operation, overall performance, quality of final
    product. Empty columns, CRLF and lines that repeat a trial are ignored.

    Raises DataError, which names the file and the line: a wrong number of columns, no trial of this task, a score that
    is not a whole number, a wrong sum, or a trial with two scores.
    """
    fix = "Expected: trial, level, GRS and six items that sum to it"
    labels: dict[str, Labels] = {}
    for index, line in enumerate(read_text(meta).split("\n"), start=1):
        where, cells = at_line(meta, index), line.split()
        if not cells:
            continue
        if len(cells) != 9:
            raise DataError(f"{len(cells)} filled columns instead of 9", where=where, fix=fix)
        trial, _, *scores = cells
        if not TRIAL.fullmatch(trial) or not trial.startswith(f"{task}_"):
            raise DataError(f"'{clip(trial)}' is not a trial of {task}", where=where, fix=f"Expected {task}_B001 or so")
        if odd := [score for score in scores if not _INTEGER.fullmatch(score)]:
            raise DataError(f"the score '{clip(odd[0])}' is not a whole number", where=where, fix=fix)
        grs, *items = map(float, scores)
        if sum(items) != grs:
            raise DataError(f"the items sum to {sum(items):g}, but the GRS is {grs:g}", where=where, fix=fix)
        made = Labels(score=grs, judges=tuple(items))
        if labels.setdefault(trial, made) != made:
            raise DataError(f"'{trial}' has other scores in an earlier line", where=where, fix="Keep one line")
    if not labels:
        raise DataError("empty meta file", where=meta, fix="Get the file again")
    return labels
