"""Protocols: divide performances into training and test sets, as folds of ids.

    folds = make_folds("louo", records)
    audited = audit(folds, records, forbid=unsplit_groups("louo"))
    audited.require()

Every protocol keeps the groups of `unsplit_groups` together; the audit (`data.leaks`) checks it independently.
Records of several tasks may be split at once: a held-out surgeon is held out of every task, so tasks can be pooled.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets.tables import clip, read_text
from data.errors import DataError, UsageError, nearest
from data.store import parse_json
from data.store.arrays import Rows
from data.video import Record

TIED = ("trial", "original", "group")
"""Groups that a split keeps together by default: views, mirrored copies, given groups."""

MIN_TRAIN = 2
"""Fewest training performances of a task in a fold."""

MORE = f"Add some: an evaluation needs at least {MIN_TRAIN + 1} independent performances"
"""The fix for too few performances."""

JIGSAWS_4FOLD = Path(__file__).resolve().parents[1] / "configs" / "splits" / "jigsaws_4fold.json"


@dataclass(frozen=True)
class Fold:
    """One division into training and test part."""

    name: str  # such as "1" or the held-out surgeon
    train: tuple[str, ...]  # record ids, in the order of the records
    test: tuple[str, ...]

    def indices(self, ids: Sequence[str]) -> tuple[Rows, Rows]:
        """Positions of the training and test part in `ids`. Raises DataError: an id of the fold is not in `ids`."""
        where = {name: index for index, name in enumerate(ids)}
        missing = [name for name in (*self.train, *self.test) if name not in where]
        if missing:
            what = f"fold {self.name} needs {len(missing)} record(s) that are not here, such as {clip(missing[0])}"
            raise DataError(what, fix="Make the folds from the records that have features")
        train, test = ([where[name] for name in part] for part in (self.train, self.test))
        return np.array(train, dtype=np.intp), np.array(test, dtype=np.intp)


def leave_one_out(records: Sequence[Record], kind: str) -> list[Fold]:
    """One fold for each value of the group `kind`, whose records are the test part.

    Raises DataError: a record without this group, or a single value.
    """
    values = _values(records, kind)
    names = sorted(set(values.values()), key=_natural)
    if len(names) < 2:
        what = f"leaving one {kind} out needs at least two of them, but there is {len(names)}"
        raise DataError(what, fix="Type --set protocol=kfold")
    return [_fold(name, records, {r.id for r in records if values[r.id] == name}) for name in names]


def jigsaws_4fold(records: Sequence[Record], folds_file: Path = JIGSAWS_4FOLD) -> list[Fold]:
    """The four common folds of JIGSAWS; listed trials that are not in `records` are skipped.

    Raises DataError: a trial that is missing from the list or repeated in it, a damaged list, or a fold without
    training data.
    """
    fold_of = _read_list(folds_file)
    trials = _values(records, "trial")
    unlisted = sorted({trial for trial in trials.values() if trial not in fold_of})
    if unlisted:
        what = f"{len(unlisted)} trial(s) are in none of its folds: {clip(', '.join(unlisted), 200)}"
        raise DataError(what, where=folds_file, fix="Leave these records out, or type --set protocol=kfold")
    count = 1 + max(fold_of.values(), default=-1)
    parts = [{r.id for r in records if fold_of[trials[r.id]] == k} for k in range(count)]
    return [_fold(str(k + 1), records, test) for k, test in enumerate(parts) if test]


def _read_list(path: Path) -> dict[str, int]:
    """Fold (from 0) of every trial in a file of the form {"folds": {task: [[trial, ...], ...]}}."""
    fix = 'Expected {"folds": {"Suturing": [["Suturing_B001", ...], ...]}}'
    try:
        folds = parse_json(read_text(path))["folds"]
        pairs = [(str(trial), k) for parts in folds.values() for k, part in enumerate(parts) for trial in part]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError("not a list of folds", where=path, fix=fix) from error
    fold_of: dict[str, int] = {}
    for trial, k in pairs:
        if trial in fold_of:
            raise DataError(f"'{clip(trial)}' appears twice", where=path, fix="Every trial is tested once")
        fold_of[trial] = k
    return fold_of


def fixed(records: Sequence[Record]) -> list[Fold]:
    """The data set's official split. Raises DataError: a record without a split, or an empty side."""
    unassigned = [record for record in records if record.split not in ("train", "test")]
    if unassigned:
        what = f"{len(unassigned)} record(s) belong to neither 'train' nor 'test', such as {unassigned[0].name}"
        raise DataError(what, fix="Fill in the column 'split', or type --set protocol=kfold")
    return [_fold("fixed", records, {r.id for r in records if r.split == "test"})]


