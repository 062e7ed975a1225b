"""Score unseen videos with a trained run: extract what is not cached, predict, say what each step gave.

    from pipeline.score import load_scorer
    scored = load_scorer(Path("runs/demo")).score(Path("dive.mp4"))
    print(scored.score, scored.step_scores)

The command `score` is the same code.
"""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import DataError, UsageError, printable
from data.files import write_text
from data.videos import Record, find_videos
from pipeline import bundle
from pipeline.cache import Cache
from pipeline.config import BaseConfig, validate
from pipeline.extract import run_extract
from pipeline.features import FeatureSet, feature_settings, stack
from pipeline.runner import Planner, Result

CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class Scored:
    """The score of one video and what made it.

    Attributes:
        id: the video's id, as it is on disk; `printable` makes it safe to show.
        path: the video.
        score: final score in the labels' unit, the mean over the run's networks; None where the video failed.
        spread: standard deviation over the networks.
        execution, synchronisation: where the model has these heads.
        bounds: (T, 2) seconds of each time step.
        step_scores: (T,) share of each time step in the score.
        attention: (T, 2) weights of the scene and of the interaction.
        flags: one sentence per reason to doubt the score.
        error: why there is no score.
        quality: quality figures by stage.
    """

    id: str
    path: Path | None
    score: float | None = None
    spread: float | None = None
    execution: float | None = None
    synchronisation: float | None = None
    bounds: tuple[tuple[float, float], ...] = ()
    step_scores: tuple[float, ...] = ()
    attention: tuple[tuple[float, float], ...] = ()
    flags: tuple[str, ...] = ()
    error: str | None = None
    quality: dict[str, dict[str, Any]] = field(default_factory=dict)


class Scorer:
    """A trained run with the configuration that made its features.

    Args:
        folder: what `train` wrote.
        cache: where features of the videos are kept; default: the cache of the run's configuration.
        workers: processes that extract; 0 is this process.
    """

    def __init__(self, folder: Path, cache: Path | None = None, workers: int | None = None) -> None:
        self.folder = folder
        self.bundle = bundle.load(folder)
        values = saved_config(folder)
        if cache is not None:
            values["cache"] = str(cache)
        if workers is not None:
            values.setdefault("run", {})["workers"] = workers
        self.config: BaseConfig = validate(values, where=folder / CONFIG_FILE)
        self.cache = Cache(self.config.cache)
        self.planner = Planner(self.config, self.cache, stages=("timesteps",))
        self._check_settings()

    def score(self, video: Path) -> Scored:
        """Score one video.

        Raises:
            UsageError: no such file.
        """
        return self.score_records(find_videos([video]).records)[0]

    def score_records(
        self,
        records: Sequence[Record],
        *,
        stop: threading.Event | None = None,
        **hooks: Callable[..., Any] | None,
    ) -> list[Scored]:
        """Score many videos; those that fail come back with `error` set.

        Args:
            records: what to score.
            stop: set it to end after the current writes.
            hooks: progress hooks of `pipeline.extract.run_extract`.
        """
        summary = run_extract(records, self.config, self.cache, self.planner, stop=stop, **hooks)
        results = {result.record.id: result for result in summary.results}
        outputs = {}
        for record in records:
            failed = results[record.id].failed if record.id in results else {}
            if not failed and (record.id not in results or "timesteps" in results[record.id].done):
                outputs[record.id] = self.cache.read("timesteps", record.id).output
        good = [record for record in records if record.id in outputs]
        scored: dict[str, Scored] = {}
        if good:
            features = stack(good, [outputs[r.id] for r in good], feature_settings(self.planner))
            bounds = {r.id: outputs[r.id].arrays["bounds"].values for r in good}
            scored = {s.id: s for s in self._predict(features, bounds)}
        return [scored.get(record.id) or _failure(record, results.get(record.id)) for record in records]

    def _predict(self, features: FeatureSet, bounds: dict[str, Any]) -> list[Scored]:
        made = self.bundle.predict(features)
        rows = []
        for i, record in enumerate(features.records):
            rows.append(
                Scored(
                    id=record.id,
                    path=record.path,
                    score=float(made.score[i]),
                    spread=float(np.std(made.members[:, i])),
                    execution=None if made.execution is None else float(made.execution[i]),
                    synchronisation=None if made.synchronisation is None else float(made.synchronisation[i]),
                    bounds=tuple((float(a), float(b)) for a, b in bounds[record.id]),
                    step_scores=tuple(float(v) for v in made.step_scores[i]),
                    attention=tuple((float(a), float(b)) for a, b in made.attention[i]),
                    quality={name: self.cache.quality(name, record.id) for name in self.planner.stages},
                )
            )
        return rows

    def _check_settings(self) -> None:
        """The saved configuration must make the features that the model was trained on."""
        lines = list(
            bundle.differences(self.bundle.run.settings, json.loads(json.dumps(feature_settings(self.planner))))
        )
        if lines:
            raise UsageError(
                "this model was trained on features of other settings: " + "; ".join(lines),
                where=self.folder,
                fix="Train a model with this version and these weights",
            )


