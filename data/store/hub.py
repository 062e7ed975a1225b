"""Uploads to a model hub that speaks the protocol of the Hugging Face Hub (`hf://user/name`), as one commit.

The package `huggingface_hub` does the work; it takes the server from HF_ENDPOINT and the token from HF_TOKEN or its own
log-in.
"""

from __future__ import annotations

from collections.abc import Mapping

from data.errors import UsageError
from data.store.addresses import address, not_installed
from data.store.remote_errors import asking


def push_to_hub(place: str, contents: Mapping[str, bytes], message: str, *, public: bool = False) -> str:
    """Upload files to `hf://user/name` as one commit; returns its address. A missing repository is made.

    Args:
        contents: files by name.
        public: a new repository is open to everybody; an existing one stays as it is.

    Raises:
        UsageError: `huggingface_hub` is not installed, or `place` names no repository.
        StorageError: the hub does not answer, or refuses.
    """
    url = address(place)
    name = url.partition("://")[2]
    if name.count("/") != 1:
        raise UsageError("this address names no repository of a hub", where=url, fix="Write hf://user/name")
    try:
        from huggingface_hub import CommitOperationAdd, HfApi
    except ImportError:
        raise not_installed("hf") from None
    with asking(url):
        api = HfApi()
        api.create_repo(name, private=not public, exist_ok=True)
        files = [CommitOperationAdd(path_in_repo=file, path_or_fileobj=content) for file, content in contents.items()]
        return str(api.create_commit(name, files, commit_message=message).commit_url)
