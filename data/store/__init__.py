"""Files and arrays: local paths and object stores, atomic writes, HDF5 outputs, tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from data.store.addresses import address, is_remote, local_path, refuse_ambiguous, refuse_unknown
    from data.store.arrays import UNITS, Array, ArraySpec, ContractError, OutputSpec, StageOutput
    from data.store.files import atomic_path, files_below, sha256_file, write_bytes, write_text
    from data.store.remote import RemoteFile, RemoteFolder, Storage
    from data.store.scratch import fetched, sweep_scratch
    from data.store.tensors import read_tensors
else:
    __getattr__ = importer(
        __name__,
        addresses="address is_remote local_path refuse_ambiguous refuse_unknown",
        arrays="UNITS Array ArraySpec ContractError OutputSpec StageOutput",
        files="atomic_path files_below sha256_file write_bytes write_text",
        remote="RemoteFile RemoteFolder Storage",
        scratch="fetched sweep_scratch",
        tensors="read_tensors",
    )

__all__ = [
    "UNITS",
    "Array",
    "ArraySpec",
    "ContractError",
    "OutputSpec",
    "RemoteFile",
    "RemoteFolder",
    "StageOutput",
    "Storage",
    "address",
    "atomic_path",
    "fetched",
    "files_below",
    "is_remote",
    "local_path",
    "read_tensors",
    "refuse_ambiguous",
    "refuse_unknown",
    "sha256_file",
    "sweep_scratch",
    "write_bytes",
    "write_text",
]
