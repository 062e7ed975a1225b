"""Object stores (s3://, gs://) through fsspec, and uploads to a model hub (hf://) through `huggingface_hub`.

These packages are imported only for an address of a store or hub. They read credentials from their usual environment
variables and files (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS, HF_ENDPOINT,
HF_TOKEN and so on). Credentials are never stored.
"""

from __future__ import annotations

import base64
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from data.errors import StorageError, UsageError
from data.store.addresses import SHARING, address, not_installed
from data.store.local_folder import Siblings, following

T = TypeVar("T")

AGAIN = "Run the same command again"
BLOCK = 8 << 20  # bytes of one read request
FEW = 40  # more lookups list the whole folder, 1000 names a request
PUT_LIMIT = (5 << 30) - 1  # the largest object of one PUT on S3; larger objects are sent in parts, visible together


log = logging.getLogger(__name__)

SILENCE_SECONDS, REPEATS = 20, 2
"""A request ends after this many seconds without a byte. It is repeated, so that a silent store fails in 2 minutes."""

PATIENCE_SECONDS = 10.0
"""A longer request is named in the log."""


@dataclass(frozen=True)
class Storage:
    """How to reach stores, and where to put local copies for decoding."""

    endpoint_url: str = ""  # address of an S3 server other than Amazon's; empty: AWS_ENDPOINT_URL, else Amazon's
    anonymous: bool = False  # no credentials, for public buckets
    scratch: Path | None = None  # folder of the local copies; None: the system's temporary folder


@dataclass(frozen=True)
class RemoteFile:
    """One object as it was listed."""

    url: str  # such as "s3://bucket/videos/a.mp4"
    size: int  # bytes
    stamp: str  # see `stamp_of`
    storage: Storage = field(default_factory=Storage, repr=False)
    written: float = field(default=0.0, compare=False)  # seconds since 1970; 0 if the store does not say

    @property
    def name(self) -> str:
        """The part after the last slash."""
        return self.url.rpartition("/")[2]

    @property
    def used(self) -> float:
        """Its time of writing: stores do not record the last read."""
        return self.written

    def opened(self) -> tuple[int, Iterator[bytes]]:
        """Size and content, in blocks of one version of the object. Raises StorageError: gone or replaced."""
        with asking(self.url):
            stream = _filesystem(self.url, self.storage).open(self.url, "rb", cache_type="none")
            return int(stream.size), self._blocks(stream)

    def _blocks(self, stream: Any) -> Iterator[bytes]:
        with stream:
            while True:
                with asking(self.url):
                    block = stream.read(BLOCK)
                if not block:
                    return
                yield block


