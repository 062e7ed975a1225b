"""Scores videos with a trained run: missing features, prediction, intervals, flags and the share of each step.

    from pipeline.score import load_scorer
    scored = load_scorer("runs/demo").score("dive.mp4")
    print(scored.score, scored.interval80, scored.percentile, [flag.title for flag in scored.flags])

The command `score` runs the same code. The same video and run folder give bit-identical numbers, independent of the
other videos of a batch. `pipeline.score.score_tables` writes tables, CSV and JSON.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import PROGRAM, DataError, UsageError
from data.store import StageOutput, is_remote, parse_json, read_regular, write_text
from data.store.arrays import Floats
from data.store.files import MAX_JSON_BYTES
from data.video import Record
from pipeline.cache import UNREADABLE, open_cache, software
from pipeline.config import BaseConfig, validate
from pipeline.extract import Planner, extract_and_read, run_extract
from pipeline.features import FeatureSet, feature_settings, stack
from pipeline.observer import Observer
from pipeline.results import Interval, Score, StepScore
from pipeline.score import bundle
from pipeline.score.calibration import Calibration, load_calibration
from pipeline.score.flags import Facts, find_flags
from pipeline.score.known_videos import read_contents, was_trained_on
from pipeline.score.run_origin import is_own, mark_as_own, note_of, portable
from pipeline.score.score_inputs import find_performances

CONFIG_FILE = "config.json"
NOT_FINITE = "the score is not a finite number; the model or this video's features are damaged"


@dataclass(frozen=True)
class _Inputs:
    """What one score is made of: the `timesteps` output, and by stage the planned keys and the quality measures.

    `trained_on`: whether a file of it was in the training part, None where those files are unknown.
    """

    output: StageOutput
    keys: Mapping[str, str]
    quality: dict[str, dict[str, Any]]
    trained_on: bool | None


UNANNOTATED = (
    f"no annotated boundaries, at which this model cuts time: `{PROGRAM} report` of its folder scores its own "
    "data set; for other videos train a model with --set timesteps.bounds=equal"
)
"""Error of a video that a model of `timesteps.bounds: annotated` cannot score."""


class Scorer:
    """A trained run with the configuration that made its features.

    Args:
        folder: written by `train`.
        cache: cache of the videos' features; default: the cache of the run's configuration, where this account made
            it, else `cache`.
        workers: processes that extract; 0 is this process.
        other_settings: score even where the features differ from those of training; a flag of every score then
            lists the differences.
        user: the user's own cache, paths, devices and limits, for a folder that another account made
            (`pipeline.score.run_origin`); default: the program's defaults.

    Raises DataError where the folder holds no trained run or a damaged one, UsageError, which lists the differences,
    where the features differ from those of training.
    """

    def __init__(
        self,
        folder: str | Path,
        cache: str | Path | None = None,
        workers: int | None = None,
        *,
        other_settings: bool = False,
        user: BaseConfig | None = None,
    ) -> None:
        self.folder = folder = Path(folder)
        self.bundle = bundle.load(folder)
        self.model_sha256 = bundle.model_sha256(folder)
        values, notes = usable_config(folder, user)
        self.notes = (*self.bundle.notes, *notes)
        if cache is not None:
            values["cache"] = str(cache)
        if workers is not None and isinstance(values.setdefault("run", {}), dict):
            values["run"]["workers"] = workers
        self.config: BaseConfig = validate(values, where=folder / CONFIG_FILE)
        self.cache = open_cache(self.config.cache, self.config.storage.reach())
        self.planner = Planner(self.config, self.cache, stages=("timesteps",), retry_failed=True, fetch=lambda _: None)
        settings = feature_settings(self.planner)
        self.differing = tuple(bundle.differences(bundle.plain(self.bundle.run.settings), bundle.plain(settings)))
        if self.differing and not other_settings:
            raise UsageError(
                "this model was trained on features of other settings: " + "; ".join(self.differing),
                where=folder,
                fix=f"Train a model with these settings; `{PROGRAM} score --other-settings` gives flagged scores",
            )
        if self.config.combined and self.bundle.combination is None:
            raise DataError("the training of this run was not finished", where=folder, fix="Run the same `train` again")
        self.calibration, self.uncalibrated = _calibration(folder, self.bundle)
        self.contents = read_contents(folder)

    def score(self, video: str | Path | None = None, kinematics: str | Path | None = None) -> Score:
        """Score one video, or a trial by the files that the model reads.

        Raises UsageError where a file is missing, or its features have not the shape that the model reads.
        """
        given, settings = [] if video is None else [Path(video)], self.config
        trial = None if kinematics is None else Path(kinematics)
        return self.score_records(find_performances(given, Observer(), kinematics=trial, settings=settings))[0]

    def score_records(
        self,
        records: Sequence[Record],
        *,
        stop: threading.Event | None = None,
        note: Callable[[str], None] | None = None,
        **hooks: Any,
    ) -> list[Score]:
        """Score many videos. Failed videos have `error` set.

        Every output is read by its planned key; one that is damaged, or that another run on this cache has replaced, is
        extracted again.

        Args:
            stop: set it to end after the current writes; videos not extracted by then count as failed.
            note: called with a message for videos that are extracted again.
            hooks: progress hooks of `pipeline.extract.batch.run_extract`.
        """
        lacking = {record.id: self.lacking(record) for record in records}
        whole = [record for record in records if not lacking[record.id]]
        inputs, errors = extract_and_read(whole, self.planner, "timesteps", self._read, stop=stop, note=note, **hooks)
        # One by one: matrix products of a batch may round differently from those of a single performance.
        scored = {record.id: self._scored(record, inputs[record.id]) for record in records if record.id in inputs}
        rows = [scored.get(r.id) or Score(id=r.id, path=r.path, error=lacking[r.id] or errors[r.id]) for r in records]
        return [replace(row, model=self.model_sha256) for row in rows]

    def lacking(self, record: Record) -> str:
        """Which input of the model a performance lacks, and how to give it; empty where it has all."""
        if not (lacking := self.planner.lacking(record)):
            annotated = getattr(self.planner.configs.get("timesteps"), "bounds", "equal") == "annotated"
            return UNANNOTATED if annotated and not record.boundaries else ""
        reads = " and ".join(sorted(self.planner.reads, reverse=True))
        fix = "name it with --kinematics FILE" if "kinematics" not in record.files() else "name the video of this trial"
        return f"{', '.join(lacking)}; this model reads {reads}: {fix}, or give the folder of the data set"

    def outputs(self, row: Score, record: Record) -> dict[str, StageOutput]:
        """The stages' outputs that a score was made of; damaged ones are extracted again, lost ones left out."""
        outputs: dict[str, StageOutput] = {}
        for tries_left in (1, 0):
            unusable = False
            for stage in self.planner.stages:
                try:
                    outputs[stage] = self.cache.read(stage, row.id, row.keys.get(stage, "")).output
                except FileNotFoundError:
                    continue
                except UNREADABLE:
                    unusable = True
            if not unusable or not tries_left:
                break
            run_extract([record], self.planner)
        return outputs

    def _read(self, record: Record, keys: Mapping[str, str]) -> _Inputs:
        output = self.cache.read("timesteps", record.id, keys["timesteps"]).output
        quality = {name: self.cache.quality(name, record.id, keys[name]) for name in self.planner.stages}
        trained_on = None
        if self.contents is not None:
            trained_on = was_trained_on(record, self.planner.reads, self.contents, self.cache)
        return _Inputs(output, keys, quality, trained_on)

    def score_features(self, features: FeatureSet) -> bundle.Predictions:
        """Predictions for given features of any settings. Raises UsageError where shapes or channel names differ."""
        return self.bundle.predict(replace(features, settings=self.bundle.run.settings))

    def _scored(self, record: Record, inputs: _Inputs) -> Score:
        """The score of one performance, or the error of one without a finite score."""
        try:
            return self._predict(stack([record], [inputs.output], feature_settings(self.planner)), inputs)
        except (DataError, UsageError) as error:
            return Score(id=record.id, path=record.path, error=str(error))

    def _predict(self, features: FeatureSet, inputs: _Inputs) -> Score:
        """The score of one performance. Raises DataError where it is not a finite number."""
        made, record, calibration = self.score_features(features), features.records[0], self.calibration
        score = float(made.score[0])
        intervals = {} if calibration is None else calibration.intervals(features, made.score)
        distance = None if calibration is None else calibration.novelty.ratios(features)[0]
        if not _finite(made, intervals):
            raise DataError(NOT_FINITE)
        flags, checked = find_flags(self._facts(inputs, float(features.duration[0]), distance, intervals))
        return Score(
            id=record.id,
            path=record.path,
            score=score,
            spread=float(np.std(made.members[:, 0])),
            interval80=_ends(intervals.get(0.80)),
            interval95=_ends(intervals.get(0.95)),
            percentile=percentile(self.bundle.run.train_labels[:, 0], score),
            execution=None if made.execution is None else float(made.execution[0]),
            synchronisation=None if made.synchronisation is None else float(made.synchronisation[0]),
            steps=tuple(
                StepScore(start, end, share, scene, interaction)
                for (start, end), share, (scene, interaction) in zip(
                    inputs.output.arrays["bounds"].values.astype(np.float64).tolist(),
                    made.step_scores[0].tolist(),
                    made.attention[0].tolist(),
                    strict=True,
                )
            ),
            other_share=None if made.other_share is None else float(made.other_share[0]),
            flags=flags,
            checked=checked,
            quality=inputs.quality,
            accuracy="" if calibration is None else str(calibration.accuracy),
            keys=inputs.keys,
        )

    def _facts(
        self, inputs: _Inputs, duration: float, distance: tuple[float, str] | None, intervals: Mapping[float, Any]
    ) -> Facts:
        calibration = self.calibration
        roles = json.dumps(self.config.stage("timesteps").model_dump(include={"primary", "secondary"}))
        facts = Facts(
            quality=inputs.quality,
            duration=duration,
            distance=distance,
            differing=self.differing,
            uncalibrated=self.uncalibrated,
            levels_missing=[round(100 * level) for level, ends in intervals.items() if ends is None],
            camera_agent="camera_flow" in roles,
            trained_on=inputs.trained_on,
        )
        if calibration is None:
            return facts
        return replace(
            facts,
            training=calibration.facts["quality"],
            lengths=(float(calibration.duration.min()), float(calibration.duration.max())),
            software=_other_software(calibration.facts["software"]),
            independent=calibration.groups,
            accuracy=calibration.accuracy,
        )


