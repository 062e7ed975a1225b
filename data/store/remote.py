"""Object stores (s3://, gs://) through fsspec: listings, reading in blocks, one PUT per written object.

fsspec and the store's package are imported only when an address of a store is given. Credentials come from the
store's own environment variables and files (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL,
GOOGLE_APPLICATION_CREDENTIALS and so on); nothing of them is ever written down here.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from data.errors import StorageError, UsageError
from data.store.addresses import PACKAGES, address
from data.store.remote_errors import AGAIN, asking

BLOCK = 8 << 20
"""Bytes of one read request."""

PUT_LIMIT = (5 << 30) - 1
"""The largest object of one PUT on S3; larger outputs are sent in parts, which become visible together."""


@dataclass(frozen=True)
class Storage:
    """How stores are reached and where their objects are put while they are decoded.

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

    Attributes:
        url: such as "s3://bucket/videos/a.mp4".
        size: bytes.
        stamp: what changes whenever the content may have: size with the store's tag (ETag), else with its date.
        storage: how it is reached.
        written: when it was written, seconds since 1970; 0 where the store does not tell.
    """

    url: str
    size: int
    stamp: str
    storage: Storage = field(default_factory=Storage, repr=False)
    written: float = field(default=0.0, compare=False)

    @property
    def name(self) -> str:
        """The part after the last slash."""
        return self.url.rpartition("/")[2]

    def opened(self) -> tuple[int, Iterator[bytes]]:
        """Size, and content in blocks, all of one version of the object; memory stays at one block.

        Raises:
            StorageError: gone, not to be had, or (while the blocks are taken) replaced.
        """
        with asking(self.url):
            try:
                stream = _filesystem(self.url, self.storage).open(self.url, "rb", cache_type="none")
                return int(stream.size), self._blocks(stream)
            except FileNotFoundError:
                raise self._gone() from None

    def _blocks(self, stream: Any) -> Iterator[bytes]:
        with stream:
            while True:
                with asking(self.url):
                    try:
                        block = stream.read(BLOCK)
                    except FileNotFoundError:
                        raise self._gone() from None
                if not block:
                    return
                yield block

    def _gone(self) -> StorageError:
        return StorageError("the object is gone", where=self.url, fix=AGAIN)


def list_files(root: str | Path, storage: Storage) -> dict[str, RemoteFile]:
    """Every object below `root` by its name there; one that is `root` itself has the name "".

    Raises:
        UsageError: no such bucket, or the store's package is not installed.
        StorageError: the store does not answer or refuses.
    """
    url = address(root)
    scheme, _, place = url.partition("://")
    with asking(url):
        system = _filesystem(url, storage)
        try:
            found = system.find(place, detail=True)
        except FileNotFoundError:
            found = {}
    if not found:
        require_bucket(url, storage)
    files = {}
    for name, about in found.items():
        if about.get("type") == "file":
            size = int(about.get("size") or 0)
            url, written = f"{scheme}://{name}", _written(about)
            files[name[len(place) + 1 :]] = RemoteFile(url, size, stamp_of(about), storage, written)
    return files


def require_bucket(url: str, storage: Storage) -> None:
    """Refuse an address in a bucket that is not there.

    Raises:
        UsageError: no such bucket.
        StorageError: the store does not answer or refuses.
    """
    with asking(url):
        if not _filesystem(url, storage).exists(url.partition("://")[2].partition("/")[0]):
            raise UsageError("no such bucket", where=url, fix="Check its name, storage.endpoint_url and the account")


def stamp_of(about: dict[str, Any]) -> str:
    """What changes whenever the content may have, from what a store tells of an object."""
    digest = about.get("md5Hash")  # Google's, in base64; its etag says more than the content
    tag = base64.b64decode(digest).hex() if digest else about.get("ETag") or about.get("etag")
    told = str(tag).strip('"') if tag else _written(about)
    return f"{int(about.get('size') or 0)} {told}"


def _written(about: dict[str, Any]) -> float:
    """When an object was written: a date, a text in ISO 8601, or nothing, by store."""
    told = about.get("LastModified") or about.get("mtime") or about.get("updated") or 0.0
    if isinstance(told, str):
        told = datetime.fromisoformat(told.replace("Z", "+00:00"))
    return told.timestamp() if isinstance(told, datetime) else float(told)


class RemoteFolder:
    """A folder of small objects that are read and written whole, such as a cache's.

    Args:
        root: its address.
        storage: how it is reached.
    """

    def __init__(self, root: str | Path, storage: Storage) -> None:
        self.url = address(root)
        self.storage = storage

    def require_bucket(self) -> None:
        """Refuse a folder in a bucket that is not there.

        Raises:
            UsageError: no such bucket.
            StorageError: the store does not answer or refuses.
        """
        require_bucket(self.url, self.storage)

    def files(self, below: str = "") -> dict[str, RemoteFile]:
        """Every object below a folder in it, by its name in this one: one request per thousand.

        Raises:
            UsageError: no such bucket.
            StorageError: the store does not answer or refuses.
        """
        found = list_files(f"{self.url}/{below}" if below else self.url, self.storage)
        return {f"{below}/{name}" if below else name: file for name, file in found.items() if name}

    def stamp(self, name: str) -> str | None:
        """The stamp of one object, None where there is none.

        Raises:
            StorageError: the store does not answer or refuses.
        """
        url = f"{self.url}/{name}"
        with asking(url):
            try:
                about = _filesystem(url, self.storage).info(url)
                return stamp_of(about) if about.get("type") == "file" else None
            except FileNotFoundError:
                return None

    def read(self, name: str) -> bytes:
        """The content of an object.

        Raises:
            FileNotFoundError: no such object.
            StorageError: the store does not answer or refuses.
        """
        url = f"{self.url}/{name}"
        try:
            with asking(url):
                return bytes(_filesystem(url, self.storage).cat_file(url))
        except FileNotFoundError:
            raise FileNotFoundError(url) from None

    def write(self, name: str, content: bytes) -> str:
        """Write an object in one PUT, so that there is the old one, the new one, or none, and never a part.

        Returns:
            The stamp that the object has where the store's tag is the MD5 of the content, as it usually is.

        Raises:
            StorageError: no such bucket, the store does not answer or refuses.
        """
        url = f"{self.url}/{name}"
        options = {"chunksize": PUT_LIMIT // 2 + 1} if url.startswith("s3:") else {}
        with asking(url):
            try:
                _filesystem(url, self.storage).pipe_file(url, content, **options)
            except FileNotFoundError:
                raise StorageError("no such bucket", where=url, fix="Make it, or check its name") from None
        return f"{len(content)} {hashlib.md5(content, usedforsecurity=False).hexdigest()}"

    def remove(self, name: str) -> None:
        """Remove an object; one that is not there is no error.

        Raises:
            StorageError: the store does not answer or refuses.
        """
        url = f"{self.url}/{name}"
        with asking(url):
            try:
                _filesystem(url, self.storage).rm_file(url)
            except FileNotFoundError:
                return


def _filesystem(url: str, storage: Storage) -> Any:
    return _connected(url.partition("://")[0], storage.endpoint_url, storage.anonymous, os.getpid())


@lru_cache(maxsize=8)
def _connected(scheme: str, endpoint_url: str, anonymous: bool, _process: int) -> Any:
    """One connection per process and store; nothing is remembered of listings, which other processes change."""
    package, extra = PACKAGES[scheme]
    try:
        fsspec = import_module("fsspec")
        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
        if scheme == "s3":
            times = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2}}
            options |= {"anon": anonymous, "endpoint_url": endpoint_url or None, "config_kwargs": times}
        elif anonymous:
            options |= {"token": "anon"}
        return fsspec.filesystem(scheme, **options)
    except ImportError:
        raise UsageError(
            f"{scheme}:// needs the package '{package}', which is not installed",
            fix=f'Type: python -m pip install -e ".[{extra}]"',
        ) from None
