"""Stores outputs. A file's name contains its key, so an output never changes: if it exists, it is fresh.

A key does not depend on paths, so a cache moves with its data to another folder, machine or store. The index of a cache
on a store is on this machine, in the user's cache folder under `stores/`. Without it every output is read and checked
again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from data.errors import AimError, CacheError, ChangedError, UsageError, VideoError, printable
from data.store import (
    LocalFile,
    LocalFolder,
    OutputSpec,
    RemoteFile,
    RemoteFolder,
    Siblings,
    StageOutput,
    Storage,
    address,
    is_remote,
    local_path,
    parse_json,
    refuse_unknown,
)
from data.store import hdf5 as store
from data.store.arrays import Measures, Quality
from data.store.atomic_writes import ABANDONED_SECONDS, sweep
from data.store.files import remove_empty_parents, safe_name
from data.store.fingerprint import fingerprint_file, fingerprint_remote
from data.video import FrameFolder, Record
from data.video.containers import open_video
from data.video.frame_folder import fingerprint_frames
from data.video.video_search import CACHE_MARKER
from data.weights import cache_dir
from pipeline.cache.cache_key import KeyParts, NoContent
from pipeline.cache.failure import TIPS, Failure
from pipeline.cache.index import OBJECT_INPUT, OUTPUT_HEADER, Index, stamp
from pipeline.observer import SILENT, Observer
from pipeline.settings.environment import software
from pipeline.settings.machine import Machine

State = Literal["fresh", "stale", "missing", "failed"]

Contents = Mapping[str, Mapping[str, str]]
"""SHA-256 of each record's input files, by id and kind."""

UNREADABLE = (FileNotFoundError, CacheError)
"""Errors of `Cache.read` for a missing or damaged output, to be recomputed."""

PREVIEWS = "preview"
"""Folder of the previews in a cache."""

MAX_FAILURE_BYTES = 1 << 20
"""Maximum size of a failure's file; larger ones are not read."""

LARGE_BYTES = 4 << 30
"""Size from which reading an input takes many seconds."""

MARKER_TEXT = "A cache of stage outputs, format aim-stage; `cache prune` and `cache gc` may delete outputs here.\n"

KEY_DIGITS = 12
"""Digits of the key in a file name, enough to distinguish the few outputs of one video."""

OUTPUT, FAILURE = "h5", "failed.json"
"""File endings of outputs and failures."""

KEYED = rf"(?P<key>[0-9a-f]{{{KEY_DIGITS}}})\.(?P<ending>h5|failed\.json)"
NAME, REST = re.compile(rf"(?P<video>.+?)\.{KEYED}", re.DOTALL), re.compile(KEYED)
"""A file name in the folder of a stage, and its part after the video."""

KEPT_OF_HEADER = ("stage_version", "settings", "identity", "inputs", "upstream", "quality")
"""Parts of the header of an output that the index keeps."""

USED_SECONDS = 3600
"""The recorded time of the last access may lag by this much."""


