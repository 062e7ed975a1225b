"""Feature files as inputs of performances: reads `--features`, and matches arrays with performances.

A text is `[PART=]PATH`. The part says what the features describe: the scene (default), the primary or the secondary
agent. The path is a file, a pattern such as `RG/*_rgb_VST.npy`, or a folder, which is searched recursively. An array
has its name in the file; the only array of a file has the name of the file.

Names match ids by their letters and numbers: "1/007.npy" and the key (1, 7) belong to "01/007". A name without folders
matches the last component of an id, if only one id has it. Features of a trial belong to all of its views.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from data.datasets.folder import VideoNames
from data.datasets.tables import clip
from data.errors import DataError, UsageError, counted, nearest, printable
from data.features.feature_files import READERS, array_names
from data.features.motion_tables import person_of, video_of
from data.store import expanded
from data.video import Listing, Record
from data.video.video_search import walk

PARTS = ("scene", "primary", "secondary")
"""The inputs that features can replace."""

DICTIONARIES = (".npy", ".pkl", ".pickle")
"""Suffixes of files whose arrays keep their names, even a single array."""

BY_PATTERN = "name the files by a pattern: --features 'A/*_rgb.npy'"

MOST_SHOWN = 5
"""Most names in a line about unmatched features."""

CLOCKS = ("_fps", "_timestamps_ms")
"""Endings of files that video_features writes beside its features; a folder's are left out."""


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
    """The key of `Record.sidecars` for the features of a part."""
    return f"{part} features"


def named_features(texts: Sequence[str]) -> tuple[NamedFeatures, ...]:
    """The arrays that texts `[PART=]PATH` name, by part; a part may have several texts.

    Raises UsageError: an unknown part, no such file, or no arrays; DataError: one name in two files.
    """
    paths: dict[str, list[str]] = {}
    for text in texts:
        part, equals, path = text.partition("=")
        if not equals:
            part, path = PARTS[0], text
        elif part not in PARTS:
            raise UsageError(f"features of '{clip(part)}'", where="--features", fix=nearest(part, PARTS).capitalize())
        paths.setdefault(part, []).append(path)
    return tuple(_features_at(part, paths[part]) for part in PARTS if part in paths)


def _features_at(part: str, paths: Sequence[str]) -> NamedFeatures:
    places: dict[str, tuple[Path, str]] = {}
    problems: list[str] = []
    for text in paths:
        start, _, array = text.partition("::")
        for called, path in _one_person(part, _files(expanded(start), problems)):
            try:
                names = array_names(path)
                if array and array not in names:
                    fix = f"It has {clip(', '.join(names[:5]), 200) or 'one without a name'}"
                    raise DataError(f"no array '{clip(array)}'", where=path, fix=fix)
            except DataError as error:
                problems.append(str(error))
                continue
            alone = array or names == ("",) or (len(names) == 1 and path.suffix.lower() not in DICTIONARIES)
            for entry in [array] if array else names:
                name, source = called if alone else entry, (path, entry)
                if places.setdefault(name, source) != source:
                    raise DataError(
                        f"'{clip(name)}' is here and in {places[name][0]}", where=path, fix=f"Keep one, or {BY_PATTERN}"
                    )
    if not places:
        fix = f"Expected files that end in {' '.join(READERS)}"
        raise UsageError(problems[0] if problems else "no features", where=paths[0], fix=fix)
    return NamedFeatures(part, places, tuple(problems))


def _files(start: Path, problems: list[str]) -> list[tuple[str, Path]]:
    """The files of features at a path, by name relative to it, without the common end of a pattern."""
    root, end = start.parent, ""
    if start.is_file():
        files = [start]
    elif start.is_dir():
        root, found = start, (folder / name for folder, _, names in walk(start, problems) for name in names)
        files = [path for path in found if path.suffix.lower() in READERS and not path.stem.endswith(CLOCKS)]
    elif set(start.name) & set("*?["):
        files, end = sorted(root.glob(start.name)), start.name.rpartition("*")[2]
    else:
        raise UsageError("no such file or folder", where=start, fix="Check --features; names are case sensitive")
    return [
        (path.relative_to(root).as_posix().removesuffix(end).removesuffix(path.suffix), path)
        for path in files
        if path.is_file()
    ]


def _one_person(part: str, files: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """The files; of several people's files by Sports2D, only the first person's, or the second's for `secondary`."""
    numbers: dict[str, list[int]] = {}
    for name, _ in files:
        if (number := person_of(name)) is not None:
            numbers.setdefault(video_of(name), []).append(number)
    wanted = {video: sorted(found)[: 1 + (part == "secondary")][-1] for video, found in numbers.items()}
    return [(video_of(name), path) for name, path in files if person_of(name) in (None, wanted.get(video_of(name)))]


def with_features(listing: Listing, parts: Sequence[NamedFeatures]) -> Listing:
    """The performances with their features; those with missing features are skipped, with a line for each.

    Raises DataError: no performance has features, or two arrays have one name.
    """
    records, problems = listing.records, list(listing.problems)
    for features in parts:
        problems += features.problems
        records = _joined(records, features, problems)
    return Listing(records, tuple(problems), listing.doubts)


def _joined(records: Sequence[Record], features: NamedFeatures, problems: list[str]) -> tuple[Record, ...]:
    """The records with their features of this part; others are left out."""
    names, kind, unused = VideoNames(records), kind_of_part(features.part), list[str]()
    places: dict[str, tuple[Path, str]] = {}
    for name, source in features.files.items():
        ids = names.views(name)
        unused += [] if ids else [name]
        for video in ids:
            if places.setdefault(video, source) != source:
                what = f"several {features.part} features are called like '{clip(name)}'"
                raise DataError(what, where=source[0], fix="Keep one of them")
    if not places:
        there, asked = _shown(features.files), _shown(record.id for record in records)
        what = f"none of the {features.part} features is called like a performance ({there})"
        first = next(iter(features.files.values()))[0]
        raise DataError(what, where=first, fix=f"Expected names such as {asked}; if theirs end in more, {BY_PATTERN}")
    problems += [f"{record.name}: no {features.part} features" for record in records if record.id not in places]
    if unused:
        several = counted(len(unused), "array")
        problems.append(f"{several} of {features.part} features without a performance: {_shown(unused)}")
    return tuple(
        replace(record, sidecars={**record.sidecars, kind: path}, entries={**record.entries, kind: entry})
        for record in records
        if record.id in places
        for path, entry in [places[record.id]]
    )


def _shown(names: Iterable[str]) -> str:
    return clip(", ".join(map(printable, islice(names, MOST_SHOWN))), 200)


def names_of(parts: Sequence[NamedFeatures]) -> tuple[str, ...]:
    """The distinct names of all arrays."""
    return tuple(dict.fromkeys(name for features in parts for name in features.files))
