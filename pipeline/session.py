"""Sessions: a configuration, its cache, the workers and the observer, which all calls share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from data.errors import UsageError, nearest
from pipeline.observer import SILENT, Observer

if TYPE_CHECKING:  # what is here is imported when it is used, so that every command starts quickly
    from data.video import Listing
    from pipeline.cache import Cache
    from pipeline.run import Planner, Pool
    from pipeline.settings.config import BaseConfig


Place = str | Path
Places = Place | Iterable[Place]
Configuration: TypeAlias = "Place | BaseConfig | None"
Overrides = Mapping[str, Any] | Iterable[str | tuple[str, Any]]


ENGINES = ("local", "ray")


class Session:
    """A configuration with its cache and its pool of workers; a context manager for several calls.

        with Session("folder", workers=2) as session:
            extract("videos/", session=session)
            train("videos/", out="runs/mine", session=session)

    The cache is opened when it is first used, and closed with the session, also after an error.

    Args:
        config: preset, YAML file or configuration; None: the preset of plain folders.
        overrides: texts `section.key=value`, or a mapping of keys to values.
        cache: folder of the stages' outputs; None: the configuration's.
        workers: see `run.workers`; None: the configuration's.
        engine: "local" or "ray".
        address: a running Ray cluster; None: that of RAY_ADDRESS, else one here.
        observer: receives notes and progress, and holds the event that stops the work.
    """

    def __init__(
        self,
        config: str | Path | BaseConfig | None = None,
        *,
        overrides: Overrides = (),
        cache: str | Path | None = None,
        workers: int | None = None,
        engine: str = "local",
        address: str | None = None,
        observer: Observer = SILENT,
    ) -> None:
        from pipeline.settings.yaml_values import parse_overrides

        self._source, self._engine, self._address, self.observer = config, engine, address, observer
        self._overrides = parse_overrides(overrides)
        if cache is not None:
            self._overrides.append(("cache", os.fspath(cache)))
        if workers is not None:
            self._overrides.append(("run.workers", workers))
        self._opened = ExitStack()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        self._opened.close()

    @cached_property
    def config(self) -> BaseConfig:
        """The configuration. Raises as `load_config`."""
        from pipeline.settings.config import load_config
        from pipeline.settings.yaml_values import PRESETS

        return load_config(PRESETS / "folder.yaml" if self._source is None else self._source, self._overrides)

    @cached_property
    def beside_model(self) -> BaseConfig:
        """The user's data set, cache, paths, devices and limits beside a model, which fixes the rest."""
        from pipeline.settings.config import load_config

        return load_config(None, self._overrides) if self._source is None else self.config

    @cached_property
    def cache(self) -> Cache:
        """The cache of the configuration."""
        from pipeline.cache import open_cache

        cache = open_cache(self.config.cache, self.config.storage.reach())
        self._opened.callback(cache.close)
        return cache

    @property
    def pool(self) -> Pool | None:
        """Where jobs run; None: in this process. Raises UsageError for an unknown engine, or without Ray."""
        from pipeline.run import RayPool, local_pool

        if self._engine not in ENGINES:
            raise UsageError(f"unknown engine '{self._engine}'", fix=nearest(self._engine, ENGINES))
        run = self.config.run
        return local_pool(run) if self._engine == "local" else RayPool(run, self._address)

    def sets(self, key: str) -> bool:
        """Whether the overrides name this key."""
        return any(name == key for name, _ in self._overrides)

    def changed(self, overrides: Overrides) -> Session:
        """This session with further overrides; what it opens is closed with this one."""
        from pipeline.settings.yaml_values import parse_overrides

        given = [*self._overrides, *parse_overrides(overrides)]
        other = Session(
            self._source, overrides=given, engine=self._engine, address=self._address, observer=self.observer
        )
        other._opened = self._opened
        return other

    def list_inputs(self, inputs: Sequence[Path] = (), shard: str = "") -> Listing:
        """The videos of the inputs, or of the data set where there are none, or their `shard`; an empty one takes all.

        Raises UsageError for an unknown input or shard, DataError where the data set's own files cannot be used.
        """
        from pipeline.run import list_inputs, take_shard

        listing = list_inputs(inputs, self.config, self.observer)
        listing = replace(listing, records=take_shard(listing.records, shard))
        if self._source is None:
            stages, cache = ", ".join(self.config.stages), self.config.cache
            self.observer.note(f"note: no --config, so the preset folder: {stages} in {cache}")
        return listing

    def planner(
        self,
        stages: str | Sequence[str] = (),
        *,
        force: bool = False,
        retry_failed: bool = False,
        fetch: bool = False,
    ) -> Planner:
        """Plans stages in the cache: a list, or names separated by commas; `fetch` downloads what they need.

        Raises as `Planner`.
        """
        from pipeline.run import Planner

        names = stages.split(",") if isinstance(stages, str) else stages
        chosen = [name.strip() for name in names if name.strip()]
        note = self.observer.note if fetch else None
        planner = Planner(self.config, self.cache, stages=chosen, force=force, retry_failed=retry_failed, fetch=note)
        planner.pool = self.pool
        return planner


class CacheWords(TypedDict, total=False):
    """Words that make a session, for a call that looks after a cache."""

    config: Configuration
    cache: Place | None
    observer: Observer


class SettingsWords(CacheWords, total=False):
    """Words for a call that depends on every setting."""

    overrides: Overrides


class WorkerWords(SettingsWords, total=False):
    """Words for a call that extracts on this machine."""

    workers: int | None


class PoolWords(WorkerWords, total=False):
    """Words for a call whose work can be spread over machines."""

    engine: str
    address: str | None


def opened(session: Session | None, words: CacheWords) -> AbstractContextManager[Session]:
    """The session of a call: the given one, which stays open, or a new one made from the words."""
    if session is None:
        return Session(**words)
    if words:
        raise UsageError(f"session and {', '.join(words)} are both given", fix="Give one of them")
    return nullcontext(session)


def one_path(place: Place | None) -> Path | None:
    """The place as a path, or None. Raises UsageError for an empty name."""
    if place == "":
        raise UsageError("an empty name is no file or folder", fix="'.' is the working directory")
    return None if place is None else Path(place)


def many_paths(places: Places) -> list[Path]:
    """One place or several as paths."""
    return [Path(place) for place in ([places] if isinstance(places, (str, Path)) else places)]
