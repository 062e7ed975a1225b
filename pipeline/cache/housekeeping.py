"""The `cache` commands and `weights rm`: list a cache, verify it, and delete unneeded or old outputs.

Links are not followed. A file is only removed if its header says that this program wrote it; folders that become empty
are removed too. Everything else stays, whatever its name. A cache may be in use meanwhile: outputs younger than
`YOUNG_SECONDS` are never removed for their age.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data.errors import CacheError, DataError, UsageError, counted, nearest, printable
from data.store.arrays import Measures
from data.store.atomic_writes import TEMPORARY
from data.store.files import files_below
from data.video.video_search import CACHE_INDEX, CACHE_MARKER, PREVIEW_MARK
from data.weights import REGISTRY, compiled_dir, downloaded
from pipeline.cache.output_cache import FAILURE, NAME, OUTPUT, PREVIEWS, UNREADABLE, Cache, stem_of
from pipeline.observer import Observer
from pipeline.settings.stages import with_defaults

YOUNG_SECONDS = 3600
"""Outputs used more recently may belong to a running command."""


@dataclass(frozen=True)
class CacheFile:
    """One file of a cache, and why it is damaged or can go."""

    path: Path
    stage: str  # empty for files outside stages
    video: str  # the id, inferred from the file's place and safe to print
    why: str
    size: int  # bytes
    written: float = 0.0  # seconds since 1970, like `used`
    used: float = 0.0  # last read or written

    @property
    def failed(self) -> bool:
        """Whether it is a failure, not an output."""
        return self.path.name.endswith(FAILURE)


@dataclass(frozen=True)
class StoredSetting:
    """The files of a stage with the same settings."""

    stage: str
    settings: Mapping[str, Any]  # settings, version and identity that differ within the stage
    outputs: int
    failures: int
    bytes: int
    oldest: str  # UTC, like the newest
    newest: str


@dataclass(frozen=True)
class ListedOutput:
    """One output of a stage."""

    video: str
    bytes: int
    key: str = ""
    version: int | None = None
    quality: Measures = field(default_factory=dict)
    damaged: str = ""  # why it cannot be read


@dataclass(frozen=True)
class CacheListing:
    """A cache's content: per stage and setting, or every output of one stage."""

    title: str
    rows: Sequence[StoredSetting] | Sequence[ListedOutput]


@dataclass(frozen=True)
class CacheFiles:
    """Damaged or unneeded files of a cache."""

    files: tuple[CacheFile, ...]  # each with the reason
    summary: str  # one line for people
    unconfirmed: bool = False  # nothing was deleted for lack of a yes


def existing(cache: Cache) -> Cache:
    """The same cache. Raises UsageError if it is missing: a misspelt name would look like an empty cache."""
    if not cache.exists():
        raise UsageError("no cache here", where=cache.place, fix="Name it: --cache FOLDER")
    return cache


def marked_cache(cache: Cache, yes: bool) -> Cache:
    """The same cache for a command that deletes; without `yes` its index stays unchanged too.

    Raises UsageError for a missing folder, or one that `extract` has not marked as a cache.
    """
    if not existing(cache).marked():
        raise UsageError(
            "this folder is not marked as a cache, so nothing is deleted in it",
            where=cache.place,
            fix="Name the cache: --cache FOLDER",
        )
    cache.index.frozen = not yes
    return cache


def stored_files(cache: Cache, stages: Sequence[str], *endings: str) -> Iterator[CacheFile]:
    """The files of some stages with these endings, without a reason; temporary files are left out."""
    for stage in stages:
        for path, file in cache.entries(stage):
            name = NAME.fullmatch(path.name)
            if name and name["ending"] in endings and not path.name.startswith(TEMPORARY):
                video = stem_of(path).relative_to(cache.root / stage).as_posix()
                yield CacheFile(path, stage, printable(video), "", file.size, file.written, file.used)


def list_cache(cache: Cache, stage: str = "") -> CacheListing:
    """The files per stage and setting, or every output of one stage.

    Raises UsageError for an unknown stage, or without a cache.
    """
    names = existing(cache).stage_names()
    if stage and stage not in names:
        raise UsageError(f"no outputs of a stage '{stage}' in this cache", where=cache.place, fix=nearest(stage, names))
    by_setting = [row for name in names if not stage for row in _count_files(cache, name)]
    rows = list(_list_outputs(cache, stage)) if stage else by_setting
    return CacheListing(f"{stage or 'stages'} in {cache.place}, {sum(row.bytes for row in rows) / 1e6:.1f} MB", rows)


