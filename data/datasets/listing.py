"""One table from the kind of a data set to the function that lists it: the only place that knows them all."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from data.datasets.aqa7 import list_aqa7
from data.datasets.diving_frames import FINEDIVING, MTL_AQA, list_dives
from data.datasets.folder import list_folder, list_skeletons
from data.datasets.jigsaws import list_jigsaws
from data.datasets.rehabilitation import list_kimore, list_ui_prmd
from data.datasets.score_lists import LAYOUTS, list_scores, list_unlv
from data.datasets.tables import clip
from data.datasets.tasd2 import list_tasd2
from data.errors import UsageError, nearest
from data.store import Storage, is_remote, local_path, refuse_ambiguous, refuse_unknown
from data.video import Listing

KINDS: Mapping[str, Callable[..., Listing]] = {
    "folder": list_folder,
    "jigsaws": list_jigsaws,
    "aqa7": list_aqa7,
    "tasd2": list_tasd2,
    "skeletons": list_skeletons,
    "mtl-aqa": partial(list_dives, MTL_AQA),
    "finediving": partial(list_dives, FINEDIVING),
    **{kind: partial(list_scores, layout) for kind, layout in LAYOUTS.items()},
    "unlv": list_unlv,
    "ui-prmd": list_ui_prmd,
    "kimore": list_kimore,
}
"""Lister by kind; a new kind is a function (root, **options) -> Listing and a line here."""


def list_records(
    kind: str,
    root: Path,
    storage: Storage | None = None,
    *,
    unscored: bool = False,
    frame_rate: float = 0.0,
    **options: Any,
) -> Listing:
    """The records of a data set, and what is wrong with the rest.

    Args:
        kind: a key of `KINDS`.
        root: the data set's folder; of kind "folder" also an address on a store.
        storage: how stores are reached.
        unscored: also list performances that the data set's own files give no score, where the kind can.
        frame_rate: frames per second of folders of frames, where the kind does not state it; 0: unknown.
        options: the kind's own, such as labels="scores.csv" for a folder, or score="execution" where there are several.

    Raises:
        UsageError: unknown kind or option, no such folder, or nothing of that kind in it.
        DataError: a damaged or contradicting label file.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind of data set '{clip(kind)}'", fix=nearest(kind, KINDS))
    accepted = [name for name in inspect.signature(KINDS[kind]).parameters if name not in ("root", "storage")]
    for name in options:
        if name not in accepted:
            raise UsageError(f"data set kind '{kind}' has no option '{clip(name)}'", fix=nearest(name, accepted))
    options |= {"unscored": True} if unscored and "unscored" in accepted else {}
    options |= {"frame_rate": frame_rate} if frame_rate and "frame_rate" in accepted else {}
    refuse_ambiguous(root)
    root = local_path(root)
    if is_remote(root):
        if kind != "folder":
            raise UsageError("only data sets of kind 'folder' are read from a store", where=root, fix="Copy it here")
        return list_folder(root, storage=storage, **options)
    refuse_unknown(root)
    if not root.is_dir():
        raise UsageError("no such folder", where=root, fix="Check dataset.root; names are case sensitive")
    return KINDS[kind](root, **options)
