"""Finds the videos in files, folders and stores, and gives each a unique id; duplicates are refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from data.errors import UsageError, printable
from data.store import RemoteFolder, Storage, address, is_remote, local_path, refuse_ambiguous, refuse_unknown
from data.video.frame_folder import IMAGE_SUFFIXES, FrameFolder, frame_fault
from data.video.records import Listing, Record

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv"})

CACHE_MARKER = ".aim-cache"  # a file in every cache
CACHE_INDEX = ".index.sqlite"  # index of a cache
PREVIEW_MARK = ".aim-previews"  # a file in every folder of previews


def find_videos(inputs: Sequence[str | Path], storage: Storage | None = None, frame_rate: float = 0.0) -> Listing:
    """Records for videos and directories (searched recursively), ids relative to each input's root.

    Files in a directory are selected by suffix (`VIDEO_SUFFIXES`). An input that is a file may have any suffix; its id
    is its name.

    A directory of JPEG or PNG pictures, without videos and subfolders, is one video, a folder of frames. The names of
    all its pictures must end in digits. Other pictures are skipped, and reported if they could be frames or the
    directory contains nothing else.

    Args:
        inputs: paths, or addresses of objects and folders on a store (`data.store.remote`).
        storage: how stores are reached.
        frame_rate: frames per second of folders of frames; 0: unknown, and they are skipped and reported.

    Raises:
        UsageError: an input does not exist or has no videos, or two inputs give the same id.
        StorageError: a store does not answer or refuses.
    """
    records: dict[str, Record] = {}
    problems: list[str] = []
    for input_path in map(Path, inputs):
        refuse_ambiguous(input_path)
        if is_remote(input_path):
            expanded = _expand_remote(input_path, storage or Storage(), problems)
        else:
            expanded = _expand(local_path(input_path), frame_rate, problems)
        for record in expanded:
            first = records.setdefault(record.id, record)
            if first == record or (first.path and record.path and os.path.samefile(first.path, record.path)):
                continue
            shown = " and ".join(
                printable(duplicate.path or duplicate.remote["video"].url) for duplicate in (first, record)
            )
            fix = "Give their common folder as the one input, so that the ids differ by folder"
            raise UsageError(f"two inputs have the same id '{record.name}': {shown}", fix=fix)
    return Listing(tuple(records[key] for key in sorted(records)), tuple(problems))


def _expand(input_path: Path, frame_rate: float, problems: list[str]) -> list[Record]:
    if input_path.is_dir():
        records = list(_search(input_path, frame_rate, problems))
        if not records:
            raise _no_video(input_path, problems)
        return records
    if input_path.is_file():
        return [Record(input_path.name, input_path)]
    refuse_unknown(input_path)
    if input_path.exists():
        raise UsageError("not a regular file", where=input_path, fix="Name a video file or a folder of videos")
    siblings = {path.stem: path for path in input_path.parent.iterdir()} if input_path.parent.is_dir() else {}
    close = get_close_matches(input_path.stem, siblings, n=1)  # equal suffixes do not make names similar
    meant = f"; did you mean '{siblings[close[0]]}'?" if close else ""
    raise UsageError("no such file or folder", where=input_path, fix=f"Check the path; names are case sensitive{meant}")


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


def _expand_remote(input_path: Path, storage: Storage, problems: list[str]) -> list[Record]:
    """The videos among the objects below an address; names that are not paths are skipped and reported."""
    objects = RemoteFolder(input_path, storage).files()
    if not objects:
        raise UsageError("no such object, and none below it", where=address(input_path), fix="Names are case sensitive")
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
        raise _no_video(address(input_path))
    return records


def _no_video(input_path: Path | str, problems: Sequence[str] = ()) -> UsageError:
    if problems:
        fix = "Name a folder with video files, or with folders of numbered pictures: 00001.jpg, 00002.jpg ..."
        return UsageError(f"no usable video in this folder ({'; '.join(problems[:3])})", where=input_path, fix=fix)
    suffixes = " ".join(sorted(VIDEO_SUFFIXES))
    fix = f"Name a folder with files that end in {suffixes}; a file that you name may have any. "
    fix += "Files of features are named by --features FOLDER"
    return UsageError("no video in this folder", where=input_path, fix=fix)


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
    """Folders from `root` down, each with its subfolders and files by name, without hidden ones.

    Links to folders are not followed, so loops are harmless. Unreadable folders are reported. Caches of this program
    are not searched, unless `root` is one, because previews in them are not inputs.
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
    """A line for each unreadable folder below `root`, and for each video that is a broken link."""
    lines: list[str] = []
    for folder, _, names in walk(root, lines):
        for path in (folder / name for name in names if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES):
            try:
                path.stat()
            except OSError as error:
                lines.append(f"{printable(path)}: cannot be read ({error.strerror})")
    return lines