def load_scorer(
    folder: str | Path,
    cache: str | Path | None = None,
    workers: int | None = 0,
    *,
    other_settings: bool = False,
    user: BaseConfig | None = None,
    observer: Observer | None = None,
) -> Scorer:
    """Load a scorer; by default it extracts in this process. The observer gets the notes on the run folder.

    Raises as `Scorer`, and UsageError where the run's configuration has settings that this version does not have.
    """
    scorer = Scorer(folder, cache, workers, other_settings=other_settings, user=user)
    if observer is not None:
        observer.notes(scorer.notes)
    return scorer


def save_config(config: BaseConfig, folder: Path) -> None:
    """Write the configuration of a run into its folder."""
    text = json.dumps(config.dump(), indent=1, sort_keys=True) + "\n"
    write_text(folder / CONFIG_FILE, text)
    mark_as_own(folder, text.encode())


def percentile(training: np.ndarray, score: float) -> float | None:
    """Share of the training scores below `score`, 0 to 100, ties counted half; None without training scores."""
    labelled = training[np.isfinite(training)]
    if not len(labelled):
        return None
    return float(100 * ((labelled < score).sum() + 0.5 * (labelled == score).sum()) / len(labelled))


def saved_config(folder: Path) -> dict[str, Any]:
    """The stored configuration of a run, for display alone: a foreign one is not to be trusted. Raises DataError."""
    return _stored_config(folder)[0]


