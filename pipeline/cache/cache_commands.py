"""The `cache` commands as one call each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.errors import UsageError, counted
from pipeline.cache.housekeeping import Finding, beyond, listing, old_logs, remove, sizes, tidy, verify
from pipeline.cache.local_cache import Cache
from pipeline.cache.remote_cache import open_cache
from pipeline.config import BaseConfig
from pipeline.observer import Observer


@dataclass(frozen=True)
class CacheListing:
    """What a cache holds: a title, and rows with equal keys."""

    title: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class CacheFiles:
    """Files of a cache that were found damaged or unneeded."""

    files: tuple[Finding, ...]  # each with the reason
    summary: str  # one line for people


def existing(cache: Cache) -> Cache:
    """The same cache. Raises UsageError where there is none: a misspelt name would seem an empty cache."""
    if not cache.exists():
        raise UsageError("no cache here", where=cache.place, fix="Name it: --cache FOLDER")
    return cache


def marked_cache(cache: Cache, yes: bool) -> Cache:
    """The same cache for a command that deletes; without `yes` its index is not written either.

    Raises UsageError where there is no folder, or one that `extract` has not marked as a cache.
    """
    if not existing(cache).marked():
        raise UsageError(
            "this folder is not marked as a cache, so nothing is deleted in it",
            where=cache.place,
            fix="Name the cache: --cache FOLDER. A cache of an earlier version is marked by the next `extract` into it",
        )
    cache.index.frozen = not yes
    return cache


def list_cache(config: BaseConfig, stage: str, runs: bool) -> CacheListing:
    """Per stage, every output of one stage, or the runs."""
    return CacheListing(*listing(existing(open_cache(config.cache, config.storage.reach())), stage, runs=runs))


def verify_cache(config: BaseConfig, observer: Observer) -> CacheFiles:
    """The damaged outputs."""
    cache = existing(open_cache(config.cache, config.storage.reach()))
    with observer.progress("outputs") as progress:
        read, damaged = verify(cache, progress.steps)
    return CacheFiles(tuple(damaged), f"{counted(read, 'output')} read, {len(damaged)} damaged")


def collect_garbage(
    config: BaseConfig, max_gb: float | None, log_days: float, yes: bool, observer: Observer
) -> CacheFiles:
    """Sweep temporaries, tidy the index, delete old logs and outputs beyond the size; or report what would be done."""
    if max_gb is not None and not (max_gb >= 0 and math.isfinite(max_gb * 1e9)):
        raise UsageError(f"'--max-gb {max_gb:g}' is no size", fix="Example: --max-gb 50; without it no size is kept to")
    cache = marked_cache(open_cache(config.cache, config.storage.reach()), yes)
    tidied = tidy(cache, yes)
    would = "" if yes else "would be "
    observer.note(
        f"temporary files {would}swept: {tidied['temporaries']}; "
        f"entries of the index {would}dropped: {tidied['index_entries']}"
    )
    findings = old_logs(cache, log_days) + (beyond(cache, int(max_gb * 1e9)) if max_gb is not None else [])
    return delete(cache, findings, yes)


def delete(cache: Cache, findings: Sequence[Finding], yes: bool) -> CacheFiles:
    """Delete findings where the user said yes, report them either way."""
    done = sizes(findings)
    if yes:
        remove(cache, findings)
    cache.close()
    return CacheFiles(tuple(findings), f"{done} deleted" if yes else f"{done} would be deleted; add --yes")