class Cache:
    """A folder of stage outputs, `CACHE/STAGE/<video id>.<12 digits of the key>.h5`; failures end in `.failed.json`.

    The file `.aim-cache` marks it as a cache. Housekeeping (`pipeline.cache.housekeeping`) refuses a folder without it.
    On a store each output is one object, and methods raise `StorageError` (an OSError) if the store does not answer or
    refuses.

    Args:
        root: a folder, or an address of a store.
        storage: access to the store.
        observer: gets a note before a large input is read.
    """

    def __init__(self, root: Path, storage: Storage | None = None, observer: Observer = SILENT) -> None:
        self._observer = observer
        self.root, self.storage, self.on_store = root, storage, is_remote(root)
        self.folder: LocalFolder | RemoteFolder = LocalFolder(root)
        index_folder = root  # of the index, which is not an output
        if self.on_store:
            if storage is None:
                raise UsageError("not possible for a cache on a store", where=address(root), fix="Copy the cache here")
            self.folder = RemoteFolder(root, storage)
            name = hashlib.sha256(f"{storage.endpoint_url} {self.folder.url}".encode()).hexdigest()[:16]
            index_folder = cache_dir() / "stores" / name
        self.index = Index(index_folder, owned=self.on_store)
        self._marked = False

    @property
    def place(self) -> str:
        """The folder or address of the outputs, as a user writes it."""
        return self.folder.url

    def stem(self, stage: str, video_id: str) -> Path:
        """The path of a video's outputs without key and ending. Folders in the id are kept, `..` is dropped."""
        return self.root / stage / safe_id(video_id)

    def path(self, stage: str, video_id: str, key: str, ending: str = OUTPUT) -> Path:
        """The path of an output, or of another `ending`."""
        stem = self.stem(stage, video_id)
        return stem.with_name(f"{stem.name}.{key[:KEY_DIGITS]}.{ending}")

    def fingerprint(self, source: Path | RemoteFile | FrameFolder) -> str:
        """`content_hash` of a file or object, recomputed only if its stamp changes."""
        if isinstance(source, RemoteFile):
            return self.index.recall(OBJECT_INPUT, source.url, source.stamp, partial(content_hash, source))
        kind, path = "input", source if isinstance(source, Path) else source.folder
        if isinstance(source, FrameFolder):
            kind = f"frames {source.first}-{source.last} at {source.rate!r}"
        return self.index.recall(kind, path.absolute(), stamp(source), partial(self._hash, source))

    def _hash(self, source: Path | FrameFolder) -> str:
        if isinstance(source, Path) and (size := source.stat().st_size) > LARGE_BYTES:
            self._observer.note(f"reading {printable(source)}, {size >> 30} GiB, once for its fingerprint")
        return content_hash(source)

    def siblings(self, lookups: int = 1) -> Siblings:
        """A function from a video's name below the cache to the endings of its files, optimised for many `lookups`."""
        return self.folder.siblings(lookups)

    def freshness(
        self, parts: KeyParts, video_id: str, siblings: Siblings | None = None
    ) -> tuple[State, Failure | None]:
        """Whether the output with this key exists, else why not, without reading it. `siblings`: for many lookups."""
        stage, digits = parts.stage, parts.key[:KEY_DIGITS]
        endings = (siblings or self.siblings())(self._escaped(f"{stage}/{safe_id(video_id)}"))
        if f"{digits}.{OUTPUT}" in endings:
            return "fresh", None
        endings = [ending for ending in endings if REST.fullmatch(ending)]  # others belong to videos with longer names
        stem = self.stem(stage, video_id)
        if f"{digits}.{FAILURE}" in endings:
            failed = self.failure(stage, video_id, parts.key)
            if failed is not None:
                return "failed", failed
        others = [stem.with_name(f"{stem.name}.{ending}") for ending in endings if ending.endswith(OUTPUT)]
        if not others:
            cause = "failed before, with other settings or input" if endings else "not computed yet"
            return "missing", Failure("missing", stage, cause)
        try:
            if len(others) > 1:  # of equally different outputs, the newest
                others.sort(key=lambda path: self.folder.written(self._name(path)), reverse=True)
            lines = min((parts.differences(self.header(path)) for path in others), key=len)
            cause = "; ".join(lines) or "another format of key"
        except UNREADABLE as error:
            cause = unusable(f"{stage} with other settings or input", error).what
        return "stale", Failure("missing", stage, cause)

    def has(self, stage: str, video_id: str, key: str) -> bool:
        """Whether the output with this key exists."""
        return self.folder.has(self._name(self.path(stage, video_id, key)))

    def read(self, stage: str, video_id: str, key: str) -> store.Stored:
        """The whole output with this key, every array checked.

        Raises FileNotFoundError if it is missing, and CacheError if it is damaged. A damaged output is deleted, so that
        the next plan recomputes it.
        """
        path = self.path(stage, video_id, key)
        try:
            stored = self.load(path)
        except CacheError as error:
            self.discard(path, error)
            raise
        self._touch(path)
        return stored

    def quality(self, stage: str, video_id: str, key: str) -> Measures:
        """Quality values of the output with this key; raises as `read`."""
        path = self.path(stage, video_id, key)
        try:
            return dict(self.header(path).get("quality", {}))
        except CacheError as error:
            self.discard(path, error)
            raise

    def qualities(self, video_id: str, keys: Mapping[str, str]) -> Quality:
        """Quality values by stage of a video's outputs with these keys; unreadable outputs are left out."""
        values = {}
        for stage, key in keys.items():
            with suppress(*UNREADABLE):
                values[stage] = self.quality(stage, video_id, key)
        return values

    def write(self, parts: KeyParts, record: Record, output: StageOutput, promise: OutputSpec | None = None) -> None:
        """Write an output atomically and delete an earlier failure.

        Raises ContractError, and writes nothing, if the output is not as the stage promised.
        """
        self.mark()
        path = self.path(parts.stage, record.id, parts.key)
        header = _described(parts) | {"video": printable(record.id), "software": software()}
        stored, content = store.encode(header, output, promise)
        self.folder.write(self._name(path), content)
        self.remember(path, stored)
        self.folder.remove(self._name(self.path(parts.stage, record.id, parts.key, FAILURE)))

    def keep_failure(
        self, parts: KeyParts, record: Record, failure: Failure, error: BaseException | None = None
    ) -> None:
        """Keep why a stage failed for a video, with the place and traceback of its error, beside the outputs."""
        entry = _described(parts) | {
            "video": printable(record.id),
            "kind": failure.kind,
            "cause": failure.cause,
            "fix": failure.fix,
            "error": None if error is None else type(error).__name__,
            "where": error.where if isinstance(error, AimError) else None,
            "traceback": "".join(traceback.format_exception(error)) if error is not None else "",
            "software": software(),
        }
        text = json.dumps(entry, indent=1, sort_keys=True) + "\n"
        path = self.path(parts.stage, record.id, parts.key, FAILURE)
        self.folder.write(self._name(path), text.encode("utf-8", "backslashreplace"))

    def failure(self, stage: str, video_id: str, key: str) -> Failure | None:
        """The failure kept for this key, or None."""
        entry = self.load_failure(self.path(stage, video_id, key, FAILURE)) or {}
        if entry.get("key") != key:
            return None
        kind = entry.get("kind")
        return Failure(kind if kind in TIPS else "program", stage, str(entry.get("cause")), str(entry.get("fix") or ""))

    def load_failure(self, path: Path) -> dict[str, Any] | None:
        """The failure at a path from `entries`, or None."""
        try:
            entry = parse_json(self.folder.read(self._name(path), MAX_FAILURE_BYTES))
        except (OSError, ValueError):
            return None
        return entry if isinstance(entry, dict) else None

    def exists(self) -> bool:
        """Whether the folder or bucket exists; an address in a bucket without objects is an empty cache."""
        return self.folder.exists()

    def marked(self) -> bool:
        """Whether `extract` has marked this folder as a cache; true is remembered."""
        self._marked = self._marked or self.folder.has(CACHE_MARKER)
        return self._marked

    def mark(self) -> None:
        """Mark this folder as a cache before a run writes here; ignores errors, which later writes report."""
        with suppress(OSError):
            if not self.marked():
                self.folder.write(CACHE_MARKER, MARKER_TEXT.encode())

    @contextmanager
    def locked(self, *, alone: bool = False) -> Iterator[None]:
        """Share the lock of a marked cache while its outputs are used; hold it `alone` while they are deleted.

        A note reports missing locks, as on some network disks. `alone` raises UsageError if others use the cache.
        Without it the call waits, since deleting is quick.
        """
        marker = self.root / CACHE_MARKER
        with ExitStack() as stack:
            try:
                from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock  # Windows has none

                handle = stack.enter_context(marker.open("r+b" if alone else "rb"))
                flock(handle, LOCK_EX | LOCK_NB if alone else LOCK_SH)
            except FileNotFoundError:
                pass  # nothing is deleted in an unmarked folder; stores have no locks
            except BlockingIOError:
                fix = f"Wait until it ends, then run the same command again; on this machine it is: fuser {marker}"
                raise UsageError("another command works in this cache", where=self.place, fix=fix) from None
            except (ImportError, OSError) as error:
                self._observer.note(f"note: {marker} cannot be locked ({error}); `cache prune` sees no other command")
            yield

    def is_ours(self, path: Path) -> bool:
        """Whether a file's header says that this program wrote it; false for a damaged header."""
        if path.name.endswith(f".{FAILURE}"):
            entry = self.load_failure(path) or {}
            return {"stage", "video", "key", "kind", "cause", "software"} <= entry.keys()
        return self._fact(path) is not None or store.is_output(path, self._content(path))

    def _content(self, path: Path) -> bytes | None:
        """The bytes of an output on a store; None for a local file, which h5py opens itself."""
        return self.folder.read(self._name(path)) if isinstance(self.folder, RemoteFolder) else None

    def stage_names(self) -> list[str]:
        """Stages with a folder in this cache."""
        return [name for name in self.folder.folders() if not name.startswith(".")]

    def entries(self, stage: str) -> Iterator[tuple[Path, LocalFile | RemoteFile]]:
        """Every file of a stage, in order."""
        for name, file in self.folder.files(stage).items():
            yield self.root / name, file

    def load(self, path: Path) -> store.Stored:
        """The output at a path from `entries`.

        Raises FileNotFoundError if it is missing, CacheError if it is damaged or not of the stage and key in its name.
        """
        stored = store.read(path, self._content(path))
        name, folder = NAME.fullmatch(path.name), path.relative_to(self.root).parts[0]
        if stored.header.get("stage") != folder:
            what = f"an output of stage '{stored.header.get('stage')}' in the folder of '{folder}'"
            raise CacheError(what, where=address(path), fix=store.RECOMPUTED)
        if name and not str(stored.header.get("key")).startswith(name["key"]):
            raise CacheError("not the output that its name says", where=address(path), fix=store.RECOMPUTED)
        return stored

    def discard(self, path: Path, error: CacheError) -> None:
        """Delete a damaged output, unless the system refused to read it or memory ran out."""
        cause = error.__cause__
        if not isinstance(cause, MemoryError) and getattr(cause, "errno", None) is None:
            with suppress(OSError):
                self.folder.remove(self._name(path))

    def header(self, path: Path) -> Mapping[str, Any]:
        """The part of an output's header for reasons and `status`, from the index or the file; raises as `load`.

        An output's name contains its key, so the index is never out of date.
        """
        return self._fact(path) or self.remember(path, self.load_header(path))

    def load_header(self, path: Path) -> dict[str, Any]:
        """The header of an output; raises as `load`."""
        return store.read_header(path, self._content(path))

    def delete(self, path: Path) -> None:
        """Remove a file from `entries`, and folders that become empty."""
        self.folder.remove(self._name(path))
        if not self.on_store:
            remove_empty_parents(path, self.root)

    def sweep(self, *, remove: bool = True, seconds: float = ABANDONED_SECONDS) -> int:
        """Remove, or only count, temporary files older than `seconds`; returns their number. Stores have none."""
        return 0 if self.on_store else sweep(self.root, remove=remove, seconds=seconds)

    def __reduce__(self) -> tuple[object, ...]:
        """Worker processes reopen the cache."""
        return Cache, (self.root if self.on_store else self.root.absolute(), self.storage)

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write the index to disk."""
        self.index.close()

    def remember(self, path: Path, header: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a part of a header in the index, and return it.

        A file without a key in its name is not indexed, since its content may change.
        """
        kept = {name: header[name] for name in KEPT_OF_HEADER if name in header}
        if NAME.fullmatch(path.name):
            self.index.put(OUTPUT_HEADER, self._name(path), kept, "")
        return kept

    def _fact(self, path: Path) -> dict[str, Any] | None:
        """An output's entry in the index."""
        return self.index.get(OUTPUT_HEADER, self._name(path), "")

    def _name(self, path: Path) -> str:
        """The name of a file in this cache."""
        return self._escaped(path.relative_to(self.root).as_posix())

    def _escaped(self, name: str) -> str:
        """The name, with bytes that are not text escaped on a store."""
        return name.encode("utf-8", "backslashreplace").decode() if self.on_store else name

    def _touch(self, path: Path) -> None:
        """Update an output's access time; `cache gc` deletes the longest unread first."""
        if self.on_store:  # stores have no access time
            return
        with suppress(OSError):
            status = path.stat()
            if time.time() - max(status.st_atime, status.st_mtime) > USED_SECONDS:
                os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))


