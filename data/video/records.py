"""Finds inputs and lists them as records: one for each video (or trial), with a unique id, labels and groups."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from data.errors import UsageError, printable
from data.store import (
    RemoteFile,
    RemoteFolder,
    Storage,
    address,
    is_remote,
    local_path,
    open_regular,
    refuse_ambiguous,
    refuse_unknown,
)
from data.store.fingerprint import fingerprint
from data.video.decoder import RetimedVideo, Video
from data.video.frame_folder import IMAGE_SUFFIXES, FrameFolder, frame_fault

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv"})
MAX_LABEL = 1e9  # largest absolute score: differences and squares of larger ones lose digits or overflow
FINGERPRINT_BLOCK = 1 << 20  # bytes read at a time, so that a file of any size is hashed in flat memory

CACHE_MARKER = ".aim-cache"  # `extract` writes a file of this name into every cache
CACHE_INDEX = ".index.sqlite"  # index of a cache
PREVIEW_MARK = ".aim-previews"  # a folder with a file of this name holds previews of this program

LABELS = ("score", "execution", "synchronisation", "difficulty")  # labels that are one number


@dataclass(frozen=True)
class Labels:
    """The judges' scores of one performance. Every field is optional; `score` is what AIM regresses."""

    score: float | None = None  # final score, in the data set's own scale
    execution: float | None = None
    synchronisation: float | None = None
    difficulty: float | None = None
    judges: tuple[float, ...] = ()  # scores of single judges, or of the items of a rating, in the data set's order


@dataclass(frozen=True)
class Phase:
    """A part of a performance by name."""

    name: str
    start: float  # s from the first frame
    end: float  # s; infinite where the phase lasts until the end of the video


RECORDINGS = ("video", "kinematics", "keypoints")
"""Kinds of files that two performances cannot share; transcriptions and ratings may be equal by chance."""