def table_cells(row: StoredSetting | ListedOutput) -> tuple[str, ...]:
    """The cells of a row as a table shows them: mappings in one line, hashes shortened."""
    cells = []
    for name, value in vars(row).items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {item}" for key, item in value.items())
        cells.append("" if value is None else str(value)[:12] if name == "key" else str(value))
    return tuple(cells)


def _count_files(cache: Cache, stage: str) -> Iterator[StoredSetting]:
    """A row per setting of a stage."""
    groups: dict[str, list[CacheFile]] = {}
    settings: dict[str, dict[str, Any]] = {}
    for file in stored_files(cache, [stage], OUTPUT, FAILURE):
        try:
            header = (cache.load_failure(file.path) or {}) if file.failed else cache.header(file.path)
        except UNREADABLE:
            header = {}
        version = {"version": header.get("stage_version")}
        of_file = flattened(
            {**version, **with_defaults(stage, header.get("settings", {})), **header.get("identity", {})}
        )
        name = json.dumps(of_file, sort_keys=True)
        settings[name] = of_file
        groups.setdefault(name, []).append(file)
    for name, files in sorted(groups.items()):
        differing = {
            key: settings[name].get(key)
            for key in sorted({key for of_file in settings.values() for key in of_file})
            if any(of_file.get(key) != settings[name].get(key) for of_file in settings.values())
        }
        times = [file.written for file in files]
        failures, size = sum(file.failed for file in files), sum(file.size for file in files)
        yield StoredSetting(stage, differing, len(files) - failures, failures, size, _day(min(times)), _day(max(times)))


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted names.

    >>> flattened({"stride": 2, "cleaning": {"max_gap_s": 0.6}})
    {'stride': 2, 'cleaning.max_gap_s': 0.6}
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= flattened(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def _list_outputs(cache: Cache, stage: str) -> Iterator[ListedOutput]:
    """Every output of a stage."""
    for file in stored_files(cache, [stage], OUTPUT):
        try:
            header = cache.load_header(file.path)
            facts = (header["key"], header["stage_version"], header["quality"])
            yield ListedOutput(file.video, file.size, *facts)
        except (CacheError, KeyError, FileNotFoundError) as error:
            yield ListedOutput(file.video, file.size, damaged=_reason(error))


def verify_cache(cache: Cache, observer: Observer) -> CacheFiles:
    """Read every output, check every array, and return damaged outputs; `extract` recomputes these.

    In a marked cache damaged outputs are deleted.
    """
    outputs, marked = list(stored_files(existing(cache), cache.stage_names(), OUTPUT)), cache.marked()
    damaged = []
    with observer.progress("outputs") as progress:
        for done, file in enumerate(outputs, start=1):
            try:
                cache.load(file.path)
            except FileNotFoundError:
                continue  # removed meanwhile
            except (CacheError, OSError) as error:
                damaged.append(replace(file, why=_reason(error)))
                if isinstance(error, CacheError) and marked:
                    cache.discard(file.path, error)
            progress.advance(done, len(outputs))
    return CacheFiles(tuple(damaged), f"{counted(len(outputs), 'output')} read, {len(damaged)} damaged")


def collect_garbage(cache: Cache, max_gb: float | None, yes: bool, observer: Observer) -> CacheFiles:
    """Delete old temporary files and outputs beyond the size; without `yes` only report them."""
    if max_gb is not None and not (max_gb >= 0 and math.isfinite(max_gb * 1e9)):
        raise UsageError(
            f"'--max-gb {max_gb:g}' is not a size", fix="Example: --max-gb 50; without it there is no limit"
        )
    marked_cache(cache, yes)
    observer.note(f"temporary files {'' if yes else 'would be '}swept: {cache.sweep(remove=yes)}")
    files = beyond(cache, int(max_gb * 1e9)) if max_gb is not None else []
    return delete(cache, files, yes)


def beyond(cache: Cache, most_bytes: int) -> list[CacheFile]:
    """The least recently used outputs to delete for the cache to fit into `most_bytes`."""
    outputs = [file for file in stored_files(cache, cache.stage_names(), OUTPUT) if cache.is_ours(file.path)]
    excess = sum(file.size for file in outputs) - most_bytes
    files = []
    for file in sorted(outputs, key=lambda file: (file.used, file.path)):
        if excess <= 0 or time.time() - file.used < YOUNG_SECONDS:
            break
        excess -= file.size
        files.append(replace(file, why=f"last used {_day(file.used)}, the longest unused go first"))
    return files


def delete(cache: Cache, files: Sequence[CacheFile], yes: bool) -> CacheFiles:
    """With `yes`, delete files of a cache and folders that become empty; report them in any case."""
    if yes:
        for file in files:
            with suppress(FileNotFoundError):
                cache.delete(file.path)
    cache.close()
    done = _sizes(files)
    return CacheFiles(tuple(files), f"{done} deleted" if yes else f"{done} would be deleted; add --yes", not yes)


def remove_cache(cache: Cache, yes: bool, observer: Observer) -> CacheFiles:
    """Delete everything that this program wrote into a cache (see `marked_cache`); other files stay and are counted.

    Raises UsageError while another command works in it.
    """
    marked_cache(cache, yes=False)
    files = list(_written(cache))
    yes = yes or observer.confirm(f"Delete the cache {cache.place} ({_sizes(files)})?")
    if not yes:
        return delete(cache, files, yes=False)
    with cache.locked(alone=True):
        cache.sweep(seconds=0)
        deleted = delete(cache, files, yes=True)
        cache.folder.remove(CACHE_MARKER)
    if cache.on_store:
        shutil.rmtree(cache.index.path.parent, ignore_errors=True)
        return deleted
    for name in (CACHE_INDEX, f"{CACHE_INDEX}-wal", f"{CACHE_INDEX}-shm"):
        cache.folder.remove(name)
    with suppress(OSError):
        cache.root.rmdir()
    others = sum(1 for _ in files_below(cache.root))
    stay = f"; {counted(others, 'other file')} left in {cache.place}" if others else ""
    return replace(deleted, summary=deleted.summary + stay)


def _written(cache: Cache) -> Iterator[CacheFile]:
    """Outputs, failures and previews that this program wrote, identified by content or mark."""
    videos = set()
    for file in stored_files(cache, cache.stage_names(), OUTPUT, FAILURE):
        if cache.is_ours(file.path):
            videos.add(file.video)
            yield replace(file, why="failure" if file.failed else "output")
    previews = cache.root / PREVIEWS
    if not cache.on_store and (previews / PREVIEW_MARK).is_file():
        for path, status in files_below(previews):
            video = path.relative_to(previews).as_posix().removesuffix(path.suffix)
            if path.name == PREVIEW_MARK or (path.suffix in (".jpg", ".mp4") and video in videos):
                yield CacheFile(path, "preview", video, "preview", status.st_size)


def remove_weights(names: Sequence[str], everything: bool, yes: bool, observer: Observer) -> CacheFiles:
    """Delete downloaded weights; with `everything` also the models compiled from them.

    Raises UsageError without names and without `everything`, DataError for an unknown name.
    """
    if bool(names) == everything:
        raise UsageError("name the weights, or give --all", fix=f"Names: {', '.join(REGISTRY)}")
    paths = downloaded(None if everything else names)
    files = [CacheFile(path, "", "", "downloaded", path.stat().st_size) for path in paths]
    if everything:
        compiled = files_below(compiled_dir())
        files += [CacheFile(path, "", "", "compiled", status.st_size) for path, status in compiled]
    if not files:
        return CacheFiles((), "nothing to delete: no downloaded weights")
    done = _sizes(files)
    if not (yes or observer.confirm(f"Delete {done} in {files[0].path.parent}?")):
        return CacheFiles(tuple(files), f"{done} would be deleted; add --yes", unconfirmed=True)
    try:
        for file in files:
            file.path.unlink(missing_ok=True)
        if everything:
            shutil.rmtree(compiled_dir(), ignore_errors=True)
    except OSError as error:
        what, fix = f"cannot be deleted ({error.strerror})", "Check its permissions, then run the same command again"
        raise DataError(what, where=Path(error.filename or ""), fix=fix) from None
    return CacheFiles(tuple(files), f"{done} deleted")


def _sizes(files: Sequence[CacheFile]) -> str:
    """Number and size of the files, such as "3 files, 1.2 MB"."""
    return f"{counted(len(files), 'file')}, {sum(file.size for file in files) / 1e6:.1f} MB"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def _reason(error: BaseException) -> str:
    return error.what if isinstance(error, CacheError) else f"{type(error).__name__}: {error}"
