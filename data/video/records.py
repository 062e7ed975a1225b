"""Records: one for each video (or trial), with a unique id, labels and groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from data.errors import printable
from data.store import RemoteFile
from data.video.decoder import RetimedVideo, Video
from data.video.frame_folder import FrameFolder

MAX_LABEL = 1e9  # largest absolute score: differences and squares of larger ones lose digits or overflow

LABELS = ("score", "execution", "synchronisation", "difficulty")  # labels that are one number


@dataclass(frozen=True)
class Labels:
    """The judges' scores of one performance. Every field is optional; `score` is what AIM regresses."""

    score: float | None = None  # final score, on the data set's scale
    execution: float | None = None
    synchronisation: float | None = None
    difficulty: float | None = None
    judges: tuple[float, ...] = ()  # scores of single judges, or of the items of a rating, in the data set's order


@dataclass(frozen=True)
class Phase:
    """A named part of a performance."""

    name: str
    start: float  # s from the first frame
    end: float  # s; infinite if the phase lasts until the end of the video


RECORDINGS = ("video", "kinematics", "keypoints")
"""Kinds of files that two performances cannot share; transcriptions and ratings may be equal by chance."""


@dataclass(frozen=True)
class Record:
    """One performance to extract, train on or score."""

    id: str  # path relative to the input root, with `/` between folders; names the cache files
    path: Path | None  # the video, a file or a folder of frames; None for a trial without a video
    sidecars: Mapping[str, Path] = field(default_factory=dict)
    """Other input files (or folders of files) by kind, such as {"kinematics": Path(...)}."""
    task: str = ""  # tasks are trained and reported separately, such as "Suturing" or "diving"
    labels: Labels | None = None  # the judges' scores, or None for an unseen video
    groups: Mapping[str, str] = field(default_factory=dict)
    """Groups kept on one side of a split, by kind: {"trial": "Suturing_B001", "subject": "B", "supertrial": "1"}."""
    split: str | None = None  # the data set's own fixed split ("train" or "test"), or None
    remote: Mapping[str, RemoteFile] = field(default_factory=dict)
    """Input files on an object store by kind. They are not local files and `files` does not name them: a worker copies
    those that it needs (`data.store.scratch`) and continues with a record of local files."""
    frames: FrameFolder | None = None  # set if the video is a folder of frames; `path` is then its folder
    phases: tuple[Phase, ...] = ()  # annotated, in temporal order, each ending where the next begins
    day: str = ""  # of the performance, such as "2026-05-31"; empty if unknown
    rate: float = 0.0  # frames per second of a video file whose container states another rate; 0: it is right
    entries: Mapping[str, str] = field(default_factory=dict)
    """The record's name inside of sidecars that hold several performances, by kind."""
    phase_fault: str = ""  # why marks are not used as phases, if so

    @property
    def video(self) -> Video | None:
        """The video as `data.video.decode` opens it."""
        retimed = RetimedVideo(self.path, self.rate) if self.path and self.rate else self.path
        return self.frames or retimed

    def lacking(self, kinds: Iterable[str]) -> list[str]:
        """The kinds of input that this record lacks, both locally and on a store."""
        return sorted({*kinds} - {*self.files(), *self.remote})

    def files(self) -> dict[str, Path]:
        """Every local input of this record by kind, "video" first."""
        files = {"video": self.path} if self.path is not None else {}
        return files | dict(sorted(self.sidecars.items()))

    def inputs(self) -> dict[str, Path | FrameFolder | RemoteFile]:
        """Every input of this record by kind, local or on a store, as covered by fingerprints."""
        frames = {} if self.frames is None else {"video": self.frames}
        return {**self.files(), **frames, **self.remote}

    def further(self, kind: str) -> list[Path]:
        """The files of further people for a kind: "keypoints 2", "keypoints 3", ..."""
        return [path for name, path in sorted(self.sidecars.items()) if name.startswith(f"{kind} ")]

    def recordings(self) -> dict[str, Path | FrameFolder | RemoteFile]:
        """The inputs of this performance alone: `RECORDINGS`, and features in a separate file."""
        return {
            kind: source for kind, source in self.inputs().items() if kind in RECORDINGS or self.entries.get(kind) == ""
        }

    @property
    def stem(self) -> str:
        """The name of the video without its suffix."""
        name = self.id.rpartition("/")[2]
        return name if self.frames else name.rpartition(".")[0] or name

    @property
    def name(self) -> str:
        """The id, safe for terminals, tables and JSON."""
        return printable(self.id)


@dataclass(frozen=True)
class Listing:
    """The usable records, with one line for each problem and for each doubt.

    A problem is a missing or unusable part of this copy. A doubt concerns every copy: contradictory labels of the
    publisher, and files without a score.
    """

    records: tuple[Record, ...]  # in the order of their ids
    problems: tuple[str, ...] = ()  # each names the file: labels without video, videos without label, duplicates
    doubts: tuple[str, ...] = ()

    def at_rate(self, rate: float) -> Listing:
        """The listing with `rate` (frames per second) for its video files; 0: the containers are right."""
        return replace(self, records=tuple(replace(record, rate=rate) for record in self.records))
