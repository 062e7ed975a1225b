"""Trained models at an address: a local copy to score with, and the upload of a model.

<user's cache>/models/<key>/    a copy; the key begins the SHA-256 of the model's table of hashes, so equal models are
                                downloaded and kept once
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from data.errors import PROGRAM, DataError, StorageError, UsageError, printable
from data.store import (
    RemoteFolder,
    Storage,
    address,
    is_shared,
    local_path,
    open_regular,
    push_to_hub,
    read_regular,
    write_bytes,
)
from data.store.scratch import working_folder
from data.weights import cache_dir
from pipeline.score.model_card import FILE as CARD
from pipeline.score.model_files import (
    FILES,
    HASHES,
    MAX_BYTES,
    MAX_FILE_BYTES,
    MODEL_FILES,
    check_hashes,
    hash_table,
    no_model_fix,
    read_hashes,
)

MOST_BYTES = dict.fromkeys(FILES, MAX_FILE_BYTES) | {CARD: 1 << 20}
README = "README.md"
"""The file that a hub shows as the card."""

KEY_LETTERS = 24

MOST_RATIO, FREE_BYTES = 10, 16 << 20
"""A model unpacks to at most `MOST_RATIO` times the size of its archive plus `FREE_BYTES`: weights hardly compress."""

BLOCK = 1 << 20

Blocks = Callable[[str, int], Iterator[bytes]]
"""Takes a file's name and its maximum number of bytes; gives its content in parts."""

AGAIN = "Download it again"
ZIP_ONE = f"Zip one folder that `{PROGRAM} train` wrote"
ELSEWHERE = "Free space, or set XDG_CACHE_HOME to another folder"


def local_model(source: str | Path) -> Path:
    """The folder of a model: `source` itself, or a local copy of the model at an address or in a ZIP file.

    Raises DataError if an address or a ZIP file holds no model or a damaged one. Raises UsageError for any other file,
    and StorageError if the address does not answer.
    """
    path = local_path(Path(source))
    if is_shared(source):
        url = address(source)
        remote = RemoteFolder(url, Storage())
        if not _is_zip(url):
            return _copy(remote.blocks, url)
        with _temporary_folder() as folder, (folder / "archive").open("w+b") as file:
            try:
                file.writelines(remote.blocks("", MAX_FILE_BYTES))
            except FileNotFoundError:
                raise DataError("no trained model at this address", where=url, fix="Check the address") from None
            return _unzip(file, file.tell(), url)
    if _is_zip(str(path)) and path.is_file():
        with open_regular(path) as file:
            return _unzip(file, os.fstat(file.fileno()).st_size, path)
    if path.exists() and not path.is_dir():
        raise UsageError(
            "this is a file, and a model is a folder", where=path, fix=f"Name its folder: {printable(path.parent)}"
        )
    return path


def push_model(model: Path, destination: str, *, replace: bool = False, public: bool = False) -> str:
    """Upload the files that scoring needs, and the model card, to an address or a folder; returns where the model is.

    The upload has no paths of this machine. `replace` overwrites another model; `public` makes a hub's new repository
    public. Raises UsageError if another model is there or the kind of address is read-only. Raises DataError for a
    missing or damaged model, and StorageError if the store does not answer or refuses.
    """
    contents = _contents(model)
    there = _hashes_at(destination)
    if there is not None and there != contents[HASHES] and not replace:
        raise UsageError(
            "another model is there", where=address(destination), fix="Name another address, or add --replace"
        )
    if address(destination).startswith("hf:"):
        return push_to_hub(destination, contents | {README: contents[CARD]}, "A model of action quality", public=public)
    if address(destination).startswith("http"):
        fix = "Name a folder, or an address that starts with s3://, gs:// or hf://"
        raise UsageError("a model cannot be pushed to a web server", where=address(destination), fix=fix)
    for name, content in contents.items():
        if is_shared(destination):
            RemoteFolder(destination, Storage()).write(name, content)
        else:
            write_bytes(local_path(Path(destination)) / name, content)
    return address(destination)


def _contents(model: Path) -> dict[str, bytes]:
    """Files by name; the hashes are last, so that an incomplete upload is not a model."""
    if not (model / MODEL_FILES[0]).exists():
        raise DataError("no trained model here", where=model, fix=no_model_fix(model))
    check_hashes(model)
    contents = {name: read_regular(model / name, most) for name, most in MOST_BYTES.items() if (model / name).is_file()}
    contents.setdefault(CARD, b"")
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items() if name in FILES}
    return contents | {HASHES: hash_table(hashes).encode()}


