"""The line to type next, the last that each command prints: what for, and a command that works as it is printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline import api

Line = tuple[str | Path, ...]
"""What the next command is for, and its words; a name that no option precedes is a path, see `data.errors.quoted`."""

NEW_VIDEOS, NEW_FEATURES = "NEW_VIDEOS", "NEW_FEATURES"
"""Stand for the user's videos, whose folder no command knows."""


def as_typed(place: Path) -> str | Path:
    """A path, or an address of a store, as it is typed."""
    from data.store import address, is_shared

    return address(place) if is_shared(place) else place


@dataclass(frozen=True)
class Typed:
    """A command as it was typed: its words, and the values of its options by name."""

    words: list[str]
    given: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.given[name]

    @property
    def settings(self) -> Iterator[str | Path]:
        """The words that give another command the same settings."""
        for name, option in (("config", "--config"), ("overrides", "--set"), ("features", "--features")):
            values = self.given.get(name) or ()
            for value in (values,) if isinstance(values, (str, Path)) else values:
                yield from (option, str(value))
        yield from self.same_cache

    @property
    def same_cache(self) -> Line:
        """The words that give another command the same cache."""
        cache = self.given.get("cache")
        return () if cache is None else ("--cache", as_typed(cache))

    def without(self, option: str) -> list[str]:
        """The words again, without a flag."""
        return [word for word in self.words if word != option]

    def with_option(self, option: str) -> list[str]:
        """The words again, with a flag: before `--`, after which all words are names."""
        words = self.without(option)
        place = words.index("--") if "--" in words else len(words)
        return [*words[:place], option, *words[place:]]


def _label(summary: api.LabelSummary, typed: Typed) -> Line:
    train = ("train", "--config", "folder", "--set", f"dataset.root={typed.root}")
    if typed.phases and summary.answers:
        most = max(summary.answers, key=lambda name: summary.answers[name])
        marked = ("--set", f"dataset.phases={typed.root / 'phases' / f'{most}.csv'}")
        cut = ("--set", f"timesteps.bounds=[{typed.phases}]")
        return ("train on these phases", *train, *marked, *cut, "--out", "runs/mine")
    if any(value is not None for row in summary.rows for value in row.scores.values()):
        labels = () if typed.out is None else ("--set", f"dataset.labels={typed.out.absolute()}")
        return ("train on these labels", *train, *labels, "--out", "runs/mine")
    return ("judge on the page", *typed.without("--summary"))


def _extract(done: api.ExtractRun, typed: Typed) -> Line:
    if done.costs is not None:
        return ("run it", *typed.without("--dry-run"))
    if done.summary.cancelled:
        return ("go on", *typed.words)
    if len(done.summary.failed) == done.summary.videos:
        return ("when they are mended", *typed.with_option("--retry-failed"))
    return _after_features(typed)


def _status(state: api.Status, typed: Typed) -> Line:
    if all(row.state == "fresh" for row in state.rows):
        return _after_features(typed)
    again = replace(typed, words=["extract", *typed.without("--quality")[1:]])
    return ("run what is not fresh", *(again.words if state.ok else again.with_option("--retry-failed")))


def _after_features(typed: Typed) -> Line:
    """Videos without a table of labels are judged; a data set is trained on."""
    from data.datasets.folder import CANDIDATES

    place = typed.inputs[0] if typed.inputs else None
    if place is None or any((place / name).is_file() for name in CANDIDATES):
        return ("train on its labels", "train", *(() if place is None else (as_typed(place),)), *typed.settings)
    return ("judge these videos", "label", place if place.is_dir() else NEW_VIDEOS, "--pairs")


def _train(done: api.TrainedModel, typed: Typed) -> Line:
    others = ("--features", NEW_FEATURES) if "features" in done.stages else (NEW_VIDEOS,)
    what_for = "score others" if others[1:] else "score other videos"
    return (what_for, "score", *others, "--model", typed.out, *typed.same_cache)


def _plot_it(done: api.Evaluation, _: Typed) -> Line:
    return ("draw figures for a paper", "plot", done.folder)


def _report(_: Path, typed: Typed) -> Line:
    if typed.features:
        model = ("--model", as_typed(typed.model))
        return ("write the scores as a table", "score", *typed.settings, *model, "--out", "scores.csv")
    if typed.inputs:
        model = ("--model", as_typed(typed.model))
        return ("compare two of them", "compare", "VIDEO_A", "VIDEO_B", *model, *typed.same_cache)
    return ("draw figures for a paper", "plot", as_typed(typed.model), *typed.settings)


