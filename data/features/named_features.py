"""Feature files as inputs of performances: what `--features` names, and which array belongs to which performance.

A text is `[PART=]PATH`. The part is what the features stand for: the scene (default), the primary or the secondary
agent. The path is a file, a pattern such as `RG/*_rgb_VST.npy`, or a folder, which is searched with its subfolders. An
array is called as in its file, or like the file where it is the only one.

Names match ids by their letters and numbers alone: "1/007.npy" and the key (1, 7) belong to "01/007", and a name
without folders to the one performance whose last part it is. Features of a trial belong to all of its views.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath

from data.datasets.folder import key_of
from data.datasets.tables import clip
from data.errors import DataError, UsageError, counted, nearest, printable
from data.features.feature_files import READERS, array_names
from data.features.motion_tables import person_of, video_of
from data.store import expanded
from data.video import Listing, Record
from data.video.video_search import walk

PARTS = ("scene", "primary", "secondary")
"""What features can stand for."""

DICTIONARIES = (".npy", ".pkl", ".pickle")
"""Endings of files whose arrays keep their names, even where there is one."""

BY_PATTERN = "Keep one, or name the files by a pattern: --features 'A/*.npy'"

MOST_SHOWN = 5
"""Most names in a line about features that belong to no performance."""

_WORDS = re.compile(r"\d+|[^\W\d_]+")

Words = tuple[str, ...]


@dataclass(frozen=True)
class NamedFeatures:
    """The arrays of one part.

    Attributes:
        files: file and name inside of it ("" for its only array) of each array, by the array's name.
        problems: a line about each file that cannot be used.
    """

    part: str
    files: Mapping[str, tuple[Path, str]]
    problems: tuple[str, ...] = ()


def kind_of_part(part: str) -> str:
    """The kind of input of `Record.sidecars` that holds the features of a part."""
    return f"{part} features"


def named_features(given: Sequence[str]) -> tuple[NamedFeatures, ...]:
    """The arrays that texts `[PART=]PATH` name, by part; one part may have several texts.

    Raises UsageError: an unknown part, no such file, or no array at all; DataError: one name in two files.
    """
    paths: dict[str, list[Path]] = {}
    for text in given:
        part, equals, path = text.partition("=")
        if not equals:
            part, path = PARTS[0], text
        elif part not in PARTS:
            raise UsageError(f"features of '{clip(part)}'", where="--features", fix=nearest(part, PARTS).capitalize())
        paths.setdefault(part, []).append(expanded(path))
    return tuple(_features_at(part, paths[part]) for part in PARTS if part in paths)


def _features_at(part: str, given: Sequence[Path]) -> NamedFeatures:
    places: dict[str, tuple[Path, str]] = {}
    problems: list[str] = []
    for start in given:
        for root, path in _one_person(part, _files(start, problems)):
            try:
                names = array_names(path)
            except DataError as error:
                problems.append(str(error))
                continue
            alone = not names or (len(names) == 1 and path.suffix.lower() not in DICTIONARIES)
            for name in names or ("",):
                place = path, name
                called = video_of(path.relative_to(root).with_suffix("").as_posix()) if alone else name
                if places.setdefault(called, place) != place:
                    what = f"'{clip(called)}' is here and in {places[called][0]}"
                    raise DataError(what, where=path, fix=BY_PATTERN)
    if not places:
        fix = f"Expected files that end in {' '.join(READERS)}"
        raise UsageError(problems[0] if problems else "no features", where=given[0], fix=fix)
    return NamedFeatures(part, places, tuple(problems))


def _files(start: Path, problems: list[str]) -> list[tuple[Path, Path]]:
    """The files of features at a path, each with the folder that its name is relative to."""
    if start.is_file():
        return [(start.parent, start)]
    if start.is_dir():
        files = [folder / name for folder, _, names in walk(start, problems) for name in names]
        return [(start, path) for path in files if path.suffix.lower() in READERS and path.is_file()]
    if set(start.name) & set("*?[") and start.parent.is_dir():
        return [(start.parent, path) for path in sorted(start.parent.glob(start.name)) if path.is_file()]
    raise UsageError("no such file or folder", where=start, fix="Check --features; names are case sensitive")


def _one_person(part: str, files: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """The files, of a video's several people by Sports2D only the first; for `secondary` the second."""
    numbers: dict[tuple[Path, str], list[int]] = {}
    for _, path in files:
        if (number := person_of(path.stem)) is not None:
            numbers.setdefault((path.parent, video_of(path.stem)), []).append(number)
    wanted = {video: sorted(found)[: 1 + (part == "secondary")][-1] for video, found in numbers.items()}
    return [
        (root, path)
        for root, path in files
        if person_of(path.stem) in (None, wanted.get((path.parent, video_of(path.stem))))
    ]