class RemoteFolder:
    """Objects below an address, by relative name; they are read and written whole.

    Every method raises StorageError: the store does not answer or refuses.
    """

    def __init__(self, root: str | Path, storage: Storage) -> None:
        self.url = address(root)
        self.storage = storage

    def exists(self) -> bool:
        """True, even for an address without objects. Raises UsageError: no such bucket."""
        self.require_bucket()
        return True

    def require_bucket(self) -> None:
        """Raise UsageError if the bucket is missing."""
        bucket = self.url.partition("://")[2].partition("/")[0]
        if not self._ask("", lambda system, _: system.exists(bucket)):
            fix = "Check its name, storage.endpoint_url and the account"
            raise UsageError("no such bucket", where=self.url, fix=fix)

    def files(self, below: str = "", prefix: str = "") -> dict[str, RemoteFile]:
        """Every object below the subfolder `below` in order, by relative name; one request per thousand.

        With `prefix`, only objects whose names begin with it. An object at the folder's own address has the name "".
        Raises UsageError: no such bucket.
        """
        scheme, _, root = self.url.partition("://")
        folder, _, begin = prefix.rpartition("/") if prefix else (below, "", "")

        def find(system: Any, url: str) -> dict[str, Any]:
            more = {"prefix": begin} if begin else {}
            listing: dict[str, Any] = system.find(url.partition("://")[2], detail=True, **more)
            return listing

        listed = self._ask(folder, find) or {}
        if not listed and not prefix:
            self.require_bucket()
        return {
            name[len(root) + 1 :]: RemoteFile(
                f"{scheme}://{name}", int(about.get("size") or 0), stamp_of(about), self.storage, _written(about)
            )
            for name, about in sorted(listed.items())
            if about.get("type") == "file"
        }

    def folders(self) -> list[str]:
        """Names of the nonempty folders directly in this one, in order."""
        return sorted({name.partition("/")[0] for name in self.files() if "/" in name})

    def siblings(self, lookups: int) -> Siblings:
        """A function that lists suffixes (`Siblings`); for many `lookups`, all objects are listed once.

        Raises UsageError: no such bucket.
        """
        if lookups <= FEW:
            self.require_bucket()
            return lambda name: [file[len(name) + 1 :] for file in self.files(prefix=f"{name}.")]
        names = sorted(self.files())
        return lambda name: following(names, f"{name}.")

    def has(self, name: str) -> bool:
        """Whether the object exists."""
        return self._info(name) is not None

    def written(self, name: str) -> float:
        """The object's time of writing in seconds since 1970. Raises FileNotFoundError."""
        if (about := self._info(name)) is None:
            raise FileNotFoundError(f"{self.url}/{name}")
        return _written(about)

    def _info(self, name: str) -> dict[str, Any] | None:
        about: dict[str, Any] | None = self._ask(name, lambda system, url: system.info(url))
        return about if about and about.get("type") == "file" else None

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The content of an object. Raises FileNotFoundError; StorageError: larger than `limit` bytes."""
        if limit is not None:
            return b"".join(self.blocks(name, limit))
        content = self._ask(name, lambda system, url: bytes(system.cat_file(url)))
        if content is None:
            raise FileNotFoundError(f"{self.url}/{name}")
        return content

    def blocks(self, name: str, limit: int) -> Iterator[bytes]:
        """The content of an object in blocks; "" is the object at the folder's own address.

        Raises as `read`, FileNotFoundError before the first block.
        """
        object_url = f"{self.url}/{name}" if name else self.url

        def start(system: Any, url: str) -> tuple[Any, bytes]:
            stream = system.open(url, "rb", cache_type="none", block_size=BLOCK)
            return stream, stream.read(BLOCK)

        if (started := self._ask(name, start)) is None:
            raise FileNotFoundError(object_url)
        (stream, block), size = started, 0
        with stream:
            while block:
                size += len(block)
                if size > limit:  # a web server may not state the size
                    raise StorageError(f"larger than {limit} bytes", where=object_url, fix="Name another object")
                yield block
                with asking(object_url):
                    block = stream.read(BLOCK)

    def write(self, name: str, content: bytes) -> None:
        """Write an object in one PUT: readers see the old object, the new object, or none."""
        options = {"chunksize": PUT_LIMIT // 2 + 1} if self.url.startswith("s3:") else {}
        if self._ask(name, lambda system, url: [system.pipe_file(url, content, **options)]) is None:
            raise StorageError("no such bucket", where=self.url, fix="Make it, or check its name")

    def remove(self, name: str) -> None:
        """Remove an object, if it exists."""
        self._ask(name, lambda system, url: system.rm_file(url))

    def _ask(self, name: str, request: Callable[[Any, str], T]) -> T | None:
        """The store's answer about a name, None if the object is missing."""
        url = f"{self.url}/{name}" if name else self.url
        with asking(url):
            try:
                return request(_filesystem(url, self.storage), url)
            except FileNotFoundError as error:
                cause = error.__cause__  # the client of web servers says so of every refusal, and without an answer
                if type(cause).__module__.startswith("aiohttp") and getattr(cause, "status", 0) != 404:
                    raise _described(cause, url) from error
                return None


def stamp_of(about: dict[str, Any]) -> str:
    """A token that changes whenever the content may have: size, and the store's tag (ETag) or else the date."""
    digest = about.get("md5Hash")  # Google's, in base64; its etag covers more than the content
    tag = base64.b64decode(digest).hex() if digest else about.get("ETag") or about.get("etag")
    version = str(tag).strip('"') if tag else _written(about)
    return f"{int(about.get('size') or 0)} {version}"


