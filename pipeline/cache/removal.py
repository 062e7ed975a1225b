"""`cache rm` and `weights rm`: delete what this program wrote or downloaded, after a question."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from data.errors import PROGRAM, DataError, UsageError, counted
from data.store.files import TEMPORARY, files_below
from data.video.records import CACHE_INDEX, CACHE_MARKER, PREVIEW_MARK
from data.weights import REGISTRY, compiled_dir, downloaded
from pipeline.cache.cache_commands import CacheFiles, delete, marked_cache
from pipeline.cache.housekeeping import FAILURE, OUTPUT, Finding, old_logs, remove, sizes, video_of
from pipeline.cache.local_cache import Cache
from pipeline.cache.remote_cache import RemoteCache, open_cache
from pipeline.config import BaseConfig
from pipeline.observer import Observer


def remove_cache(config: BaseConfig, yes: bool, observer: Observer) -> CacheFiles:
    """Delete everything that this program wrote into a cache (see `marked_cache`); other files stay and are counted."""
    cache = marked_cache(open_cache(config.cache, config.storage.reach()), yes=False)
    findings = [*_written(cache), *(replace(log, why="log of a run") for log in old_logs(cache, 0))]
    yes = yes or observer.confirm(f"Delete the cache {cache.place} ({sizes(findings)})?")
    if not yes:
        return delete(cache, findings, yes)
    cache.sweep()
    remove(cache, findings)
    cache.close()
    _remove_traces(cache)
    others = 0 if isinstance(cache, RemoteCache) else sum(1 for _ in files_below(cache.root))
    stay = f"; {counted(others, 'file')} of others left in {cache.place}" if others else ""
    return CacheFiles(tuple(findings), f"{sizes(findings)} deleted{stay}")


def _written(cache: Cache) -> Iterator[Finding]:
    """Outputs, failures and previews whose content or mark says that they are of this program."""
    videos = set()
    for stage in cache.stage_names():
        for path, size, _ in cache.entries(stage):
            ending = next((end for end in (OUTPUT, FAILURE) if path.name.endswith(end)), None)
            if ending is None or path.name.startswith(TEMPORARY) or not cache.is_ours(path):
                continue
            videos.add(video := video_of(cache, stage, path))
            yield Finding(path, stage, video, "output" if ending == OUTPUT else "failure", size)
    previews = cache.root / "preview"
    if not isinstance(cache, RemoteCache) and (previews / PREVIEW_MARK).is_file():
        for path, status in files_below(previews):
            video = path.relative_to(previews).as_posix().removesuffix(path.suffix)
            if path.name == PREVIEW_MARK or (path.suffix in (".jpg", ".mp4") and video in videos):
                yield Finding(path, "preview", video, "preview", status.st_size)


def _remove_traces(cache: Cache) -> None:
    """The index and the marker, and the folder where nothing else is in it."""
    if isinstance(cache, RemoteCache):
        cache.folder.remove(CACHE_MARKER)
        shutil.rmtree(cache.local, ignore_errors=True)
        return
    for name in (CACHE_INDEX, f"{CACHE_INDEX}-wal", f"{CACHE_INDEX}-shm", CACHE_MARKER):
        (cache.root / name).unlink(missing_ok=True)
    with suppress(OSError):
        cache.root.rmdir()


def remove_weights(names: Sequence[str], everything: bool, yes: bool, observer: Observer) -> CacheFiles:
    """Delete downloaded weights; with `everything` also the models compiled from them.

    Raises UsageError without names and without `everything`, DataError for an unknown name.
    """
    if bool(names) == everything:
        raise UsageError("name the weights, or give --all", fix=f"Names: {', '.join(REGISTRY)}")
    files = downloaded(None if everything else names)
    findings = [Finding(path, "", "", "downloaded", path.stat().st_size) for path in files]
    if everything:
        compiled = files_below(compiled_dir())
        findings += [Finding(path, "", "", "compiled", status.st_size) for path, status in compiled]
    if not findings:
        return CacheFiles((), "nothing to delete: no downloaded weights")
    if not (yes or observer.confirm(f"Delete {sizes(findings)} in {findings[0].path.parent}?")):
        return CacheFiles(tuple(findings), f"{sizes(findings)} would be deleted; add --yes")
    try:
        for finding in findings:
            finding.path.unlink(missing_ok=True)
        if everything:
            shutil.rmtree(compiled_dir(), ignore_errors=True)
    except OSError as error:
        raise DataError(f"cannot be deleted ({error.strerror})", where=Path(error.filename or "")) from None
    return CacheFiles(tuple(findings), f"{sizes(findings)} deleted; `{PROGRAM} weights fetch` downloads them again")
