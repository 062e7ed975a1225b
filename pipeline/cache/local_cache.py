"""Where an output is stored, which computation it must come from, and whether it is fresh.

A key does not depend on any path, so a cache moves with its data to another folder or machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from functools import cache as memoised
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from data.errors import AimError, CacheError, ChangedError, UsageError, VideoError, printable
from data.store import (
    ContractError,
    OutputSpec,
    RemoteFile,
    StageOutput,
    address,
    files_below,
    is_remote,
    parse_json,
    read_regular,
    write_text,
)
from data.store import hdf5 as store
from data.store.files import remove_empty_parents, safe_name, sweep
from data.video import FrameFolder, Record
from data.video.records import CACHE_MARKER, fingerprint_file, fingerprint_frames, fingerprint_remote
from pipeline.cache.computation import Computation
from pipeline.cache.index import OBJECT_INPUT, Index, stamp
from pipeline.environment import installed_version
from pipeline.stages import stage_class

State = Literal["fresh", "stale", "missing", "failed"]

SOFTWARE = ("torch", "openvino", "av", "opencv-contrib-python-headless", "numpy", "scipy", "h5py")
"""Packages whose versions are written into every file, for people; they are not part of the key."""

UNREADABLE = (FileNotFoundError, CacheError, ChangedError)
"""What `Cache.read` raises for an output that is gone, damaged or of another computation: compute it again."""

MAX_FAILURE_BYTES = 1 << 20
"""Longer files of failures are not read."""

MARKER_TEXT = "A cache of stage outputs, format aim-stage; `cache prune` and `cache gc` may delete outputs here.\n"


@dataclass(frozen=True)
class Check:
    """Whether an output can be used, why not, and the quality values of one that can."""

    state: State
    reason: str
    quality: Mapping[str, Any] = field(default_factory=dict)


class Cache:
    """A folder of stage outputs: `CACHE/STAGE/<video id>.h5`, failures beside them as `<video id>.failed.json`.

    The file `.aim-cache` marks it as a cache. Housekeeping (`pipeline.cache.housekeeping`) refuses a folder without it.
    """

    plan_threads = 1
    """Number of threads that plan in parallel."""

    def __init__(self, root: Path, local: Path | None = None) -> None:
        if is_remote(root) and local is None:
            raise UsageError("not possible for a cache on a store", where=address(root), fix="Copy the cache here")
        self.root = root
        self.local = local or root  # the index and the logs of runs, which are no outputs
        self.index = Index(self.local, owned=self.local != root)

    @property
    def place(self) -> str:
        """Where the outputs are, as a user writes it."""
        return str(self.root)

    def snapshot(self, outputs: int) -> AbstractContextManager[None]:
        """A context in which this many outputs are checked and this process writes none."""
        return nullcontext()

    def path(self, stage: str, video_id: str) -> Path:
        """The path of an output. Folders in the id are kept, `..` and the like are dropped."""
        parts = [safe_name(part) for part in PurePosixPath(video_id).parts if part not in ("..", "/", ".")]
        return self.root.joinpath(stage, *parts[:-1], f"{parts[-1]}.h5")

    def fingerprint(self, place: Path | RemoteFile | FrameFolder) -> str:
        """SHA-256 of the content of a file or object; it is not read again while its stamp stays the same.

        That of a folder of frames covers its pictures in order and the frame rate, and no names. Raises OSError where
        it cannot be read (StorageError for an object), VideoError where there are no frames, or two of one number.
        """
        if isinstance(place, FrameFolder):
            kind, where = f"frames {place.first}-{place.last}", place.folder.absolute()
            content = self.index.recall(kind, where, stamp(place), lambda: fingerprint_frames(place), _is_hash)
            return hashlib.sha256(f"{content} at {float(place.rate)!r}".encode()).hexdigest()
        if isinstance(place, RemoteFile):
            return self.index.recall(OBJECT_INPUT, place.url, place.stamp, lambda: fingerprint_remote(place), _is_hash)
        return self.index.recall("input", place.absolute(), stamp(place), lambda: fingerprint_file(place), _is_hash)

    def check(self, computation: Computation, video_id: str) -> Check:
        """Whether the stored output is whole and comes from this computation."""
        path = self.path(computation.stage, video_id)
        try:
            header = self._checked_header(computation.stage, path)
        except FileNotFoundError:
            header = None
        except CacheError as error:
            return Check("stale", error.what)
        if header is not None and header.get("key") == computation.key:
            return Check("fresh", "", header.get("quality", {}))
        failed = self.failures(computation.stage, video_id)
        if failed is not None and failed.get("key") == computation.key:
            return Check("failed", str(failed.get("what")))
        if header is None:
            return Check("missing", "failed before, with other settings or input" if failed else "not computed yet")
        common = self.index.shared(str(header.get("common")))
        whole = {**header, **(common if isinstance(common, dict) else {})}
        return Check("stale", "; ".join(computation.differences(whole)) or "another format of key")

    def read(self, stage: str, video_id: str, key: str) -> store.Stored:
        """The whole output of the computation `key`, every array checked.

        Another run on this cache may have replaced it: by that of another video with the same id, or of other settings.

        Raises FileNotFoundError before it is computed, ChangedError for another computation's output, and CacheError
        where it is damaged or has other arrays than the stage's; the next plan computes it again.
        """
        stored = self.load(self.path(stage, video_id), stage)
        _require_key(stored.header, stage, key)
        return stored

    def write(
        self, computation: Computation, record: Record, output: StageOutput, promise: OutputSpec | None = None
    ) -> None:
        """Write an output atomically and delete an earlier failure.

        Raises ContractError, and writes nothing, where the output is not what the stage promised.
        """
        self.mark()
        path = self.path(computation.stage, record.id)
        header = asdict(computation) | {
            "key": computation.key,
            "stage_version": computation.version,
            "video": printable(record.id),
            "software": software(),
        }
        header.pop("version")
        stored, version = self._store(path, header, output, promise)
        self.index.put(*self._fact_name(path), self.index_header(stored), version)
        self._remove_failure(self.failure_path(computation.stage, record.id))

    def _remove_failure(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def _store(
        self, path: Path, header: dict[str, Any], output: StageOutput, promise: OutputSpec | None
    ) -> tuple[dict[str, Any], str | None]:
        """Write an output; its header as stored, and its stamp unless another process has replaced it already."""
        stored, inode = store.write(path, header, output, promise)
        version = stamp(path)
        return stored, version if version and version.endswith(f" {inode}") else None

    def record_failure(self, computation: Computation, record: Record, error: BaseException) -> dict[str, Any]:
        """Keep why a stage failed for a video: cause, remedy and traceback, as JSON beside the outputs."""
        entry = {
            "stage": computation.stage,
            "video": printable(record.id),
            "key": computation.key,
            "kind": type(error).__name__,
            "what": error.what if isinstance(error, AimError) else f"{type(error).__name__}: {error}",
            "where": error.where if isinstance(error, AimError) else None,
            "fix": error.fix if isinstance(error, AimError) else "This is a fault of the program: report the traceback",
            "expected": isinstance(error, AimError),
            "traceback": "".join(traceback.format_exception(error)),
            "software": software(),
        }
        text = json.dumps(entry, indent=1, sort_keys=True) + "\n"
        self._write_text(self.failure_path(computation.stage, record.id), text)
        return entry

    def _write_text(self, path: Path, text: str) -> None:
        write_text(path, text)

    def failures(self, stage: str, video_id: str) -> dict[str, Any] | None:
        """The failure kept for a stage and video, or None."""
        return self._failure(self.failure_path(stage, video_id))

    def _failure(self, path: Path) -> dict[str, Any] | None:
        try:
            entry = parse_json(self._failure_content(path))
        except (OSError, ValueError):
            return None
        return entry if isinstance(entry, dict) else None

    def _failure_content(self, path: Path) -> bytes:
        return read_regular(path, MAX_FAILURE_BYTES)

    def quality(self, stage: str, video_id: str, key: str) -> dict[str, Any]:
        """Quality values of the output of the computation `key`, empty where there is none; else raises as `read`."""
        try:
            header = self._checked_header(stage, self.path(stage, video_id))
        except FileNotFoundError:
            return {}
        _require_key(header, stage, key)
        return dict(header.get("quality", {}))

    def publish_log(self, path: Path) -> None:
        """Let others see the log of a run that has ended."""

    def with_logs(self) -> Path:
        """The folder of run logs, including those of other machines."""
        return self.local

    def exists(self) -> bool:
        """Whether there is a folder."""
        return self.root.is_dir()

    def marked(self) -> bool:
        """Whether `extract` has marked this folder as a cache."""
        return (self.root / CACHE_MARKER).is_file()

    def mark(self) -> None:
        """Mark this folder as a cache, for a run that is about to write here; where it cannot, its writes will fail."""
        with suppress(OSError):
            if not self.marked():
                self._write_text(self.root / CACHE_MARKER, MARKER_TEXT)

    def is_ours(self, path: Path) -> bool:
        """Whether a file's own header says that this program wrote it; a damaged header says nothing."""
        if path.name.endswith(".failed.json"):
            entry = self._failure(path) or {}
            return {"stage", "video", "key", "kind", "what", "software"} <= entry.keys()
        try:
            checked = self.index.get(*self._fact(path)) is not None
        except FileNotFoundError:
            checked = False
        return checked or store.is_output(path, self._content(path))

    def _content(self, path: Path) -> bytes | None:
        """The bytes of an output that is no local file."""
        return None

    def stage_names(self) -> list[str]:
        """Stages that have a folder in it."""
        try:
            names = [entry.name for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if not name.startswith("."))

    def entries(self, stage: str) -> Iterator[tuple[Path, int, float]]:
        """Place, bytes and time of writing (seconds since 1970) of every file of a stage, in order."""
        for path, status in files_below(self.root / stage):
            yield path, status.st_size, status.st_mtime

    def load(self, path: Path, stage: str | None = None) -> store.Stored:
        """The output at a place that `entries` gave, with the arrays that `stage` declares; raises as `read`.

        The key is not compared. Of a damaged file the index forgets what it was: its stamp may not have changed.
        """
        try:
            stored = store.read(path, self._content(path))
            if stage is not None:
                kind = stage_class(stage)
                OutputSpec(stage, kind.arrays, kind.clock).check(stored.output)
        except (CacheError, ContractError) as error:
            self.index.forget(*self._fact_name(path))
            if isinstance(error, CacheError):
                raise
            raise CacheError(f"not what the stage stores ({error})", where=address(path)) from error
        return stored

    def load_header(self, path: Path) -> dict[str, Any]:
        """Its header only; raises as `read`."""
        return store.read_header(path)

    def delete(self, path: Path) -> None:
        """Remove a file that `entries` gave, or a log, and the folders that it leaves empty."""
        path.unlink()
        remove_empty_parents(path, self.root)

    def sweep(self, *, remove: bool = True) -> int:
        """Remove, or only count, temporaries that no living process writes; returns how many."""
        return sweep(self.root, remove=remove) if self.root.exists() else 0

    def close(self) -> None:
        """Write the index to disk."""
        self.index.close()

    def failure_path(self, stage: str, video_id: str) -> Path:
        """Where the failure of a stage for a video is kept, beside its output."""
        return self.path(stage, video_id).with_suffix(".failed.json")

    def index_header(self, header: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a header that freshness, its reasons and `status` need; parts common to many are kept once."""
        kept = {name: header[name] for name in ("key", "inputs", "upstream", "quality") if name in header}
        common = {name: header[name] for name in ("stage_version", "settings", "identity") if name in header}
        return kept | {"common": self.index.share(common)}

    def _checked_header(self, stage: str, path: Path) -> Mapping[str, Any]:
        """The indexed part of an output's header; an output that changed since is read and every array checked.

        Raises FileNotFoundError before it is computed, CacheError where it is damaged.
        """
        kind, name, version = self._fact(path)
        return self.index.recall(
            kind, name, version, lambda: self.index_header(self.load(path, stage).header), _is_header
        )

    def _fact(self, path: Path) -> tuple[str, Path | str, str | None]:
        """Kind, name and stamp by which the index knows an output."""
        return *self._fact_name(path), stamp(path)

    def _fact_name(self, path: Path) -> tuple[str, Path | str]:
        return "header", path.absolute()


def fingerprints(record: Record, cache: Cache, copied: Mapping[str, str] | None = None) -> dict[str, str]:
    """SHA-256 of the content of every input file by kind, of unreadable ones the reason; `copied` are kept as given."""
    hashes = dict(copied or {})
    for kind, place in record.inputs().items():
        if kind in hashes:
            continue
        try:
            hashes[kind] = cache.fingerprint(place)
        except OSError as error:  # a StorageError is one too
            hashes[kind] = f"unreadable: {error.strerror}"
        except VideoError as error:
            hashes[kind] = f"unreadable: {error.what}"
    return hashes


def stamps(record: Record) -> dict[str, str | None]:
    """The stamp of every local input by kind."""
    return {kind: stamp(place) for kind, place in record.inputs().items() if not isinstance(place, RemoteFile)}


def _is_hash(fact: Any) -> bool:
    return isinstance(fact, str) and len(fact) == 64


def _is_header(fact: Any) -> bool:
    parts = ("inputs", "upstream", "quality")
    return isinstance(fact, dict) and all(isinstance(fact.get(name, {}), dict) for name in parts)


def unreadable(error: BaseException) -> str:
    """One line of an error in `UNREADABLE`."""
    return error.what if isinstance(error, AimError) else "it was removed meanwhile"


def _require_key(header: Mapping[str, Any], stage: str, key: str) -> None:
    if header.get("key") != key:
        raise ChangedError(
            f"the cached output of {stage} was replaced by another run, of a video with this id or with other settings",
            fix="Run it again, or name a cache of its own: --cache FOLDER",
        )


@memoised
def software() -> dict[str, str]:
    """Versions of the packages that compute, as installed."""
    return {name: version for name in SOFTWARE if (version := installed_version(name))}