def _written(about: dict[str, Any]) -> float:
    """An object's time of writing in seconds since 1970, from a date or a text; 0 if the store does not say."""
    date = about.get("LastModified") or about.get("mtime") or about.get("updated") or 0.0
    if isinstance(date, str):
        date = datetime.fromisoformat(date.replace("Z", "+00:00"))
    return date.timestamp() if isinstance(date, datetime) else float(date)


def _filesystem(url: str, storage: Storage) -> Any:
    system = _connected(url.partition("://")[0], storage.endpoint_url, storage.anonymous, os.getpid())
    system.invalidate_cache()  # the hub's client keeps listings, and that a repository is missing, in any case
    return system


@lru_cache(maxsize=8)
def _connected(scheme: str, endpoint_url: str, anonymous: bool, _process: int) -> Any:
    """One connection per process and store; listings are not cached, because other processes change them."""
    try:
        fsspec = import_module("fsspec")
        options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
        if scheme == "s3":
            times = {"connect_timeout": 10, "read_timeout": SILENCE_SECONDS, "retries": {"max_attempts": 2}}
            options |= {"anon": anonymous, "endpoint_url": endpoint_url or None, "config_kwargs": times}
        elif scheme == "gs" and anonymous:
            options |= {"token": "anon"}
        import_module(SHARING[scheme][0])
        system = fsspec.filesystem(scheme, **options)
        if scheme == "s3":
            system.retries = REPEATS  # each of them has the three attempts of `retries`
        return system
    except ImportError:
        raise not_installed(scheme) from None


def push_to_hub(destination: str, contents: Mapping[str, bytes], message: str, *, public: bool = False) -> str:
    """Upload files by name to `hf://user/name` as one commit; returns its address.

    A missing repository is created; with `public`, everybody can read it. An existing repository keeps its access.

    Raises UsageError: `huggingface_hub` is not installed, or `destination` is not a repository; StorageError: the hub
    does not answer or refuses.
    """
    url = address(destination)
    name = url.partition("://")[2]
    if name.count("/") != 1:
        raise UsageError("this address does not name a repository of a hub", where=url, fix="Write hf://user/name")
    try:
        from huggingface_hub import CommitOperationAdd, HfApi
    except ImportError:
        raise not_installed("hf") from None
    with asking(url):
        api = HfApi()
        api.create_repo(name, private=not public, exist_ok=True)
        files = [CommitOperationAdd(path_in_repo=file, path_or_fileobj=content) for file, content in contents.items()]
        return str(api.create_commit(name, files, commit_message=message).commit_url)


@contextmanager
def asking(url: str) -> Iterator[None]:
    """Turn errors of a store's package into a StorageError with a fix, without importing the package.

    Requests longer than `PATIENCE_SECONDS` are logged, which shows them on standard error.
    """
    waiting = threading.Timer(PATIENCE_SECONDS, log.warning, ("still waiting for an answer from %s", url))
    waiting.daemon = True
    waiting.start()
    try:
        yield
    except (StorageError, UsageError):
        raise
    except Exception as error:
        raise _described(error, url) from error
    finally:
        waiting.cancel()


def _described(error: BaseException | None, url: str) -> StorageError:
    kind = type(error).__name__
    text = " ".join(str(error).split())[:200] or kind
    if isinstance(error, FileNotFoundError):
        return StorageError("the object is gone", where=url, fix=AGAIN)
    if isinstance(error, PermissionError):
        return StorageError(f"no permission ({text})", where=url, fix="Check the credentials and what they may do")
    if "Credential" in kind or "credentials" in text.lower():
        how = "GOOGLE_APPLICATION_CREDENTIALS" if url.startswith("gs:") else "AWS_PROFILE, AWS_ACCESS_KEY_ID or others"
        return StorageError("no credentials", where=url, fix=f"Set {how}, or for public data storage.anonymous=true")
    if kind == "FileExpired":
        return StorageError("the object was replaced while it was read", where=url, fix=AGAIN)
    if "Connect" in kind or "Timeout" in kind or "Endpoint" in kind or isinstance(error, (TimeoutError, ValueError)):
        fix = "Check the network, storage.endpoint_url and AWS_ENDPOINT_URL"
        return StorageError(f"the store does not answer ({text})", where=url, fix=fix)
    return StorageError(f"the store refused ({kind}: {text})", where=url, fix=AGAIN)