def kfold(records: Sequence[Record], k: int = 4, seed: int = 0, unsplit: Iterable[str] = TIED) -> list[Fold]:
    """`k` random folds of about equal size; records that share a group of any kind in `unsplit` stay together.

    The order of records does not matter.

    Raises UsageError: k below 2; DataError: fewer than k bundles of tied records.
    """
    if k < 2:
        raise UsageError(f"{k} fold(s) cannot be tested", fix="Type --set split.folds=4, or a number of at least 2")
    bundles = tied(records, unsplit)
    if len(bundles) < k:
        fewer = len(bundles) // 2 if len(bundles) > MIN_TRAIN + 1 else len(bundles)  # ranks need two performances
        fix = f"Make fewer: --set split.folds={fewer}" if len(bundles) > MIN_TRAIN else MORE
        raise DataError(f"{len(bundles)} independent group(s) cannot make {k} folds", fix=fix)
    random.Random(seed).shuffle(bundles)  # noqa: S311 (not a secret)
    parts: list[set[str]] = [set() for _ in range(k)]
    for bundle in sorted(bundles, key=len, reverse=True):
        min(parts, key=len).update(bundle)
    return [_fold(str(index + 1), records, part) for index, part in enumerate(parts)]


def holdout(records: Sequence[Record], seed: int = 0) -> list[Fold]:
    """One fold with about a quarter of the records as test part, grouped as in `kfold`.

    Raises DataError: fewer than two bundles of tied records.
    """
    bundles = tied(records)
    if len(bundles) < 2:
        raise DataError(f"{len(bundles)} independent group(s) cannot be split", fix=MORE)
    random.Random(seed).shuffle(bundles)  # noqa: S311 (not a secret)
    test: set[str] = set(bundles[0])
    for bundle in bundles[1:-1]:
        if len(test) + len(bundle) / 2 <= len(records) / 4:
            test.update(bundle)
    return [_fold("holdout", records, test)]


def tied(records: Sequence[Record], unsplit: Iterable[str] = TIED) -> list[tuple[str, ...]]:
    """Bundles of ids that share a group of any kind in `unsplit`, directly or through others; in a stable order."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, chosen = sorted({record.id for record in records}), tuple(unsplit)
    rows = {name: row for row, name in enumerate(names)}
    first: dict[tuple[str, str], int] = {}
    links = [
        (rows[record.id], first.setdefault((kind, record.groups[kind]), rows[record.id]))
        for record in records
        for kind in chosen
        if kind in record.groups
    ]
    ends = np.array(links, dtype=np.intp).reshape(-1, 2).T
    _, labels = connected_components(coo_array((np.ones(len(links)), tuple(ends)), shape=(len(names),) * 2))
    bundles: dict[int, list[str]] = defaultdict(list)
    for name, label in zip(names, labels, strict=True):
        bundles[int(label)].append(name)
    return sorted(map(tuple, bundles.values()))


def bundle_numbers(records: Sequence[Record], unsplit: Iterable[str] = TIED) -> Rows:
    """(n,) index of each record's bundle, in the order of `tied`."""
    number = {name: index for index, bundle in enumerate(tied(records, unsplit)) for name in bundle}
    return np.array([number[record.id] for record in records], dtype=np.intp)


PROTOCOLS: Mapping[str, tuple[Callable[..., list[Fold]], tuple[str, ...]]] = {
    "4fold": (jigsaws_4fold, TIED),
    "louo": (partial(leave_one_out, kind="subject"), (*TIED, "subject")),
    "loso": (partial(leave_one_out, kind="supertrial"), (*TIED, "supertrial")),
    "fixed": (fixed, TIED),
    "kfold": (kfold, TIED),
    "holdout": (holdout, TIED),
}  # by name in the configuration: the function that makes the folds, and the groups kept on one side


def make_folds(protocol: str, records: Sequence[Record], **options: Any) -> list[Fold]:
    """The folds of a named protocol.

    Args:
        protocol: a key of `PROTOCOLS`.
        records: labelled performances.
        options: those of the protocol, such as k and seed; others raise TypeError.

    Raises UsageError: unknown protocol; DataError: the records cannot be split this way.
    """
    return _protocol(protocol)[0](records, **options)


def unsplit_groups(protocol: str) -> tuple[str, ...]:
    """The kinds of groups that a protocol keeps on one side, for `audit`. Raises UsageError: unknown protocol."""
    return _protocol(protocol)[1]


def _protocol(name: str) -> tuple[Callable[..., list[Fold]], tuple[str, ...]]:
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol '{clip(name)}'", fix=nearest(name, PROTOCOLS))
    return PROTOCOLS[name]


def _fold(name: str, records: Sequence[Record], test: set[str]) -> Fold:
    ids = [record.id for record in records]
    fold = Fold(name, tuple(i for i in ids if i not in test), tuple(i for i in ids if i in test))
    if not fold.train or not fold.test:
        side = "training" if not fold.train else "test"
        raise DataError(f"fold {name} has no {side} part", fix="Check which records have labels and features")
    return fold


def _values(records: Sequence[Record], kind: str) -> dict[str, str]:
    without = [record for record in records if kind not in record.groups]
    if without:
        what = f"{len(without)} record(s) have no {kind}, such as {without[0].name}"
        raise DataError(what, fix=f"Fill in the column '{kind}', or choose another protocol")
    return {record.id: record.groups[kind] for record in records}


def _natural(text: str) -> tuple[int, int, str]:
    """Sort key: whole numbers by value, then the rest by name."""
    return (0, int(text), text) if text.isascii() and text.isdigit() and len(text) < 10 else (1, 0, text)
