"""MTL-AQA, FineDiving and LOGO: annotations in pickles, performances as folders of frames, and official splits.

MTL-AQA (Parmar and Morris, CVPR 2019): one folder of frames a competition; a dive is a range of their numbers.

    ROOT/MTL-AQA_split_0_data/{final_annotations_dict,train_split_0,test_split_0}.pkl
    ROOT/whole_videos_frames/01/000001.jpg ...     as the publisher's frame_extractor.sh writes them

CoRe and T2CR distribute it with seven judges' scores a dive, MUSDL also as augmented_final_annotations_dict.pkl:

    ROOT/info/final_annotations_dict_with_dive_number.pkl
    ROOT/new/new_total_frames_256s/01/00001.jpg ...

Its three further competitions are a set of their own, without a split (`raw_dives`).

FineDiving (Xu et al., CVPR 2022): one folder of frames a dive, and the sub-action of every frame.

    ROOT/Annotations/{fine-grained_annotation_aqa,train_split,test_split}.pkl
    ROOT/Annotations/FineDiving_coarse_annotation.pkl          optional: single judges' scores
    ROOT/FineDiving/FINADivingWorldCup2021_Men3m_final_r1/0/00489.jpg ...

LOGO (Zhang et al., CVPR 2023): artistic swimming, one folder of frames a routine; its actions and formations are not
read.

    ROOT/LOGO_Anno&Split/{anno_dict,train_split3,test_split3}.pkl
    ROOT/Video_result/WorldChampionship2019_free_final/0/00000.jpg ...

No set states a frame rate: it is 25 per second, or `frames.fps`. Score "final" is the judges' final score,
"execution" is final / difficulty.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from data.datasets.diving_scores import difficulty_from_awards
from data.datasets.raw_dives import FOLDER, read_raw_dives
from data.datasets.score_lists import FRAME_RATE, checked_score, join_lists
from data.datasets.tables import clip, first_file, read_bytes
from data.errors import DataError
from data.store.restricted_pickle import load_plain
from data.video import FrameFolder, Labels, Listing, Phase, Record
from data.video.frame_folder import numbered_pictures
from data.video.records import MAX_LABEL

MAX_AWARD = 10.0  # the highest score of a single judge
Difficulty = Literal["", "published", "from_awards"]
"""Source of the degree of difficulty; empty: published."""

AGAIN = "Get the annotations and lists again from their publisher"


@dataclass(frozen=True)
class AnnotatedDive:
    """One annotated dive."""

    score: float
    difficulty: float | None
    first: int | None  # first and last number in the folder of frames; None: the whole folder
    last: int | None
    parts: tuple[int, ...]  # first frame of every annotated part but the first
    frames: int  # number of annotated frames


@dataclass(frozen=True)
class AnnotatedSet:
    """The annotations of a set, and its lists of dives."""

    path: Path  # of the annotations, for messages
    annotations: Mapping[Any, Any]  # by the two keys of a dive
    panels: Mapping[Any, tuple[float, ...]]  # judges' scores
    lists: Sequence[tuple[Path, str | None, Sequence[tuple[Any, Any]]]]  # file, side and dives
    doubts: Sequence[str] = ()


@dataclass(frozen=True)
class DivingLayout:
    """The files of one set, and how to read its annotations."""

    annotations: tuple[str, ...]  # names of the annotation file; the first that exists is read
    folders: tuple[str, ...]  # below the root, where annotations and lists may be
    lists: Mapping[str, tuple[str, ...]]  # names of the list of each side
    frames: tuple[str, ...]  # below the root, where the folders of frames may be
    keys: tuple[type, type]  # types of the two keys of a dive
    id: Callable[[Any, Any], str]  # the id of a dive from its two keys
    folder: Callable[[Any, Any], str]  # its folder of frames below one of `frames`
    dive: Callable[[Any], AnnotatedDive]  # from its annotation; raises LookupError, TypeError or ValueError
    task: str = "diving"
    judges: tuple[str, ...] = ()  # names of the file with the scores of single judges
    further: Callable[[Path], AnnotatedSet | None] = lambda _: None  # dives below a root that are in no list

    @property
    def marks(self) -> tuple[str, ...]:
        """Paths below the root; any of them identifies the set."""
        return tuple(f"{folder}/{name}".lstrip("/") for folder in self.folders for name in self.annotations)

    def list(
        self,
        root: Path,
        *,
        score: str = "",
        difficulty: Difficulty = "",
        frame_rate: float = 0.0,
        feature_names: Sequence[str] = (),
    ) -> Listing:
        """The performances with their official split; each listed performance without frames becomes a problem line.

        Groups: "competition", the source video of a dive (the official splits have most of them on both sides).
        `score` is "final" (default) or "execution". `difficulty` is "published" (default) or "from_awards". The latter
        replaces a published difficulty that contradicts awards and score, with a doubt for each such dive.
        `frame_rate` is in frames per second (0: `FRAME_RATE`). `feature_names`: as `join_lists`.

        Raises UsageError: an annotation or a list is missing, or the score is unknown; DataError: a damaged or
        contradictory file, or no performance has frames.
        """
        score = checked_score(score or "final", ["final", "execution"])
        found = self.further(root) or _listed(root, self)
        path = found.path
        folder = cache(partial(_folder, root, self.frames))  # MTL-AQA has many dives in one
        listed, problems, doubts = [], list[str](), list(found.doubts)
        for list_file, side, dives in found.lists:
            for key in dives:
                name = self.id(*key)
                frame_folder, pictures = folder(self.folder(*key))
                dive = _dive(found.annotations, key, self, path)
                present = len([n for n in pictures if dive.first is None or dive.first <= n <= (dive.last or 0)])
                frames = FrameFolder(frame_folder, frame_rate or FRAME_RATE, dive.first, dive.last) if present else None
                if present not in (0, dive.frames):
                    problems.append(f"{name}: {present} frames where the annotation has {dive.frames}")
                judges = found.panels.get(key, ())
                if judges and max(judges) > MAX_AWARD:
                    doubts.append(f"{name}: a judge gave {max(judges):g}, so the judges' scores are left out")
                    judges = ()
                level, value = dive.difficulty, dive.score
                if level is not None and difficulty == "from_awards":
                    level = difficulty_from_awards(value, level, judges)
                if level != dive.difficulty:
                    doubts.append(
                        f"{name}: difficulty {level:g} from the judges' scores, {dive.difficulty:g} published"
                    )
                if score == "execution":
                    if level is None or level <= 0:
                        fix = "Use dataset.score=final"
                        raise DataError(f"'{clip(name)}' has no difficulty above 0", where=path, fix=fix)
                    value /= level
                labels = Labels(value, difficulty=level, judges=judges)
                groups = {"competition": str(key[0])}
                phases = _phases(dive, frame_rate or FRAME_RATE)
                folder_of = frame_folder if frames else None
                record = Record(name, folder_of, {}, self.task, labels, groups, side, {}, frames, phases)
                listed.append((list_file, record))
        listing = join_lists(root, listed, {}, self.frames[0], feature_names)
        return replace(listing, problems=(*problems, *listing.problems), doubts=tuple(doubts))


def _mtl_dive(row: Any) -> AnnotatedDive:
    # The publisher's loader counts pictures from 0 and excludes `end_frame`; file names count from 1.
    first, last = _whole(row["start_frame"]) + 1, _whole(row["end_frame"])
    return AnnotatedDive(_real(row["final_score"]), _real(row["difficulty"]), first, last, (), last + 1 - first)


def _fine_dive(row: Any) -> AnnotatedDive:
    if isinstance(row, dict):
        row = [None, row["dive_score"], row["difficulty"], None, row["frames_labels"]]
    labels = np.asarray(row[4])
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
        raise ValueError("frames_labels is not a list of numbers")
    parts = tuple((np.flatnonzero(np.diff(labels)) + 1).tolist())
    return AnnotatedDive(_real(row[1]), _real(row[2]), None, None, parts, len(labels))


def _phases(dive: AnnotatedDive, rate: float) -> tuple[Phase, ...]:
    """Take-off (the first sub-action), entry (the last), and flight (all between, if any)."""
    if not dive.parts:
        return ()
    edges = [0.0, *(frame / rate for frame in sorted({dive.parts[0], dive.parts[-1]})), math.inf]
    names = ("take-off", "flight", "entry") if len(edges) == 4 else ("take-off", "entry")
    return tuple(Phase(name, *ends) for name, ends in zip(names, pairwise(edges), strict=True))


def _real(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_LABEL:
        raise ValueError("a score or difficulty is not a number")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**9:
        raise ValueError("a frame is not a whole number")
    return value


def _key(key: Any, kinds: tuple[type, type]) -> tuple[Any, Any] | None:
    """The key of a dive; None if its type is wrong, or if it names a folder outside the set."""
    good = isinstance(key, tuple) and len(key) == 2 and all(map(isinstance, key, kinds))
    name = str(key[0]) if good and isinstance(key[0], str) else ""
    safe = not (set(name) & set("/\\\0")) and name not in (".", "..")
    return key if good and safe and 0 <= key[1] < 10**6 and (name or 0 <= key[0] < 10**6) else None


def _further_mtl(root: Path) -> AnnotatedSet | None:
    dives, doubts = read_raw_dives(root)
    panels = {key: row["judge_scores"] for key, row in dives.items()}
    path = root / FOLDER
    return AnnotatedSet(path, dives, panels, [(path, None, list(dives))], doubts) if dives else None


MTL_WITH_JUDGES = ("final_annotations_dict_with_dive_number.pkl", "augmented_final_annotations_dict.pkl")
MTL_AQA = DivingLayout(
    annotations=("final_annotations_dict.pkl", *MTL_WITH_JUDGES),
    folders=("MTL-AQA_split_0_data", "Ready_2_Use/MTL-AQA_split_0_data", "info", ""),
    lists={"train": ("train_split_0.pkl", "train_split.pkl"), "test": ("test_split_0.pkl", "test_split.pkl")},
    frames=("whole_videos_frames", "frames", "new/new_total_frames_256s", "new_total_frames_256s", ""),
    keys=(int, int),
    id="{:02d}/{:03d}".format,
    folder=lambda competition, _: f"{competition:02d}",
    dive=_mtl_dive,
    judges=MTL_WITH_JUDGES,
    further=_further_mtl,
)
FINEDIVING = DivingLayout(
    annotations=("fine-grained_annotation_aqa.pkl", "FineDiving_fine-grained_annotation.pkl"),
    folders=("Annotations", "train_test_split", ""),
    lists={"train": ("train_split.pkl",), "test": ("test_split.pkl",)},
    frames=(
        "FineDiving",
        "FINADiving_MTL_256s",
        "Trimmed_Video_Frames/FINADiving_MTL_256s",
        "Trimmed_Video_Frames",
        "",
    ),
    keys=(str, int),
    id="{}/{:03d}".format,
    folder="{}/{}".format,
    dive=_fine_dive,
    judges=("FineDiving_coarse_annotation.pkl",),
)

LOGO = replace(
    FINEDIVING,
    annotations=("anno_dict.pkl",),
    folders=("LOGO_Anno&Split", "LOGO Anno&Split", ""),
    lists={"train": ("train_split3.pkl",), "test": ("test_split3.pkl",)},
    frames=("Video_result", "LOGO", ""),
    dive=lambda row: AnnotatedDive(_real(row[1]), None, None, None, (), len(row[4])),
    task="swimming",
    judges=(),
)


def _listed(root: Path, layout: DivingLayout) -> AnnotatedSet:
    """The annotations and lists of the publisher. Raises UsageError: one is missing; DataError: a damaged one."""
    find = partial(first_file, root, layout.folders, fix=f"It belongs in {root / layout.folders[0]}")
    path = find(layout.annotations)
    annotations = load_plain(read_bytes(path), path)
    if not isinstance(annotations, dict):
        raise DataError("is not a dictionary of performances", where=path, fix=AGAIN)
    files = {side: find(names) for side, names in layout.lists.items()}
    lists = [(file, side, _dives(file, layout.keys)) for side, file in files.items()]
    return AnnotatedSet(path, annotations, _panels(root, layout), lists)


def _panels(root: Path, layout: DivingLayout) -> dict[Any, tuple[float, ...]]:
    """The scores of single judges by dive; empty if the copy lacks them."""
    paths = [root / folder / name for name in layout.judges for folder in layout.folders]
    path = next(filter(Path.is_file, paths), None)
    table = {} if path is None else load_plain(read_bytes(path), path)
    try:
        rows = table.items()
        panels = {key: tuple(map(_real, row["judge_scores"])) for key, row in rows if _key(key, layout.keys)}
        if any(award < 0 for panel in panels.values() for award in panel):
            raise ValueError("a judge's score is below 0")
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"the judges' scores cannot be used ({clip(str(error))})"
        raise DataError(what, where=path, fix="Get the file again from its publisher, or remove it") from error
    return panels


def _dives(path: Path, kinds: tuple[type, type]) -> list[tuple[Any, Any]]:
    listed = load_plain(read_bytes(path), path)
    keys = [_key(key, kinds) for key in listed] if isinstance(listed, list) else [None]
    if None in keys or not keys:
        raise DataError("is not a list of performances, each (competition, number)", where=path, fix=AGAIN)
    return [key for key in dict.fromkeys(keys) if key is not None]


def _dive(annotations: Mapping[Any, Any], key: Any, layout: DivingLayout, path: Path) -> AnnotatedDive:
    try:
        return layout.dive(annotations[key])
    except (LookupError, TypeError, ValueError) as error:
        what = f"the annotation of '{clip(layout.id(*key))}' is missing or cannot be used ({clip(str(error))})"
        raise DataError(what, where=path, fix=AGAIN) from error


def _folder(root: Path, places: tuple[str, ...], name: str) -> tuple[Path, list[int]]:
    """The path of a folder of frames, and the numbers of its pictures."""
    paths = [root / parent / name for parent in places]
    path = next(filter(Path.is_dir, paths), paths[0])
    names = os.listdir(path) if path.is_dir() else ()
    return path, [number for number, _ in numbered_pictures(names)[0]]
