"""Object stores (s3://, gs://) through fsspec: addresses, listings, reading in blocks, one PUT per written object.

An address may come as text (`s3://bucket/videos`) or as pathlib writes it (`s3:/bucket/videos`): both mean the same
everywhere, and `address` gives the first. `file://` is the local disk and becomes a plain path (`local_path`).

fsspec and the store's package are imported only when an address of a store is given. Credentials come from the
store's own environment variables and files (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL,
GOOGLE_APPLICATION_CREDENTIALS and so on); nothing of them is ever written down here.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from data.errors import StorageError, UsageError
from data.remote_errors import AGAIN, asking

PACKAGES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gs")}
"""By scheme: the package that speaks it, and the extra of this program that brings it."""

BLOCK = 8 << 20
"""Bytes of one read request."""

PUT_LIMIT = (5 << 30) - 1
"""The largest object of one PUT on S3; larger outputs are sent in parts, which become visible together."""

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)
"""A scheme has two letters or more: one letter is a drive."""


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


def scheme_of(path: str | Path) -> str:
    """The scheme of an address in lower case ("s3", "gs", "file", "http" and so on), empty for a path."""
    found = _ADDRESS.match(str(path))
    return found[1].lower() if found else ""


def is_remote(path: str | Path) -> bool:
    """Whether `path` is an address of a store that can be read, `s3://` or `gs://`."""
    return scheme_of(path) in PACKAGES


def address(path: str | Path) -> str:
    """`s3://bucket/key` however it was written; a path stays as it is."""
    found = _ADDRESS.match(str(path))
    return f"{found[1].lower()}://{found[2].strip('/')}" if found and found[1].lower() in PACKAGES else str(path)


def local_path(path: Path) -> Path:
    """The plain path of a `file://` address (percent signs decoded); every other path as it is."""
    found = _ADDRESS.match(str(path))
    return Path("/" + unquote(found[2])) if found and found[1].lower() == "file" else path


def refuse_unknown(path: Path) -> None:
    """Refuse an address of a kind that is not read.

    Raises:
        UsageError: `path` has a scheme that is neither a store's nor `file`.
    """
    scheme = scheme_of(path)
    if scheme and scheme != "file" and scheme not in PACKAGES and not path.parents[-2].exists():
        raise UsageError(f"'{scheme}://' is not read", where=path, fix="Use s3://, gs://, file://, or copy it here")


@dataclass(frozen=True)
class RemoteFile:
    """One object as it was listed.

    Attributes:
        url: such as "s3://bucket/videos/a.mp4".
        size: bytes.
        stamp: what changes whenever the content may have: size with the store's tag (ETag), else with its date.
        storage: how it is reached.
    """

    url: str
    size: int
    stamp: str
    storage: Storage = field(default_factory=Storage, repr=False)

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
            files[name[len(place) + 1 :]] = RemoteFile(f"{scheme}://{name}", size, stamp_of(about), storage)
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
    tag = about.get("ETag") or about.get("etag") or about.get("md5Hash")
    told = str(tag).strip('"') if tag else about.get("LastModified") or about.get("updated") or about.get("mtime")
    return f"{int(about.get('size') or 0)} {told}"


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

    def stamps(self, below: str = "") -> dict[str, str]:
        """The stamp of every object below a folder in it, by its name in this one: one request per thousand.

        Raises:
            UsageError: no such bucket.
            StorageError: the store does not answer or refuses.
        """
        found = list_files(f"{self.url}/{below}" if below else self.url, self.storage)
        return {f"{below}/{name}" if below else name: file.stamp for name, file in found.items() if name}

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
            The stamp that the object has where the store's tag is the MD5 of the content, as S3's usually is.

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
