"""Object stores (s3://, gs://) through fsspec: listings, reading in blocks, one PUT per written object.

fsspec and the store's package are imported only when an address of a store is given. Credentials come from the
store's own environment variables and files (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL,
GOOGLE_APPLICATION_CREDENTIALS and so on); they are never written anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from data.errors import StorageError, UsageError
from data.store.addresses import SHARING, address, not_installed
from data.store.remote_errors import AGAIN, asking

T = TypeVar("T")

BLOCK = 8 << 20  # bytes of one read request

PUT_LIMIT = (5 << 30) - 1
"""The largest object of one PUT on S3; larger outputs are sent in parts, which become visible together."""


@dataclass(frozen=True)
class Storage:
    """How stores are reached, and where local copies go while they are decoded.

    Attributes:
        endpoint_url: address of an S3 server that is not Amazon's; empty: AWS_ENDPOINT_URL, else Amazon's.
        anonymous: ask without credentials, for public buckets.
        scratch: folder of the local copies; None: the system's temporary folder.
        scratch_gb: largest copies of one video, in 1e9 bytes; 0: no limit. Each worker holds those of one at a time.
    """

    endpoint_url: str = ""
    anonymous: bool = False
    scratch: Path | None = None
    scratch_gb: float = 0.0


@dataclass(frozen=True)
class RemoteFile:
    """One object as it was listed.

    `stamp` changes whenever the content may have changed: size with the store's tag (ETag), else with its date.
    """

    url: str  # such as "s3://bucket/videos/a.mp4"
    size: int  # bytes
    stamp: str
    storage: Storage = field(default_factory=Storage, repr=False)
    written: float = field(default=0.0, compare=False)  # seconds since 1970; 0 where the store does not say

    @property
    def name(self) -> str:
        """The part after the last slash."""
        return self.url.rpartition("/")[2]

    def opened(self) -> tuple[int, Iterator[bytes]]:
        """Size, and content in blocks, all of one version of the object. Raises StorageError: gone or replaced."""
        stream = self._ask(lambda: _filesystem(self.url, self.storage).open(self.url, "rb", cache_type="none"))
        return int(stream.size), self._blocks(stream)

    def _blocks(self, stream: Any) -> Iterator[bytes]:
        with stream:
            while block := self._ask(lambda: stream.read(BLOCK)):
                yield block

    def _ask(self, request: Callable[[], Any]) -> Any:
        with asking(self.url):
            try:
                return request()
            except FileNotFoundError:
                raise StorageError("the object is gone", where=self.url, fix=AGAIN) from None


class RemoteFolder:
    """Objects below an address, such as those of a cache; they are read and written whole.

    Every method raises StorageError where the store does not answer or refuses.
    """

    def __init__(self, root: str | Path, storage: Storage) -> None:
        self.url = address(root)
        self.storage = storage

    def require_bucket(self) -> None:
        """Refuse a folder in a missing bucket. Raises UsageError: no such bucket."""
        bucket = self.url.partition("://")[2].partition("/")[0]
        if not self._ask("", lambda system, _: system.exists(bucket)):
            fix = "Check its name, storage.endpoint_url and the account"
            raise UsageError("no such bucket", where=self.url, fix=fix)

    def files(self, below: str = "") -> dict[str, RemoteFile]:
        """Every object below the folder `below`, by its name in this one: one request per thousand.

        An object at this very address has the name "". Raises UsageError: no such bucket.
        """
        scheme, _, root = self.url.partition("://")
        listed = self._ask(below, lambda system, url: system.find(url.partition("://")[2], detail=True)) or {}
        if not listed:
            self.require_bucket()
        return {
            name[len(root) + 1 :]: RemoteFile(
                f"{scheme}://{name}", int(about.get("size") or 0), stamp_of(about), self.storage, _written(about)
            )
            for name, about in listed.items()
            if about.get("type") == "file"
        }

    def stamp(self, name: str) -> str | None:
        """The stamp of one object, None where there is none."""
        about = self._ask(name, lambda system, url: system.info(url))
        return stamp_of(about) if about and about.get("type") == "file" else None

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The content of an object.

        Raises:
            FileNotFoundError: no such object.
            StorageError: it is larger than `limit` bytes.
        """
        place = f"{self.url}/{name}" if name else self.url
        content = self._ask(name, lambda system, url: _content(system, url, limit))
        if content is None:
            raise FileNotFoundError(place)
        if limit is not None and len(content) > limit:
            raise StorageError(f"larger than {limit} bytes", where=place, fix="Name another object")
        return content

    def write(self, name: str, content: bytes) -> str:
        """Write an object in one PUT: readers see the old object, the new object, or none.

        Returns the stamp that the object has where the store's tag is the MD5 of the content, as it usually is.
        """
        options = {"chunksize": PUT_LIMIT // 2 + 1} if self.url.startswith("s3:") else {}
        if self._ask(name, lambda system, url: [system.pipe_file(url, content, **options)]) is None:
            raise StorageError("no such bucket", where=self.url, fix="Make it, or check its name")
        return f"{len(content)} {hashlib.md5(content, usedforsecurity=False).hexdigest()}"

    def remove(self, name: str) -> None:
        """Remove an object; a missing one is no error."""
        self._ask(name, lambda system, url: system.rm_file(url))

    def _ask(self, name: str, request: Callable[[Any, str], T]) -> T | None:
        """The store's answer about one name, None where it has no such object."""
        url = f"{self.url}/{name}" if name else self.url
        with asking(url):
            try:
                return request(_filesystem(url, self.storage), url)
            except FileNotFoundError:
                return None


def _content(system: Any, url: str, limit: int | None) -> bytes:
    """An object, or a little more than `limit` bytes of it; a web server need not say how large it is."""
    if limit is None:
        return bytes(system.cat_file(url))
    with system.open(url, "rb", cache_type="none", block_size=BLOCK) as stream:
        blocks, size = list[bytes](), 0
        while size <= limit and (block := stream.read(min(BLOCK, limit + 1 - size))):
            blocks.append(block)
            size += len(block)
    return b"".join(blocks)


def stamp_of(about: dict[str, Any]) -> str:
    """A token that changes whenever the content may have changed, from a store's description of an object."""
    digest = about.get("md5Hash")  # Google's, in base64; its etag covers more than the content
    tag = base64.b64decode(digest).hex() if digest else about.get("ETag") or about.get("etag")
    version = str(tag).strip('"') if tag else _written(about)
    return f"{int(about.get('size') or 0)} {version}"


def _written(about: dict[str, Any]) -> float:
    """When an object was written: a date, a text in ISO 8601, or nothing, by store."""
    date = about.get("LastModified") or about.get("mtime") or about.get("updated") or 0.0
    if isinstance(date, str):
        date = datetime.fromisoformat(date.replace("Z", "+00:00"))
    return date.timestamp() if isinstance(date, datetime) else float(date)


def _filesystem(url: str, storage: Storage) -> Any:
    return _connected(url.partition("://")[0], storage.endpoint_url, storage.anonymous, os.getpid())


@lru_cache(maxsize=8)
def _connected(scheme: str, endpoint_url: str, anonymous: bool, _process: int) -> Any:
    """One connection per process and store; listings are not kept, because other processes change them."""
    try:
        fsspec = import_module("fsspec")
        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
        if scheme == "s3":
            times = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2}}
            options |= {"anon": anonymous, "endpoint_url": endpoint_url or None, "config_kwargs": times}
        elif scheme == "gs" and anonymous:
            options |= {"token": "anon"}
        import_module(SHARING[scheme][0])
        return fsspec.filesystem(scheme, **options)
    except ImportError:
        raise not_installed(scheme) from None
