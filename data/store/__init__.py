"""Files and arrays: local paths and object stores, atomic writes, HDF5 outputs, tensors."""

from data.store.addresses import address, is_remote, is_shared, local_path, refuse_ambiguous, refuse_unknown
from data.store.arrays import Array, ArraySpec, Outputs, OutputSpec, StageOutput
from data.store.atomic_writes import atomic_path, write_bytes, write_text
from data.store.files import (
    absence,
    expanded,
    files_below,
    open_regular,
    parse_json,
    read_json,
    read_regular,
    sha256_file,
)
from data.store.local_folder import LocalFile, LocalFolder, Siblings
from data.store.remote import RemoteFile, RemoteFolder, Storage, push_to_hub
from data.store.scratch import fetched, sweep_scratch