def usable_config(folder: Path, user: BaseConfig | None = None) -> tuple[dict[str, Any], list[str]]:
    """The configuration to score with, and notes: of a foreign run folder only what changes features and scores.

    Raises DataError where it is missing or damaged.
    """
    values, content = _stored_config(folder)
    if is_own(folder, content):
        return _with_places(values, folder)
    values, ignored = portable(values, user)
    return values, [note_of(ignored, folder)] if ignored else []


def _with_places(values: dict[str, Any], folder: Path) -> tuple[dict[str, Any], list[str]]:
    """The configuration with relative places that exist, and a note where they are not in the current folder.

    A run folder keeps places as they were typed. Where its data set is missing here, the folders above the run are
    searched, the nearest first: one of them is where the run was made.
    """
    dataset = values.get("dataset")
    root = dataset.get("root") if isinstance(dataset, dict) else None
    if not isinstance(dataset, dict) or not isinstance(root, str) or Path(root).exists():
        return values, []
    base = next((parent for parent in folder.resolve().parents if (parent / root).exists()), None)
    if base is None:
        return values, []
    for part, key in ((dataset, "root"), (dataset, "labels"), (values, "cache")):
        place = part.get(key)
        if isinstance(place, str) and not is_remote(place):
            part[key] = str(base / place)
    return values, [f"note: {root} is not in the current folder; places of this run are read from {base}"]