def open_cache(machine: Machine, observer: Observer = SILENT) -> Cache:
    """The cache of a machine, a folder or an address of a store, to use in `with`.

    Raises UsageError for an unsupported kind of address.
    """
    refuse_unknown(machine.cache)
    return Cache(local_path(machine.cache), machine.storage.as_storage(), observer)


@lru_cache(maxsize=256)
def safe_id(video_id: str) -> str:
    """A video's id as a path below the folder of a stage; cached, since every stage needs it."""
    return "/".join(safe_name(part) for part in PurePosixPath(video_id).parts if part not in ("..", "/", "."))


def stem_of(path: Path) -> Path:
    """`Cache.stem` of a file in a stage's folder."""
    name = NAME.fullmatch(path.name)
    return path.with_name(name["video"]) if name else path


def _described(parts: KeyParts) -> dict[str, Any]:
    """The parts of a key, as stored in files."""
    described = asdict(parts) | {"key": parts.key, "stage_version": parts.version}
    described.pop("version")
    return described


def content_hash(source: Path | RemoteFile | FrameFolder) -> str:
    """SHA-256 of the content of a file or object.

    Raises OSError if it is unreadable (StorageError for an object), VideoError for a folder without frames, or with two
    frames of the same number.
    """
    if isinstance(source, FrameFolder):
        return fingerprint_frames(source)
    return fingerprint_remote(source) if isinstance(source, RemoteFile) else fingerprint_file(source)


