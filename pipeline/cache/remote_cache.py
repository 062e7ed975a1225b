"""A cache on an object store: the same names, keys and rules; every output is one object, written by one PUT.

The index stays on this machine, in the user's cache folder under `stores/`. Without it every output is read and checked
once more. Logs of runs are written there too, and copied beside the outputs when a run has ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from data.store import (
    OutputSpec,
    RemoteFolder,
    StageOutput,
    Storage,
    address,
    is_remote,
    local_path,
    refuse_unknown,
    write_bytes,
)
from data.store import hdf5 as store
from data.video.records import CACHE_MARKER
from data.weights import cache_dir
from pipeline.cache.index import OBJECT
from pipeline.cache.local_cache import Cache
from pipeline.cache.run_history import FOLDER as LOGS

FEW = 40
"""Up to this many outputs are checked one by one; for more the whole cache is listed, 1000 names a request."""


def open_cache(root: str | Path, storage: Storage) -> Cache:
    """The cache at a path or an address of a store. Raises UsageError for an address of a kind that is not read."""
    root = Path(root)
    if is_remote(root):
        return RemoteCache(root, storage)
    refuse_unknown(root)
    return Cache(local_path(root))


class RemoteCache(Cache):
    """Stage outputs on a store, `s3://BUCKET/CACHE/STAGE/<video id>.h5`, failures beside them.

    Methods raise `StorageError` (which is an OSError) where the store does not answer or refuses.
    """

    plan_threads = 8

    def __init__(self, root: Path, storage: Storage) -> None:
        self.folder = RemoteFolder(root, storage)
        name = hashlib.sha256(f"{storage.endpoint_url} {self.folder.url}".encode()).hexdigest()[:16]
        super().__init__(root, cache_dir() / "stores" / name)
        self._listed: dict[str, str] | None = None
        self._marked = False

    @property
    def place(self) -> str:
        """The address."""
        return self.folder.url

    @contextmanager
    def snapshot(self, outputs: int) -> Iterator[None]:
        """List the cache once for all outputs that are checked while this is open, unless they are few.

        Raises UsageError where there is no such bucket.
        """
        if self._listed is not None:
            yield
            return
        if outputs > FEW:
            self._listed = {name: file.stamp for name, file in self.folder.files().items()}
        else:
            self.folder.require_bucket()
        try:
            yield
        finally:
            self._listed = None

    def _remove_failure(self, path: Path) -> None:
        self.folder.remove(self._name(path))

    def _store(
        self, path: Path, header: dict[str, Any], output: StageOutput, promise: OutputSpec | None
    ) -> tuple[dict[str, Any], str | None]:
        stored, content = store.encode(header, output, promise)
        return stored, self.folder.write(self._name(path), content)

    def publish_log(self, path: Path) -> None:
        """Copy the log of a finished run beside the outputs; a log never stops a run."""
        with suppress(OSError):
            self.folder.write(f"{LOGS}/{path.name}", path.read_bytes())

    def with_logs(self) -> Path:
        """The folder of run logs on this machine, after fetching those of other machines."""
        for name, file in self.folder.files(LOGS).items():
            copy = self.local / LOGS / Path(name).name
            if copy.suffix != ".jsonl":
                continue
            if not copy.exists() or copy.stat().st_size != file.size:
                write_bytes(copy, self.folder.read(name))
        return self.local

    def exists(self) -> bool:
        """Whether there is such a bucket; an address in it with nothing below is an empty cache."""
        self.folder.require_bucket()
        return True

    def marked(self) -> bool:
        """Whether `extract` has marked this address as a cache; it is not asked for again once it has."""
        self._marked = self._marked or self.folder.stamp(CACHE_MARKER) is not None
        return self._marked

    def _content(self, path: Path) -> bytes | None:
        return self.folder.read(self._name(path))

    def stage_names(self) -> list[str]:
        """Stages that have an object in it."""
        names = {name.partition("/")[0] for name in self.folder.files() if "/" in name}
        return sorted(name for name in names if not name.startswith("."))

    def entries(self, stage: str) -> Iterator[tuple[Path, int, float]]:
        """Place, bytes and time of writing (seconds since 1970) of every object of a stage, in order."""
        for name, file in sorted(self.folder.files(stage).items()):
            yield self.root / name, file.size, file.written

    def load_header(self, path: Path) -> dict[str, Any]:
        """Its header; the whole object is read for it."""
        return dict(self.load(path).header)

    def delete(self, path: Path) -> None:
        """Remove an object that `entries` gave, or a log here and there."""
        if is_remote(path):
            self.folder.remove(self._name(path))
        else:
            self.folder.remove(f"{LOGS}/{path.name}")
            path.unlink(missing_ok=True)

    def sweep(self, *, remove: bool = True) -> int:
        """Nothing to do: a store has no half-written objects."""
        return 0

    def _write_text(self, path: Path, text: str) -> None:
        self.folder.write(self._name(path), text.encode("utf-8", "backslashreplace"))

    def _failure_content(self, path: Path) -> bytes:
        name = self._name(path)
        if self._listed is not None and name not in self._listed:
            raise FileNotFoundError(name)
        return self.folder.read(name)

    def _fact(self, path: Path) -> tuple[str, Path | str, str | None]:
        name = self._name(path)
        version = self.folder.stamp(name) if self._listed is None else self._listed.get(name)
        if version is None:
            raise FileNotFoundError(name)
        return *self._fact_name(path), version

    def _fact_name(self, path: Path) -> tuple[str, Path | str]:
        return OBJECT, address(path)

    def _name(self, path: Path) -> str:
        """The object's name in the cache; bytes of a file name that are no text are escaped."""
        return path.relative_to(self.root).as_posix().encode("utf-8", "backslashreplace").decode()