def _stored_config(folder: Path) -> tuple[dict[str, Any], bytes]:
    path = folder / CONFIG_FILE
    try:
        content = read_regular(path, MAX_JSON_BYTES)
        values = parse_json(content)
    except FileNotFoundError:
        raise DataError(
            "no trained model here", where=folder, fix=f"Name the folder that `{PROGRAM} train --out FOLDER` wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"not a readable configuration ({error})", where=path, fix="Train it again") from None
    if not isinstance(values, dict):
        raise DataError("not a readable configuration (no mapping)", where=path, fix="Train it again")
    return values, content


def input_settings(folder: Path, user: BaseConfig | None = None) -> BaseConfig:
    """The configuration that finds inputs for a run folder; the user's `frames.fps` goes first.

    Raises as `usable_config`, and UsageError where it has settings that this version does not have.
    """
    values, _ = usable_config(folder, user)
    if user is not None and user.frames.fps:
        values["frames"] = {"fps": user.frames.fps}
    return validate(values, where=folder / CONFIG_FILE)


def _finite(made: bundle.Predictions, intervals: Mapping[float, Floats | None]) -> bool:
    """Whether every number of a score is one."""
    heads = [made.score, made.other_share, made.members, made.step_scores, made.attention]
    heads += [made.execution, made.synchronisation]
    return all(bool(np.isfinite(values).all()) for values in (*heads, *intervals.values()) if values is not None)


def _calibration(folder: Path, trained: bundle.Bundle) -> tuple[Calibration | None, str | None]:
    """The calibration, or the reason why there is none; a damaged one is an error."""
    try:
        return load_calibration(folder, trained.run), None
    except UsageError as error:
        return None, error.what


def _other_software(training: Mapping[str, str]) -> tuple[str, ...]:
    here = software()
    names = sorted(name for name in training if name in here and here[name] != training[name])
    return tuple(f"{name} {training[name]} in training, {here[name]} here" for name in names)


def _ends(intervals: np.ndarray | None) -> Interval | None:
    return None if intervals is None else (float(intervals[0, 0]), float(intervals[0, 1]))
