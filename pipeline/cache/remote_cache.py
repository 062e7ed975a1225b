"""A cache on an object store: the same names, keys and rules; every output is one object, written by one PUT.

The index stays on this machine, in the user's cache folder under `stores/`. Without it every output is read and checked
once more.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.store import (
    OutputSpec,
    RemoteFolder,
    StageOutput,
    Storage,
    is_remote,
    local_path,
    refuse_unknown,
)
from data.store import hdf5 as store
from data.store.files import ABANDONED_SECONDS
from data.video.records import CACHE_MARKER
from data.weights import cache_dir
from pipeline.cache.local_cache import MAX_FAILURE_BYTES, Cache, Entry, Siblings, following

FEW = 40
"""For up to this many checks each video's names are asked for; for more the whole cache is listed, 1000 a request."""


def open_cache(root: str | Path, storage: Storage) -> Cache:
    """The cache at a path or an address of a store. Raises UsageError for an address of a kind that is not read."""
    root = Path(root)
    if is_remote(root):
        return RemoteCache(root, storage)
    refuse_unknown(root)
    return Cache(local_path(root))


class RemoteCache(Cache):
    """Stage outputs on a store, `s3://BUCKET/CACHE/STAGE/<video id>.<12 digits of the key>.h5`, failures beside them.

    Methods raise `StorageError` (which is an OSError) where the store does not answer or refuses.
    """

    plan_threads = 8

    def __init__(self, root: Path, storage: Storage) -> None:
        self.folder = RemoteFolder(root, storage)
        name = hashlib.sha256(f"{storage.endpoint_url} {self.folder.url}".encode()).hexdigest()[:16]
        super().__init__(root, cache_dir() / "stores" / name)
        self._marked = False

    @property
    def place(self) -> str:
        """The address."""
        return self.folder.url

    def siblings(self, checks: int = 1) -> Siblings:
        """A function that names the files of a video; for many `checks` it lists the whole cache once.

        Raises UsageError where there is no such bucket.
        """
        if checks <= FEW:
            self.folder.require_bucket()
            return self._names_of
        names: dict[Path, list[str]] = defaultdict(list)
        for name in sorted(self.folder.files()):
            path = self.root / name
            names[path.parent].append(path.name)
        return lambda stem: following(names.get(stem.parent, ()), f"{stem.name}.")

    def _names_of(self, stem: Path) -> list[str]:
        """What follows `<name>.` in the names of the objects of one video."""
        prefix = f"{self._name(stem)}."
        return [name[len(prefix) :] for name in sorted(self.folder.files(prefix=prefix))]

    def has(self, stage: str, video_id: str, key: str) -> bool:
        """Whether there is the output of the computation `key`."""
        return self.folder.stamp(self._name(self.path(stage, video_id, key))) is not None

    def _remove(self, path: Path) -> None:
        self.folder.remove(self._name(path))

    def _store(
        self, path: Path, header: dict[str, Any], output: StageOutput, promise: OutputSpec | None
    ) -> dict[str, Any]:
        stored, content = store.encode(header, output, promise)
        self.folder.write(self._name(path), content)
        return stored

    def _move(self, path: Path, target: Path) -> None:
        self.folder.write(self._name(target), self.folder.read(self._name(path)))
        self._remove(path)

    def _written(self, path: Path) -> float:
        return max(file.written for file in self.folder.files(prefix=self._name(path)).values())

    def _touch(self, path: Path) -> None:
        """Nothing: a store does not note when an object was last read."""

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

    def entries(self, stage: str) -> Iterator[Entry]:
        """Every object of a stage, in order; `used` is when it was written."""
        for name, file in sorted(self.folder.files(stage).items()):
            yield Entry(self.root / name, file.size, file.written, file.written)

    def load_header(self, path: Path) -> dict[str, Any]:
        """Its header; the whole object is read for it."""
        return dict(self.load(path).header)

    def delete(self, path: Path) -> None:
        """Remove an object that `entries` gave."""
        self._remove(path)

    def sweep(self, *, remove: bool = True, seconds: float = ABANDONED_SECONDS) -> int:
        """Nothing to do: a store has no half-written objects."""
        return 0

    def _write_text(self, path: Path, text: str) -> None:
        self.folder.write(self._name(path), text.encode("utf-8", "backslashreplace"))

    def _failure_content(self, path: Path) -> bytes:
        return self.folder.read(self._name(path), MAX_FAILURE_BYTES)

    def _name(self, path: Path) -> str:
        """The object's name in the cache; bytes of a file name that are no text are escaped."""
        return path.relative_to(self.root).as_posix().encode("utf-8", "backslashreplace").decode()