def _hashes_at(destination: str) -> bytes | None:
    """The table of hashes of the model at an address, or None."""
    with suppress(FileNotFoundError):
        if is_shared(destination):
            return RemoteFolder(destination, Storage()).read(HASHES, MAX_BYTES)
        return read_regular(local_path(Path(destination)) / HASHES, MAX_BYTES)
    return None


def _is_zip(source: str) -> bool:
    return source.partition("?")[0].lower().endswith(".zip")


@contextmanager
def _damage(source: str | Path) -> Iterator[None]:
    """Raise DataError for any exception that `zipfile` raises for a damaged archive."""
    try:
        yield
    except Exception as error:
        cause = f"{type(error).__name__}: {str(error)[:80]}"
        raise DataError(f"damaged archive ({cause})", where=source, fix=AGAIN) from error


def _unzip(stream: BinaryIO, size: int, source: str | Path) -> Path:
    """The local copy of the only model in a ZIP file of `size` bytes, in any of its folders."""
    with _damage(source):
        archive = zipfile.ZipFile(stream)
        entries = {info.filename: info for info in archive.infolist()}
    tables = [name for name in entries if name.rpartition("/")[2] == HASHES]
    if len(tables) != 1:
        raise DataError(f"{len(tables)} models in this ZIP file", where=source, fix=ZIP_ONE)
    folder = tables[0].removesuffix(HASHES)
    members = {name: entries[folder + name] for name in (*MOST_BYTES, HASHES) if folder + name in entries}
    if (unpacked := sum(info.file_size for info in members.values())) > MOST_RATIO * size + FREE_BYTES:
        what = f"{size / 1e6:.3g} MB that unpack to {unpacked / 1e6:.3g} MB are not a trained model"
        raise DataError(what, where=source, fix=ZIP_ONE)
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in members.values()):
        raise DataError(
            "damaged archive, or a compression that is not read", where=source, fix=f"{AGAIN}, or zip it again"
        )

    def blocks(name: str, limit: int) -> Iterator[bytes]:
        if name not in members:
            raise FileNotFoundError(name)
        left = limit
        with _damage(source):
            member = archive.open(members[name])
        with member:
            while True:
                with _damage(source):
                    block = member.read(BLOCK)
                if not block:
                    return
                if (left := left - len(block)) < 0:
                    raise DataError(f"{printable(name)} is larger than {limit} bytes", where=source, fix=AGAIN)
                yield block

    return _copy(blocks, source)


def _copy(blocks: Blocks, source: str | Path) -> Path:
    """The folder in the user's cache with the model at `source`, which is copied if missing or damaged.

    Every file is hashed while it is written; the first wrong hash ends the copy.
    """
    try:
        table = b"".join(blocks(HASHES, MAX_BYTES))
        hashes = read_hashes(table)
    except FileNotFoundError:
        raise DataError(
            f"no trained model at this address (no {HASHES})",
            where=source,
            fix=f"Write one: {PROGRAM} push MODEL ADDRESS",
        ) from None
    except ValueError as error:
        raise DataError(f"damaged: its hashes cannot be read ({str(error)[:80]})", where=source, fix=AGAIN) from error
    target = _models() / hashlib.sha256(table).hexdigest()[:KEY_LETTERS]
    with suppress(DataError):
        if target.exists():
            check_hashes(target)
            return target
    shutil.rmtree(target, ignore_errors=True)
    with _temporary_folder() as temporary:
        folder, left = temporary / "model", MAX_FILE_BYTES
        folder.mkdir()
        write_bytes(folder / HASHES, table)
        for name in (*hashes, CARD):
            digest = hashlib.sha256()
            try:
                with (folder / name).open("wb") as file:
                    for block in blocks(name, min(left, MOST_BYTES[name])):
                        digest.update(block)
                        file.write(block)
                        left -= len(block)
            except FileNotFoundError:
                (folder / name).unlink()
                if name != CARD:
                    raise DataError(f"damaged: {name} is missing", where=source, fix=AGAIN) from None
            if name != CARD and digest.hexdigest() != hashes[name]:
                raise DataError(f"damaged: {name} differs from its hash", where=source, fix=AGAIN)
        with suppress(OSError):  # another process was first
            os.rename(folder, target)
    if not target.exists():
        raise DataError("cannot be written", where=target, fix=ELSEWHERE)
    return target


def _models() -> Path:
    """The folder of the copies in the user's cache."""
    return cache_dir() / "models"


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder beside the copies, removed at the end. Raises DataError if the disk is full or refuses."""
    try:
        _models().mkdir(parents=True, exist_ok=True)
        with working_folder(_models(), ".copy-") as folder:
            yield folder
    except StorageError:
        raise
    except OSError as error:
        what = f"a trained model cannot be copied here ({error.strerror or error})"
        raise DataError(what, where=_models(), fix=ELSEWHERE) from error