def _compare(_: Path, typed: Typed) -> Line:
    videos = (Path(typed.a), Path(typed.b))
    files = all(video.exists() for video in videos)
    shown = (*videos, *typed.same_cache) if files else typed.settings
    return ("see each by itself", "report", as_typed(typed.model), *shown)


def _score(rows: Sequence[api.Score], typed: Typed) -> Line:
    if all(row.failure is not None for row in rows):
        return ("when they are mended", *typed.words)
    if typed.kinematics is not None:
        return ("score others", "score", NEW_VIDEOS, "--model", as_typed(typed.model))
    return ("see why", "report", as_typed(typed.model), *map(as_typed, typed.inputs or ()), *typed.settings)


def _pack(packed: api.Packed, typed: Typed) -> Line:
    if packed.path.suffix == ".h5" and typed.stage in ("", "timesteps"):
        return ("evaluate on it", "evaluate", "--pack", packed.path, *typed.settings)
    root = () if typed.root is None else (typed.root,)
    return ("evaluate on the same features", "evaluate", *root, *typed.settings)


def _data_check(checked: api.DataCheck, typed: Typed) -> Line:
    config = () if typed.config else ("--config", checked.kind)
    if checked.ok and typed.features:
        return ("evaluate on them", "evaluate", Path(checked.root), *config, *typed.settings)
    if checked.ok:
        return ("make its features", "extract", *config, *typed.settings, "--set", f"dataset.root={checked.root}")
    return ("when it is complete", *typed.words)


def _doctor(checks: Sequence[api.SetupCheck], _: Typed) -> Line:
    broken = any(check.state == "broken" for check in checks)
    return ("when it is mended", "doctor") if broken else ("see it work", "demo")


def _weights_list(listed: Sequence[api.ListedWeights], _: Typed) -> Line:
    here = all(one.place for one in listed)
    return ("make features", "extract", NEW_VIDEOS) if here else ("download what is not here", "weights", "fetch")


def _cache_verify(damaged: api.CacheFiles, typed: Typed) -> Line:
    again = ("make them again", "extract", NEW_VIDEOS) if damaged.files else ("see what it holds", "cache", "ls")
    return (*again, *typed.settings)


def _deleted(what_for: str, *words: str) -> Callable[[api.CacheFiles, Typed], Line]:
    """The line after a command that deletes: with --yes where nobody said so, else these words."""

    def line(files: api.CacheFiles, typed: Typed) -> Line:
        return (
            ("delete them", *typed.with_option("--yes")) if files.unconfirmed else (what_for, *words, *typed.settings)
        )

    return line


NEXT: Mapping[str, Callable[[Any, Typed], Line]] = {
    "demo": lambda _, __: ("judge videos of your own", "label", NEW_VIDEOS, "--pairs"),
    "label": _label,
    "extract": _extract,
    "status": _status,
    "train": _train,
    "evaluate": _plot_it,
    "leaderboard": _plot_it,
    "report": _report,
    "compare": _compare,
    "plot": lambda _, typed: ("see a page of it", "report", as_typed(typed.model), *map(as_typed, typed.inputs or ()),
                              *typed.settings),
    "serve": lambda _, typed: ("serve again, with the videos so far", *typed.words),
    "score": _score,
    "export": lambda _, typed: ("share the whole model", "push", as_typed(typed.model), "ADDRESS"),
    "push": lambda _, typed: ("score with it", "score", NEW_VIDEOS, "--model", as_typed(typed.to)),
    "pack": _pack,
    "settings": lambda rows, _: ("see what a value changes", "extract", NEW_VIDEOS, "--dry-run", "--set",
                                 f"{rows[0].key}=VALUE"),
    "doctor": _doctor,
    "data_check": _data_check,
    "weights_list": _weights_list,
    "weights_fetch": lambda _, __: ("make features", "extract", NEW_VIDEOS),
    "weights_path": lambda _, __: ("see its source and licence", "weights", "list"),
    "weights_rm": _deleted("download them again", "weights", "fetch"),
    "cache_ls": lambda _, typed: ("check every file", "cache", "verify", *typed.settings),
    "cache_verify": _cache_verify,
    "cache_prune": _deleted("see what is left", "cache", "ls"),
    "cache_gc": _deleted("see what is left", "cache", "ls"),
    "cache_rm": _deleted("make features again", "extract", NEW_VIDEOS),
}  # fmt: skip
"""By the name of the call, the line that follows from its result and its words."""
