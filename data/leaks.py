"""The leak audit: finds data on both the training and the test side of a fold.

Examples are two views of one trial, a mirrored copy and its original, the same surgeon, or two identical files.
Each inflates results. The audit ignores how the folds were made; it compares the two sides.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from data.errors import DataError, printable
from data.splits import TIED, Fold
from data.video import Record

HARMLESS = frozenset({"view", "event", "level"})  # groups that identify neither a performance nor a person
SHOWN = 20  # leaks that are listed; further ones are only counted


@dataclass(frozen=True)
class Leak:
    """Something on both sides of one fold."""

    fold: str  # the fold's name
    kind: str  # a group kind, or "record", "content"
    value: str  # the group's value, the record's id, or the content's fingerprint
    train: tuple[str, ...]  # ids that share it
    test: tuple[str, ...]

    def __str__(self) -> str:
        """One printable line that names one record of each side."""
        shown = f"fold {self.fold}: {self.kind} '{self.value}' trains as {self.train[0]} and tests as {self.test[0]}"
        return printable(shown)


@dataclass(frozen=True)
class LeakAudit:
    """The result of an audit."""

    forbid: tuple[str, ...]  # group kinds not allowed on both sides
    leaks: tuple[Leak, ...]  # forbidden groups, repeated records and equal file contents on both sides
    shared: Mapping[str, int]  # number of values of each allowed group kind on both sides, summed over the folds
    content_checked: bool  # whether file contents were compared
    untested: tuple[str, ...]  # ids that no fold tests

    @property
    def ok(self) -> bool:
        """True without leaks."""
        return not self.leaks

    @property
    def subjects_known(self) -> bool:
        """Whether the records name subjects; without names, leaks between subjects cannot be found."""
        return "subject" in (*self.forbid, *self.shared)

    @property
    def lines(self) -> list[str]:
        """The result in one line, then a line for each of the first `SHOWN` leaks."""
        found, content = "no leak" if self.ok else f"{len(self.leaks)} leak(s)", "contents compared"
        if not self.content_checked:
            content = "contents not compared, because some files are absent"
        head = f"leak audit: {found}; kept apart: {', '.join(self.forbid) or 'nothing'}; {content}"
        return [head, *(f"leak: {leak}" for leak in self.leaks[:SHOWN])]

    def require(self) -> None:
        """Raise DataError, which lists the leaks, if there are any."""
        if self.ok:
            return
        shown = [str(leak) for leak in self.leaks[:SHOWN]]
        more = [f"and {len(self.leaks) - SHOWN} more"] if len(self.leaks) > SHOWN else []
        fix = "Mend the groups or the split; a result from this split would be too good"
        raise DataError(f"the split leaks from test to training: {'; '.join([*shown, *more])}", fix=fix)


def audit(
    folds: Sequence[Fold],
    records: Sequence[Record],
    fingerprints: Mapping[str, Collection[str]] | None = None,
    forbid: Collection[str] = TIED,
) -> LeakAudit:
    """Find every group, record and file content on both sides of a fold.

    Args:
        records: the performances that the folds name.
        fingerprints: content fingerprints of each record's input files by id; None skips this comparison.
            `content_checked` requires fingerprints of every record in a fold.
        forbid: group kinds that must not be on both sides. Repeated records and equal contents are always leaks. Two
            views of one trial share a kinematics file, so they are a leak of content too.

    Raises DataError: a fold names a record that is not in `records`.
    """
    by_id = {record.id: record for record in records}
    leaks: list[Leak] = []
    shared = Counter({"subject": 0} if "subject" not in forbid and any("subject" in r.groups for r in records) else {})
    for fold in folds:
        unknown = [name for name in (*fold.train, *fold.test) if name not in by_id]
        if unknown:
            raise DataError(f"fold {fold.name} names an unknown record {printable(unknown[0])}", fix="Remake the folds")
        for leak in _both_sides(fold, by_id, fingerprints or {}):
            if leak.kind in forbid or leak.kind in ("record", "content"):
                leaks.append(leak)
            elif leak.kind not in HARMLESS:
                shared[leak.kind] += 1
    tested = {name for fold in folds for name in fold.test}
    untested = tuple(sorted(set(by_id) - tested))
    used = {name for fold in folds for name in (*fold.train, *fold.test)}
    compared = fingerprints is not None and all(fingerprints.get(name) for name in used)
    return LeakAudit(tuple(forbid), tuple(leaks), dict(shared), compared, untested)


def _both_sides(fold: Fold, by_id: Mapping[str, Record], fingerprints: Mapping[str, Collection[str]]) -> Iterator[Leak]:
    sides: dict[tuple[str, str], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, names in enumerate((fold.train, fold.test)):
        for name in dict.fromkeys(names):
            contents = (("content", value) for value in set(fingerprints.get(name, ())))
            for key in (("record", name), *by_id[name].groups.items(), *contents):
                sides[key][side].append(name)
    for (kind, value), (train, test) in sorted(sides.items()):
        if train and test:
            yield Leak(fold.name, kind, value, tuple(train), tuple(test))