@dataclass(frozen=True)
class Record:
    """One performance to extract, train on or score."""

    id: str  # path relative to the input root, with `/` between folders; names the cache files
    path: Path | None  # the video, a file or a folder of frames; None where a data set lists a trial without one
    sidecars: Mapping[str, Path] = field(default_factory=dict)
    """Other input files (or folders of files) by kind, such as {"kinematics": Path(...)}."""
    task: str = ""  # group that is trained and reported together, such as "Suturing" or "diving"
    labels: Labels | None = None  # the judges' scores, or None for an unseen video
    groups: Mapping[str, str] = field(default_factory=dict)
    """Groups kept on one side of a split, by kind: {"trial": "Suturing_B001", "subject": "B", "supertrial": "1"}."""
    split: str | None = None  # the data set's own fixed split ("train" or "test"), or None
    remote: Mapping[str, RemoteFile] = field(default_factory=dict)
    """Input files on an object store by kind. They are no local files and `files` does not name them: a worker copies
    those that it needs (`data.store.scratch`) and continues with a record of local files."""
    frames: FrameFolder | None = None  # the video where it is a folder of frames; `path` is then its folder
    phases: tuple[Phase, ...] = ()  # annotated, in the order of time, each ending where the next begins; empty: none
    day: str = ""  # of the performance, such as "2026-05-31"; empty where the labels have none
    rate: float = 0.0  # frames per second of a video file whose container states another rate; 0: it is right
    entries: Mapping[str, str] = field(default_factory=dict)
    """The record's name inside of sidecars that hold several performances, by kind."""
    phase_fault: str = ""  # why marks are not used as phases; empty: they are, or there are none

    @property
    def video(self) -> Video | None:
        """The video as `data.video.decode` opens it."""
        retimed = RetimedVideo(self.path, self.rate) if self.path and self.rate else self.path
        return self.frames or retimed

    def lacking(self, kinds: Iterable[str]) -> list[str]:
        """Those of the kinds of input that this record has neither here nor on a store."""
        return sorted({*kinds} - {*self.files(), *self.remote})

    def files(self) -> dict[str, Path]:
        """Every local input of this record by kind ("video" first)."""
        files = {"video": self.path} if self.path is not None else {}
        return files | dict(sorted(self.sidecars.items()))

    def inputs(self) -> dict[str, Path | FrameFolder | RemoteFile]:
        """Every input of this record by kind, local or on a store; fingerprints cover them."""
        frames = {} if self.frames is None else {"video": self.frames}
        return {**self.files(), **frames, **self.remote}

    def further(self, kind: str) -> list[Path]:
        """The files of further people beside that of a kind: those of "keypoints 2", "keypoints 3", ..."""
        return [path for name, path in sorted(self.sidecars.items()) if name.startswith(f"{kind} ")]

    def recordings(self) -> dict[str, Path | FrameFolder | RemoteFile]:
        """The inputs that no other performance has: `RECORDINGS`, and features in a file of their own."""
        return {
            kind: place for kind, place in self.inputs().items() if kind in RECORDINGS or self.entries.get(kind) == ""
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
    """The usable records, one line about each problem, and one about each doubt.

    A problem is something that this copy lacks or that cannot be used. A doubt is in every copy: labels of the
    publisher that contradict each other, and files without a score.
    """

    records: tuple[Record, ...]  # in the order of their ids
    problems: tuple[str, ...] = ()  # each names the file: labels without video, videos without label, duplicates
    doubts: tuple[str, ...] = ()

    def at_rate(self, rate: float) -> Listing:
        """The listing with `rate`, in frames per second, for its video files; 0: the containers are right."""
        return replace(self, records=tuple(replace(record, rate=rate) for record in self.records))


def find_videos(inputs: Sequence[str | Path], storage: Storage | None = None, frame_rate: float = 0.0) -> Listing:
    """Records for videos and directories (searched recursively), ids relative to each input's root.

    Files in a directory are chosen by suffix (`VIDEO_SUFFIXES`). A file that is named directly may have any suffix; its
    id is its name.

    A directory of JPEG or PNG pictures, without videos and subfolders, is a folder of frames, and so one video. The
    names of all its pictures must end in digits. Pictures in other directories are left out. They are reported if they
    could be frames, or if the directory has nothing else.

    Args:
        inputs: paths, or addresses of objects and folders on a store (`data.store.remote`).
        storage: how stores are reached.
        frame_rate: frames per second of folders of frames; 0: unknown, and they are reported and left out.

    Raises:
        UsageError: an input does not exist, holds no video, or two inputs give the same id.
        StorageError: a store does not answer or refuses.
    """
    records: dict[str, Record] = {}
    problems: list[str] = []
    for given in map(Path, inputs):
        refuse_ambiguous(given)
        if is_remote(given):
            expanded = _expand_remote(given, storage or Storage(), problems)
        else:
            expanded = _expand(local_path(given), frame_rate, problems)
        for record in expanded:
            first = records.setdefault(record.id, record)
            if first == record or (first.path and record.path and os.path.samefile(first.path, record.path)):
                continue
            shown = " and ".join(printable(one.path or one.remote["video"].url) for one in (first, record))
            fix = "Give their common folder as the one input, so that the ids differ by folder"
            raise UsageError(f"two inputs have the same id '{record.name}': {shown}", fix=fix)
    return Listing(tuple(records[key] for key in sorted(records)), tuple(problems))


def _expand(given: Path, frame_rate: float, problems: list[str]) -> list[Record]:
    if given.is_dir():
        records = list(_search(given, frame_rate, problems))
        if not records:
            raise _no_video(given, problems)
        return records
    if given.is_file():
        return [Record(given.name, given)]
    refuse_unknown(given)
    if given.exists():
        raise UsageError("not a regular file", where=given, fix="Name a video file or a folder of videos")
    siblings = {path.stem: path for path in given.parent.iterdir()} if given.parent.is_dir() else {}
    close = get_close_matches(given.stem, siblings, n=1)  # equal endings make no names alike
    meant = f"; did you mean '{siblings[close[0]]}'?" if close else ""
    raise UsageError("no such file or folder", where=given, fix=f"Check the path; names are case sensitive{meant}")


def _search(root: Path, frame_rate: float, problems: list[str]) -> Iterator[Record]:
    """Every video below `root`; unusable files and folders are reported."""
    for folder, subfolders, names in walk(root, problems):
        videos = [folder / name for name in names if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES]
        for path in videos:
            if _is_usable(path, problems):
                yield Record(path.relative_to(root).as_posix(), path)
        pictures = [name for name in names if name.lower().endswith(IMAGE_SUFFIXES)]
        if not pictures or videos or (folder.name.startswith(".") and folder != root):
            continue
        fault = frame_fault(pictures, frame_rate)
        if fault and not subfolders:
            problems.append(f"{printable(folder)}: left out, {fault}")
        elif subfolders and not fault:
            problems.append(f"{printable(folder)}: its pictures are left out, a folder of frames has no subfolder")
        elif not fault:
            video_id = folder.relative_to(root).as_posix() if folder != root else root.resolve().name
            yield Record(video_id, folder, frames=FrameFolder(folder, frame_rate))


def _expand_remote(given: Path, storage: Storage, problems: list[str]) -> list[Record]:
    """The videos among the objects below an address; names that are no paths are reported and left out."""
    objects = RemoteFolder(given, storage).files()
    if not objects:
        raise UsageError("no such object, and none below it", where=address(given), fix="Names are case sensitive")
    records = []
    for name, file in objects.items():
        path = PurePosixPath(name)
        if name and (path.suffix.lower() not in VIDEO_SUFFIXES or path.name.startswith(".")):
            continue
        if name and (path.as_posix() != name or path.is_absolute() or ".." in path.parts or "\0" in name):
            problems.append(f"{printable(file.url)}: left out, its name cannot be a path")
        else:
            records.append(Record(name or file.name, None, remote={"video": file}))
    if not records:
        raise _no_video(address(given))
    return records


def _no_video(given: Path | str, problems: Sequence[str] = ()) -> UsageError:
    if problems:
        fix = "Name a folder with video files, or with folders of numbered pictures: 00001.jpg, 00002.jpg ..."
        return UsageError(f"no usable video in this folder ({'; '.join(problems[:3])})", where=given, fix=fix)
    suffixes = " ".join(sorted(VIDEO_SUFFIXES))
    fix = f"Name a folder with files that end in {suffixes}; a file that you name may have any. "
    fix += "Files of features are named by --features FOLDER"
    return UsageError("no video in this folder", where=given, fix=fix)


def _is_usable(path: Path, problems: list[str]) -> bool:
    """Whether a file can be an input; unusable ones are reported."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return True
        fault = "not a regular file"
    except FileNotFoundError:
        fault = "the link leads nowhere"
    except OSError as error:
        fault = f"cannot be read ({error.strerror or error})"
    problems.append(f"{printable(path)}: left out, {fault}")
    return False


def walk(root: Path, problems: list[str]) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Folders from `root` down, each with its subfolders and files by name, hidden ones left out.

    Links to folders are not followed, so a loop cannot hang the search. Folders that cannot be read are reported.
    Caches of this program are not searched, unless `root` is one: previews in them are no inputs.
    """

    def report(error: OSError) -> None:
        problems.append(f"{printable(error.filename)}: left out, the folder cannot be read ({error.strerror})")

    for folder, subfolders, names in os.walk(root, followlinks=False, onerror=report):
        marks = (CACHE_MARKER, CACHE_INDEX, PREVIEW_MARK)
        if Path(folder) != root and any(mark in names for mark in marks):
            subfolders.clear()
            continue
        subfolders.sort()
        visible = [name for name in subfolders if not name.startswith(".")]
        yield Path(folder), visible, sorted(name for name in names if not name.startswith("."))


def unread_below(root: Path) -> list[str]:
    """The folders below `root` that cannot be read, and the videos there whose link leads nowhere, a line for each."""
    lines: list[str] = []
    for folder, _, names in walk(root, lines):
        for path in (folder / name for name in names if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES):
            try:
                path.stat()
            except OSError as error:
                lines.append(f"{printable(path)}: cannot be read ({error.strerror})")
    return lines


def files_in(folder: Path) -> list[Path]:
    """The files directly in a folder, in the order of their names; hidden ones are left out."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def fingerprint_file(path: Path) -> str:
    """The fingerprint of a file (`data.store.fingerprint`); files of equal content have equal ones.

    A folder's fingerprint covers the names and fingerprints of the files directly in it.
    """
    if path.is_dir():
        parts = [f"{printable(file.name)}\0{fingerprint_file(file)}\n".encode() for file in files_in(path)]
        return fingerprint(len(parts), parts)
    with open_regular(path) as stream:
        return fingerprint(os.fstat(stream.fileno()).st_size, iter(lambda: stream.read(FINGERPRINT_BLOCK), b""))


def fingerprint_frames(frames: FrameFolder) -> str:
    """The fingerprint of a folder of frames, from the content of the pictures in their order; the rate is not in it.

    Raises OSError: a picture cannot be read; VideoError: see `FrameFolder.files`.
    """
    parts = [f"{fingerprint_file(file)}\n".encode() for file in frames.files()]
    return fingerprint(len(parts), parts)


def fingerprint_remote(file: RemoteFile) -> str:
    """The fingerprint of an object, which is read once. Raises StorageError: it is gone, unavailable, or replaced."""
    return fingerprint(*file.opened())
