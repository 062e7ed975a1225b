"""Scores videos with a trained model: extraction, prediction, intervals, flags and step scores.

    from pipeline.score import load_scorer
    scored = load_scorer("runs/demo").score("dive.mp4")
    print(scored.score, scored.interval80, scored.percentile, [flag.title for flag in scored.flags])

The command `score` runs the same code. The same video and model folder give bit-identical numbers, independent of the
other videos of a batch. `pipeline.score.score_tables` writes tables, CSV and JSON.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.errors import DataError, UsageError
from data.store import Outputs, StageOutput, is_remote
from data.store.arrays import Floats, Quality
from data.video import Record
from extractors.timesteps import TimestepsConfig
from pipeline.cache import input_hashes, open_cache, recording_hashes
from pipeline.cache.failure import Failure
from pipeline.checks.accuracy import Interval
from pipeline.checks.flag_checks import Facts, find_flags
from pipeline.observer import SILENT, Observer
from pipeline.phases.carried_phases import CarriedPhases, carried_phases
from pipeline.run import STOPPED, Planner, run
from pipeline.score.calibration import HEADS, Calibration
from pipeline.score.model_config import scoring_config, unused_settings
from pipeline.score.model_files import TRAIN_AGAIN, model_sha256
from pipeline.score.score_inputs import find_performances, positive
from pipeline.score.setting_differences import stage_differences, texts, without_videos
from pipeline.score.trained_model import ModelScores, TrainedModel
from pipeline.score.video_score import Score, StepScore
from pipeline.settings.config import Config, load_config
from pipeline.settings.environment import software
from pipeline.settings.stages import fetch_weights, needed_inputs
from pipeline.train.feature_set import FeatureSet, feature_set

WEIGHTS = ".identity.weights"
OWN_WEIGHTS = "Give the file of weights that training had, if any: --set {}.weights_file=FILE"


class Scorer:
    """A trained model and the configuration of its features, as `load_scorer` reads them.

    `file_rate` is that of `find_performances`.

    Raises UsageError that lists the differences if this version computes other features than those of training.
    """

    def __init__(self, folder: Path, model: TrainedModel, config: Config, sha256: str, file_rate: float = 0.0) -> None:
        self.folder, self.model, self.model_sha256, self.file_rate = folder, model, sha256, file_rate
        stages = config.with_upstream(("timesteps",))
        self.config, self.cache = config, open_cache(config.machine)
        self.planner = Planner(config, self.cache, stages=("timesteps",), retry_failed=True)
        self.reads = frozenset(kind for name in stages for kind in needed_inputs(name))
        if differing := without_videos(stage_differences(model.stages, self.planner.descriptions)):
            self.cache.close()
            of_weights = (name.removesuffix(WEIGHTS) for name, *_ in differing if name.endswith(WEIGHTS))
            raise UsageError(
                f"this model was trained on features of other settings: {'; '.join(texts(differing))}",
                where=folder,
                fix=next(map(OWN_WEIGHTS.format, of_weights), TRAIN_AGAIN),
            )

    def __enter__(self) -> Scorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.cache.close()

    def following(self, region: Sequence[float]) -> Scorer:
        """A scorer that follows the athlete whose centre is in this region (x1 y1 x2 y2, 0 to 1)."""
        config = load_config(self.config, {"pose.region": list(region), "pose.tracks": []})
        return Scorer(self.folder, self.model, config, self.model_sha256, self.file_rate)

    def score(
        self,
        video: str | Path | None = None,
        kinematics: str | Path | None = None,
        difficulty: float | None = None,
    ) -> Score:
        """Score one video, or one trial from the files that the model reads. Raises as `find_performances`."""
        videos, trial = [] if video is None else [Path(video)], None if kinematics is None else Path(kinematics)
        records = find_performances(
            videos, Observer(), self.config, kinematics=trial, file_rate=self.file_rate, difficulty=difficulty
        )
        return self.score_records(records)[0]

    def score_records(self, records: Sequence[Record], observer: Observer = SILENT) -> list[Score]:
        """Score many performances. A failed one has `failure` set.

        A damaged output is extracted again, with a note to the observer. The observer's stop event ends the work after
        the current writes; videos not yet extracted fail. Raises as `pipeline.run.run`.
        """
        failures = {record.id: lacking for record in records if (lacking := self.lacking(record))}
        rows, carried = dict[str, Score](), dict[str, CarriedPhases]()
        ready = [record for record in records if record.id not in failures]
        for record, found in carried_phases(self.model.phases, ready, self.config, self.cache, observer):
            if isinstance(found, Failure):
                failures[record.id] = found
            else:
                carried[record.id] = found
        marked = (
            replace(record, phases=carried[record.id].phases) if record.id in carried else record
            for record in ready
            if record.id not in failures
        )
        plans, machine = self.planner.plan_all([*marked]), self.config.machine
        for result, outputs in run(plans, machine, self.cache, observer, read=("timesteps",), measured=True):
            record = result.record
            if isinstance(outputs, Failure):
                failures[record.id] = outputs
            else:
                rows[record.id] = self._scored(record, outputs["timesteps"], result.keys, carried.get(record.id))
        made = [
            rows.get(record.id) or Score(record.id, record.path, failure=failures.get(record.id, STOPPED))
            for record in records
        ]
        return [replace(row, model=self.model_sha256) for row in made]

    def lacking(self, record: Record) -> Failure | None:
        """The failure of a performance that lacks inputs of the model, with the fix; None if it has all."""
        if lacking := record.lacking(self.reads):
            reads = " and ".join(sorted(self.reads, reverse=True))
            missing_input = "the video of this trial" if "kinematics" in record.files() else "it with --kinematics FILE"
            cause = f"no {' and no '.join(lacking)} file; this model reads {reads}"
            return Failure("input", "timesteps", cause, f"Name {missing_input}, or give the folder of the data set")
        return None

    def outputs(self, row: Score, record: Record) -> Outputs:
        """The stage outputs behind a score; damaged ones are extracted again, missing ones left out."""
        plan = self.planner.plan(record if row.carried is None else replace(record, phases=row.carried.phases))
        if plan.keys() != row.keys:  # the video changed meanwhile
            return {}
        ((_, outputs),) = run([plan.idle()], self.config.machine, self.cache, read=None)
        return {} if isinstance(outputs, Failure) else outputs

    def _scored(
        self, record: Record, output: StageOutput, keys: Mapping[str, str], carried: CarriedPhases | None
    ) -> Score:
        """The score of one performance from its time steps; `failure` is set if the score is not finite.

        Performances are scored one by one, since products of a batch may round differently.
        """
        quality, times = self.cache.qualities(record.id, keys), self.model.times_difficulty
        usual = self.model.difficulty
        calibration, training = self.model.calibration, self.model.train_labels[:, 0]
        difficulty = record.labels.difficulty if times and record.labels else None
        if times and difficulty is None:
            calibration = None if calibration is None else calibration.execution_alone
            training = training / usual
        try:
            features = feature_set([record], [output], self.planner.descriptions)
            made = self.model.predict(replace(features, stages=self.model.stages))
            intervals = {} if calibration is None else calibration.intervals(features, made.score)
            if difficulty is not None:
                made = made.times(positive(difficulty))
                intervals = {level: None if ends is None else ends * difficulty for level, ends in intervals.items()}
            _require_finite(made, intervals)
            facts = self._facts(record, features, quality, intervals, calibration)
            flags, checked = find_flags(
                replace(
                    facts,
                    difficulty=(difficulty, float(usual.min()), float(usual.max())) if times else None,
                    phases=None if carried is None else (max(carried.range_s), carried.limit),
                )
            )
        except (DataError, UsageError) as error:
            return Score(id=record.id, path=record.path, failure=Failure.of(error, record=record))
        bounds = output.floats("bounds").tolist()
        phases = getattr(self.planner.stages["timesteps"], "step_phases", ("",) * len(bounds))
        fused = bool(((made.attention > 0) & (made.attention < 1)).any())  # else the score uses one stream alone
        weights = made.attention[0].tolist() if fused else [(None, None)] * len(bounds)
        parts = zip(bounds, made.step_scores[0].tolist(), weights, phases, strict=True)
        steps = (
            StepScore(start, end, share, scene, interaction, phase)
            for (start, end), share, (scene, interaction), phase in parts
        )
        score, explains = float(made.score[0]), self.model.explains
        accuracies = {} if calibration is None else calibration.head_accuracies
        heads = {name: values for name in HEADS if (values := getattr(made, name)) is not None}
        good = {name: float(v[0]) for name, v in heads.items() if name not in accuracies or accuracies[name].better}
        return Score(
            id=record.id,
            path=record.path,
            score=score,
            spread=float(np.std(made.members[:, 0])),
            interval80=_ends(intervals.get(0.80)),
            interval95=_ends(intervals.get(0.95)),
            percentile=percentile(training, score),
            difficulty=difficulty,
            execution=good.get("execution"),
            synchronisation=good.get("synchronisation"),
            steps=tuple(step if explains else step.unscored() for step in steps),
            other_share=None if made.other_share is None or not explains else float(made.other_share[0]),
            flags=flags,
            checked=checked,
            quality=quality,
            accuracy=None if calibration is None else calibration.accuracy,
            head_accuracy={name: accuracies[name] for name in good if name in accuracies},
            keys=keys,
            carried=carried,
            duration=facts.duration,
        )

    def _facts(
        self,
        record: Record,
        features: FeatureSet,
        quality: Quality,
        intervals: Mapping[float, Floats | None],
        calibration: Calibration | None,
    ) -> Facts:
        """The facts that decide the flags of one performance."""
        trained_on = None
        if self.model.contents is not None and record.recordings():
            trained_on = bool(self.model.contents & recording_hashes(record, input_hashes(record, self.cache)))
        steps = self.planner.stages["timesteps"]
        roles = steps.roles() if isinstance(steps, TimestepsConfig) else ()
        facts = Facts(
            quality=quality,
            duration=float(features.duration[0]) if np.isfinite(features.duration[0]) else None,
            camera_agent=any(role.stage == "camera_flow" for role in roles),
            trained_on=trained_on,
        )
        if calibration is None:
            return replace(facts, uncalibrated=self.model.not_calibrated)
        return replace(
            facts,
            distance=calibration.novelty.ratios(features)[0],
            levels_missing=[round(100 * level) for level, ends in intervals.items() if ends is None],
            training=calibration.facts.quality,
            lengths=(float(calibration.duration.min()), float(calibration.duration.max())),
            software=_other_software(self.model.origin.versions),
            independent=calibration.groups,
            accuracy=calibration.accuracy,
        )


def load_scorer(folder: str | Path, user: Config | None = None, observer: Observer = SILENT) -> Scorer:
    """Load a trained model to score with.

    Args:
        folder: written by `train`.
        user: has the machine's settings, which models do not store (`pipeline.score.model_config`). Default: those of
            a call without a configuration, in this process, so that a script needs no guard for worker processes.
        observer: gets a line before each download of weights, and a line about the user's settings that the model's
            method overrides. Without an observer that line is a Python warning.

    Raises DataError for a missing or damaged model. Raises UsageError as `Scorer`, and for settings of the model that
    this version does not have.
    """
    folder = Path(folder)
    user = load_config(None, {"work.workers": 0}) if user is None else user
    model = TrainedModel.load(folder)  # before the configuration: this checks the hashes of all files
    config = scoring_config(folder, user)
    fetch_weights(config.with_upstream(("timesteps",)), observer.note)
    scorer = Scorer(folder, model, config, model_sha256(folder), user.frames.fps)
    unused = unused_settings(scorer.config.method, user.method)
    observer.notes(unused)
    for line in unused if observer is SILENT else ():  # a script gets no notes
        warnings.warn(line.removeprefix("note: "), stacklevel=2)
    return scorer


def percentile(training: np.ndarray, score: float) -> float | None:
    """Percentage of the training scores below `score`; ties count half; None without training scores."""
    labelled = training[np.isfinite(training)]
    if not len(labelled):
        return None
    return float(100 * ((labelled < score).sum() + 0.5 * (labelled == score).sum()) / len(labelled))


def _require_finite(made: ModelScores, intervals: Mapping[float, Floats | None]) -> None:
    """Raise DataError if a number of a score is not finite."""
    numbers = [made.score, made.other_share, made.members, made.step_scores, made.attention]
    numbers += [made.execution, made.synchronisation, *intervals.values()]
    if not all(values is None or np.isfinite(values).all() for values in numbers):
        raise DataError(
            "the score is not a finite number; the model or this video's features are damaged",
            fix="Extract this video again with --force; if that does not help, train the model again",
        )


def _other_software(training: Mapping[str, str]) -> tuple[str, ...]:
    here = software()
    names = sorted(name for name in training if name in here and here[name] != training[name])
    return tuple(f"{name} {training[name]} in training, {here[name]} here" for name in names)


def _ends(intervals: np.ndarray | None) -> Interval | None:
    return None if intervals is None else (float(intervals[0, 0]), float(intervals[0, 1]))


def score_videos(
    inputs: Sequence[Path],
    model: Path,
    user: Config,
    observer: Observer,
    *,
    kinematics: Path | None = None,
    difficulty: float | None = None,
) -> list[Score]:
    """Score performances (see `find_performances`) with the model in folder `model`; a failed one has `failure` set.

    Args:
        user: has the machine's settings, and the data set to score without inputs.

    Raises UsageError for an input that is missing or unused by the model, or for features unlike those of training.
    Raises DataError for a missing or damaged model.
    """
    files = bool(inputs or kinematics) and not any(is_remote(path) or path.is_dir() for path in inputs)
    # Only folders of frames and data sets take the frame rate of training: refuse wrong files before reading the model.
    config, file_rate = user if files else scoring_config(model, user), user.frames.fps
    records = find_performances(
        inputs, observer, config, kinematics=kinematics, file_rate=file_rate, difficulty=difficulty
    )
    with load_scorer(model, user, observer) as scorer:
        if kinematics is not None and "kinematics" not in scorer.reads:
            raise UsageError("this model does not read kinematics", where=model, fix="Leave out --kinematics")
        if user.dataset.features and "features" not in scorer.planner.stages:
            raise UsageError("this model does not read features", where=model, fix="Leave out --features")
        if difficulty is not None and not scorer.model.times_difficulty:
            raise UsageError("this model does not use the difficulty", where=model, fix="Leave out the difficulty")
        return scorer.score_records(records, observer)
