"""Trained runs at an address: a local copy to score with, and the upload of a run.

<user's cache>/models/<key>/    a copy; the key is the start of the SHA-256 of the run's table of hashes, so that
                                one content is kept once, and downloaded once
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from data.errors import PROGRAM, DataError, StorageError, UsageError, printable
from data.store import RemoteFolder, Storage, address, is_shared, local_path, push_to_hub, read_regular, write_bytes
from data.weights import cache_dir
from pipeline.score.bundle_hashes import FILES, HASHES, MAX_BYTES, MAX_FILE_BYTES, check_hashes, hash_table
from pipeline.score.model_card import FILE as CARD
from pipeline.score.run_config import portable

MOST_BYTES = dict.fromkeys(FILES, MAX_FILE_BYTES) | {CARD: 1 << 20}
README = "README.md"
"""The name under which a hub shows a card."""

KEY_LETTERS = 24

Read = Callable[[str, int], bytes]
"""Takes a file's name and the most bytes it may have."""


def local_run(place: str | Path) -> Path:
    """The folder of a run: `place` itself, or the copy of what an address or a ZIP file holds.

    Raises DataError where there is no run, or one without hashes or with other files than they say, StorageError where
    the address does not answer.
    """
    path = local_path(Path(place))
    if is_shared(place):
        url = address(place)
        remote = RemoteFolder(url, Storage())
        return _copy(_zipped(remote.read("", MAX_FILE_BYTES), url) if _is_zip(url) else remote.read, url)
    if _is_zip(str(path)) and path.is_file():
        return _copy(_zipped(read_regular(path, MAX_FILE_BYTES), path), path)
    return path


def push_run(run: Path, place: str, *, replace: bool = False, public: bool = False) -> str:
    """Upload what scoring needs, with the model card, to an address or a folder; returns where the run is now.

    Paths of this machine stay here. `replace` writes over another run; `public` opens a new repository of a hub to
    everybody. Raises UsageError where another run is there or nothing can be written to such an address, DataError
    for no trained run or a damaged one, StorageError where the store does not answer or refuses.
    """
    contents = _contents(run)
    there = _hashes_at(place)
    if there is not None and there != contents[HASHES] and not replace:
        raise UsageError("another run is there", where=address(place), fix="Name another address, or add --replace")
    if address(place).startswith("hf:"):
        return push_to_hub(place, contents | {README: contents[CARD]}, "A model of action quality", public=public)
    if address(place).startswith("http"):
        raise UsageError("a web server is only read", where=address(place), fix="Write s3://, gs://, hf:// or a folder")
    for name, content in contents.items():
        if is_shared(place):
            RemoteFolder(place, Storage()).write(name, content)
        else:
            write_bytes(local_path(Path(place)) / name, content)
    return address(place)


def _contents(run: Path) -> dict[str, bytes]:
    """Files by name; the hashes are last, so that a broken upload holds no run."""
    if not check_hashes(run):
        raise DataError("no trained run with hashes here", where=run, fix="Give a folder that 'train' wrote")
    contents = {name: read_regular(run / name, most) for name, most in MOST_BYTES.items() if (run / name).is_file()}
    contents.setdefault(CARD, b"")
    if "config.json" in contents:
        shared, _ = portable(json.loads(contents["config.json"]))
        contents["config.json"] = (json.dumps(shared, indent=1, sort_keys=True, default=str) + "\n").encode()
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items() if name in FILES}
    return contents | {HASHES: hash_table(hashes).encode()}


def _hashes_at(place: str) -> bytes | None:
    """The table of hashes of the run that an address holds, None where it holds none."""
    with suppress(FileNotFoundError):
        if is_shared(place):
            return RemoteFolder(place, Storage()).read(HASHES, MAX_BYTES)
        return read_regular(local_path(Path(place)) / HASHES, MAX_BYTES)
    return None


def _is_zip(place: str) -> bool:
    return place.partition("?")[0].lower().endswith(".zip")


def _zipped(content: bytes, place: str | Path) -> Read:
    """Reads the files of the one run in a ZIP file, whatever folder it is in."""
    try:
        archive = zipfile.ZipFile(BytesIO(content))
        tables = [info.filename for info in archive.infolist() if info.filename.rpartition("/")[2] == HASHES]
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(f"no ZIP file ({error})", where=place, fix="Name another file") from error
    if len(tables) != 1:
        raise DataError(f"{len(tables)} runs in this ZIP file", where=place, fix="Zip one folder that 'train' wrote")
    folder = tables[0].removesuffix(HASHES)

    def read(name: str, limit: int) -> bytes:
        try:
            with archive.open(folder + name) as stream:
                part = stream.read(limit + 1)
        except KeyError:
            raise FileNotFoundError(name) from None
        except (zipfile.BadZipFile, RuntimeError, EOFError, OSError) as error:
            raise DataError(f"damaged ZIP file ({error})", where=place, fix="Download it again") from error
        if len(part) > limit:
            raise StorageError(f"{printable(name)} is larger than {limit} bytes", where=place, fix="Name another file")
        return part

    return read


def _copy(read: Read, place: str | Path) -> Path:
    """The folder in the user's cache that holds the run which `read` gives; made if it is not there."""
    try:
        table = read(HASHES, MAX_BYTES)
    except FileNotFoundError:
        raise DataError(
            f"no trained run at this address (no {HASHES})", where=place, fix=f"Write one: {PROGRAM} push RUN ADDRESS"
        ) from None
    target = cache_dir() / "models" / hashlib.sha256(table).hexdigest()[:KEY_LETTERS]
    with suppress(DataError):
        if target.exists() and check_hashes(target):
            return target
    shutil.rmtree(target, ignore_errors=True)  # damaged
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".copy-") as temporary:
        folder = Path(temporary) / "run"
        write_bytes(folder / HASHES, table)
        for name, most in MOST_BYTES.items():
            with suppress(FileNotFoundError):
                write_bytes(folder / name, read(name, most))
        check_hashes(folder)
        with suppress(OSError):  # another process was first
            os.rename(folder, target)
    if not target.exists():
        raise DataError("cannot be written", where=target, fix="Set XDG_CACHE_HOME to another folder")
    return target