def load_scorer(folder: Path, cache: Path | None = None, workers: int = 0) -> Scorer:
    """A scorer for use from Python; extracts in this process unless `workers` says otherwise.

    Raises:
        DataError: no trained run there, or a damaged one.
        UsageError: its features cannot be made here; says which settings differ.
    """
    return Scorer(folder, cache, workers)


def save_config(config: BaseConfig, folder: Path) -> None:
    """Keep the configuration that a run was made with beside it.

    Raises:
        OSError: the folder cannot be written.
    """
    write_text(folder / CONFIG_FILE, json.dumps(config.dump(), indent=1, sort_keys=True) + "\n")


def write_csv(path: Path, rows: Sequence[Scored]) -> None:
    """One line per video: score, spread, heads, steps, flags, error. Cells cannot start a spreadsheet formula.

    Raises:
        OSError: the folder cannot be written.
    """
    steps = max((len(row.step_scores) for row in rows), default=0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = ["video", "score", "spread", "execution", "synchronisation", *[f"step_{i + 1}" for i in range(steps)]]
    writer.writerow([*heads, "flags", "error"])
    for row in rows:
        numbers = [row.score, row.spread, row.execution, row.synchronisation]
        numbers += [*row.step_scores, *[None] * (steps - len(row.step_scores))]
        cells = ["" if n is None else f"{n:.6g}" for n in numbers]
        writer.writerow([_cell(row.id), *cells, _cell("; ".join(row.flags)), _cell(row.error or "")])
    write_text(path, text.getvalue())


def score_rows(rows: Sequence[Scored]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and cells of the table that a terminal shows."""
    heads = any(row.execution is not None for row in rows)
    columns = ("video", "score", "spread", *(("execution", "synchronisation") if heads else ()), "note")
    cells = []
    for row in rows:
        parts = (row.execution, row.synchronisation) if heads else ()
        cells.append((printable(row.id), row.score, row.spread, *parts, row.error or "; ".join(row.flags)))
    return columns, cells


def as_json(rows: Sequence[Scored]) -> list[dict[str, Any]]:
    """The rows as JSON types."""
    return [vars(row) | {"id": printable(row.id), "path": printable(row.path or "")} for row in rows]


def _cell(text: str) -> str:
    """Text that a spreadsheet takes for text."""
    shown = printable(text)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@", "\t", "\r") else shown


def saved_config(folder: Path) -> dict[str, Any]:
    """The configuration that a run folder keeps, as plain values.

    Raises:
        DataError: none there, or damaged.
    """
    path = folder / CONFIG_FILE
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError("no trained model here", where=folder, fix="Give a folder that `train` wrote") from None
    except (OSError, ValueError) as error:
        raise DataError(f"not a readable configuration ({error})", where=path, fix="Train it again") from None
    return dict(values)


def _failure(record: Record, result: Result | None) -> Scored:
    reasons = [why for why in result.failed.values() if not why.startswith("needs ")] if result else []
    error = reasons[0] if reasons else "not extracted: the run was stopped"
    return Scored(id=record.id, path=record.path, error=error)