def check_inputs(parts: KeyParts, record: Record) -> None:
    """Read the inputs of an output once more, to distinguish bad content from a failing disk.

    Raises ChangedError if content differs from the key; VideoError, from an OSError, if it is unreadable.
    """
    sources = record.inputs()
    for kind, content in parts.inputs.items():
        try:
            equal = isinstance(content, NoContent) or content == content_hash(sources[kind])
        except OSError as error:
            what = f"the {kind} file cannot be read ({error.strerror or error})"
            raise VideoError(what, fix="Check its disk, then run the same command again") from error
        if not equal:
            raise ChangedError(f"the {kind} file changed while it was read", fix=TIPS["changed"])


def input_hashes(record: Record, cache: Cache, copied: Mapping[str, str] | None = None) -> dict[str, str]:
    """SHA-256 of every input file's content by kind, or `NoContent`; `copied` hashes are kept as given."""
    hashes = dict(copied or {})
    for kind, source in record.inputs().items():
        if kind in hashes:
            continue
        try:
            if kind == "video" and isinstance(source, Path) and source.stat().st_size > LARGE_BYTES:
                open_video(source).close()  # raises if it is not a video; reads only its beginning
            hashes[kind] = cache.fingerprint(source)
        except OSError as error:  # includes StorageError
            hashes[kind] = NoContent(f"unreadable: {error.strerror}")
        except VideoError as error:
            hashes[kind] = NoContent(f"unreadable: {error.what}")
    return hashes


def readable(hashes: Iterable[str]) -> frozenset[str]:
    """The `input_hashes` of readable inputs."""
    return frozenset(content for content in hashes if not isinstance(content, NoContent))


def recording_hashes(record: Record, hashes: Mapping[str, str]) -> frozenset[str]:
    """The `input_hashes` that identify a performance."""
    return readable(hashes[kind] for kind in record.recordings())


def content_hashes(records: Iterable[Record], cache: Cache) -> Contents | None:
    """The `input_hashes` of records by id; None if no record has inputs, as in a pack."""
    contents = {record.id: input_hashes(record, cache) for record in records}
    return contents if any(contents.values()) else None


def unusable(output: str, error: BaseException) -> CacheError:
    """An `UNREADABLE` error as a CacheError about the output."""
    why = error.what if isinstance(error, AimError) else "it was removed meanwhile"
    return CacheError(f"the output of {output} cannot be used ({why})", fix="Run the same command again")