def with_features(listing: Listing, given: Sequence[NamedFeatures]) -> Listing:
    """The performances with their features; those that lack some of them are left out, each with a line.

    Raises DataError: none has features, or two arrays have one name.
    """
    records, problems = listing.records, list(listing.problems)
    for features in given:
        problems += features.problems
        records = _joined(records, features, problems)
    return Listing(records, tuple(problems), listing.doubts)


def _joined(records: Sequence[Record], features: NamedFeatures, problems: list[str]) -> tuple[Record, ...]:
    """The records that have features of this part, with them."""
    places, first = _by_words(features), next(iter(features.files.values()))[0]
    counts, kept, used = Counter(map(_short_name, records)), list[Record](), set[Words]()
    for record in records:
        if (name := next((name for name in _possible_names(record, counts) if name in places), None)) is None:
            problems.append(f"{record.name}: no {features.part} features")
            continue
        used.add(name)
        (path, entry), kind = places[name], kind_of_part(features.part)
        sidecars, entries = {**record.sidecars, kind: path}, {**record.entries, kind: entry}
        kept.append(replace(record, sidecars=sidecars, entries=entries))
    if not kept:
        there, asked = _shown(features.files), _shown(record.id for record in records)
        what = f"none of the {features.part} features is called like a performance ({there})"
        raise DataError(what, where=first, fix=f"Expected names such as {asked}")
    if unused := [name for name in features.files if _words(name) not in used]:
        several = counted(len(unused), "array")
        problems.append(f"{several} of {features.part} features without a performance: {_shown(unused)}")
    return tuple(kept)


def _by_words(features: NamedFeatures) -> dict[Words, tuple[Path, str]]:
    """The places of the arrays by the words of their names. Raises DataError: two arrays have the same words."""
    places: dict[Words, tuple[Path, str]] = {}
    for name, place in features.files.items():
        if places.setdefault(_words(name), place) != place:
            what = f"several {features.part} features are called like '{clip(name)}'"
            raise DataError(what, where=place[0], fix="Keep one of them")
    return places


def _possible_names(record: Record, counts: Mapping[Words, int]) -> Iterator[Words]:
    """What the features of a record may be called: its id, the id's last part where it is the only such one, its trial.

    `counts` has the number of records by last part.
    """
    yield _words(key_of(record.id))
    if counts[_short_name(record)] == 1:
        yield _short_name(record)
    if "trial" in record.groups:
        yield _words(record.groups["trial"])


def _shown(names: Iterable[str]) -> str:
    return clip(", ".join(map(printable, islice(names, MOST_SHOWN))), 200)


def names_of(given: Sequence[NamedFeatures]) -> tuple[str, ...]:
    """The names of all arrays, each once: performances that need no video."""
    return tuple(dict.fromkeys(name for features in given for name in features.files))


def _words(name: str) -> Words:
    """The letters and the numbers of a name, without case and leading zeros.

    >>> _words("01/FINA_007")
    ('1', 'fina', '7')
    """
    return tuple(word.lstrip("0") or "0" if word.isdigit() else word for word in _WORDS.findall(name.casefold()))


def _short_name(record: Record) -> Words:
    """The last part of an id."""
    return _words(PurePosixPath(key_of(record.id)).name)
