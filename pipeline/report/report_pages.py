"""Pages of scored videos, and of model folders for the commands `report`, `plot` and `compare`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from data.errors import PROGRAM, AimError, DataError, UsageError, closest, counted, printable
from data.store import is_remote
from data.video import Record
from pipeline.cache import stages_as_json
from pipeline.checks.flag_checks import TRAINED_ON
from pipeline.evaluate import read_results
from pipeline.observer import Observer
from pipeline.report.evaluation_section import evaluation_page, section_of_evaluation, section_of_training_folds
from pipeline.report.page_data import BatchSection, ReportData, TrainingSteps, VideoSection, quantity_of
from pipeline.report.page_writer import write_report
from pipeline.report.text import to_digits
from pipeline.report.video_section import ModelFacts, batch_row, section_of_video
from pipeline.run import dataset_records
from pipeline.score import Scorer, load_scorer
from pipeline.score.model_config import scoring_config
from pipeline.score.model_files import DESCRIPTION, no_model_fix
from pipeline.score.path_redaction import redact_score
from pipeline.score.score_inputs import find_performances
from pipeline.score.video_score import Score
from pipeline.settings.config import Config
from pipeline.settings.provenance import origin

RESULTS = "results.json"
VIDEOS = "Name two video files"
DATA_SET = "its data set with --config PRESET --set dataset.root=FOLDER"

USUAL = (5, 95)
"""Percentiles of attention in training, drawn as its usual range."""

EMBEDDED_VIDEOS = 12
"""Most videos with a section of their own, so that a page stays small enough to mail. The table lists all."""


@dataclass(frozen=True)
class ScoredVideos:
    """Scored videos.

    Attributes:
        scorer: made the scores; its cache holds the stages' outputs.
        following: by id, the scorer of a video in which a visitor chose the person, instead of `scorer`.
        rows: the scores.
        records: the same videos, with labels if known.
        names: display names by id, such as those of uploads; default: the ids. Untrusted names are safe: the page
            escapes all text.
    """

    scorer: Scorer
    rows: Sequence[Score]
    records: Sequence[Record]
    names: Mapping[str, str] = field(default_factory=dict)
    following: Mapping[str, Scorer] = field(default_factory=dict)


def folder_page(
    folder: Path,
    inputs: Sequence[Path],
    page: Path,
    sections: int,
    user: Config,
    observer: Observer,
    difficulty: float | None = None,
) -> ReportData:
    """The page of an evaluation, or of a model's scores of `inputs` (default: the held-out videos of the data set).

    For `sections` see `scores_page`, for `difficulty` see `find_performances`; `user` names the cache, the data set,
    paths and devices. Raises UsageError if the folder has neither results nor a model, or without videos to show.
    Raises DataError if its files are damaged.
    """
    results = read_results(folder / RESULTS) if (folder / RESULTS).exists() else None
    if not (folder / DESCRIPTION).exists():
        if results is None:
            raise UsageError(
                "no results and no model in this folder",
                where=folder,
                fix=no_model_fix(folder, f"`{PROGRAM} train --out FOLDER` or `{PROGRAM} evaluate --out FOLDER`"),
            )
        return evaluation_page(results, f"{results.kind.capitalize()}: {folder.name}")
    evaluation = None if results is None else section_of_evaluation(results)
    records = _records(folder, inputs, user, observer, difficulty)
    with _scored(folder, records, user, observer) as scored:
        scorer = scored.scorer
        title, held_out = folder.name, False
        of_data_set = not inputs and user.dataset.root is not None
        tests = any(record.split == "test" for record in records)
        known = sum(_trained_on(row, scorer) for row in scored.rows)
        if of_data_set and not tests and known:
            title = f"Training videos: their scores prove nothing ({folder.name})"
            of = f"{known} of {counted(len(scored.rows), 'video')}"
            observer.note(f"note: no part of this data set is kept for testing; the model knows {of}")
            if scorer.model.calibration is not None and scorer.model.calibration.accuracy.better:
                title = f"Training videos, predicted by networks that did not see them ({folder.name})"
                evaluation = evaluation or section_of_training_folds(scorer.model.calibration, scorer.model.train_ids)
                held_out = True
        head = ReportData(title, evaluation=evaluation)
        return scores_page(page, scored, head, sections=sections, held_out=held_out)


def compare_videos(folder: Path, names: tuple[str, str], page: Path, user: Config, observer: Observer) -> None:
    """Score two videos with the model in `folder` and write their page.

    `names` are files or ids in the data set of `user`, which also names the cache, paths and devices. Raises UsageError
    if a video is missing or named twice, DataError if a video has no score or the steps are not comparable.
    """
    for name in names:
        if (Path(name) / RESULTS).is_file():
            fix = "In Python, pipeline.checks.paired_test tests the difference of two evaluations"
            raise UsageError("this is an evaluation, and compare shows two videos", where=name, fix=fix)
    records = [_record(folder, name, user, observer) for name in names]
    if records[0].id == records[1].id:
        fix = "Name two videos whose file names differ"
        raise UsageError(f"A and B are both the video '{records[0].id}'", fix=fix)
    with _scored(folder, records, user, observer) as scored:
        write_comparison_page(page, scored, ReportData(" and ".join(row.id for row in scored.rows)))


@contextmanager
def _scored(folder: Path, records: Sequence[Record], user: Config, observer: Observer) -> Iterator[ScoredVideos]:
    """The videos, scored by a model folder, with its cache open. Raises Cancelled after a stop."""
    with load_scorer(folder, user, observer) as scorer:
        rows = scorer.score_records(records, observer)
        observer.raise_if_stopped()
        yield ScoredVideos(scorer, rows, records)


def write_comparison_page(path: Path, scored: ScoredVideos, head: ReportData) -> None:
    """Write the page of two scored videos side by side; arguments as in `scores_page`.

    Raises DataError if a video failed, or the steps are not comparable.
    """
    refuse_failed(*scored.rows)
    data = scores_page(path, scored, head)
    refuse_incomparable(*data.videos[:2])
    write_report(path, replace(data, videos=data.videos[:2], batch=None, comparison=True))


def write_scores_page(
    path: Path, scored: ScoredVideos, head: ReportData, *, sections: int = EMBEDDED_VIDEOS
) -> ReportData:
    """Write the page of a scored batch to `path` and return its data; arguments as in `scores_page`."""
    data = scores_page(path, scored, head, sections=sections)
    write_report(path, data)
    return data


ONE_MODEL = "Score both with one model: --model MODEL"


def refuse_failed(a: Score, b: Score) -> None:
    """Raise DataError if a video failed, or different models scored them."""
    for row in (a, b):
        if row.failure is not None:
            what, fix = f"this video failed: {row.failure.cause}", row.failure.fix
            raise DataError(what, where=row.path or row.id, fix=fix)
    if a.model != b.model:
        raise DataError(f"'{a.id}' and '{b.id}' were scored by different models", fix=ONE_MODEL)


def refuse_incomparable(a: VideoSection, b: VideoSection) -> None:
    """Raise DataError if the videos have no time steps or different numbers of them."""
    if len(a.time_steps) != len(b.time_steps) or not a.time_steps:
        counts = f"{len(a.time_steps)} and {len(b.time_steps)} time steps"
        raise DataError(f"'{a.name}' and '{b.name}' have {counts}, which cannot be compared", fix=ONE_MODEL)


def scores_page(
    path: Path, scored: ScoredVideos, head: ReportData, *, sections: int = EMBEDDED_VIDEOS, held_out: bool = False
) -> ReportData:
    """The page of a scored batch.

    Args:
        head: title and subtitle, the section of an evaluation if the videos were held out from training, and the
            address of the page that links here.
        sections: number of scored videos with their own section, the first ones.
        held_out: whether the page replaces the score of a training video by the prediction of networks trained without
            it.
    """
    scorer, rows, by_id = scored.scorer, scored.rows, {record.id: record for record in scored.records}
    shown = _shown_names(rows, scored.names)
    good, facts = [row for row in rows if row.failure is None], _model_facts(scorer)

    def section(row: Score, record: Record, name: str, facts: ModelFacts) -> VideoSection:
        outputs = scored.following.get(row.id, scorer).outputs(row, record)
        return section_of_video(redact_score(row), record, outputs, page=path, name=name, facts=facts)

    videos = [section(row, by_id[row.id], shown[row.id], facts) for row in good[:sections]]
    lines = [*videos, *(batch_row(redact_score(row), by_id[row.id], name=shown[row.id]) for row in good[sections:])]
    beside = [
        section(
            row,
            record,
            f"Best training video, judges {to_digits(score)}: {row.id}",
            replace(facts, better={}, labelled=0),
        )
        for row, record, score in _best_of_training(scorer, videos)
    ]
    beside = [_held_out(video, scorer) for video in beside]
    name_of = {line.result.id: line.name for line in (*videos, *beside)}
    lines = [replace(line, beside=name_of.get(line.better.best, "") if line.better else "") for line in lines]
    lines = [_held_out(line, scorer) for line in lines] if held_out else lines
    training = scorer.model.train_labels[:, 0]
    training = training if quantity_of(lines) == "score" else training / scorer.model.difficulty
    of_one = scored.following.get(rows[0].id, scorer) if len(rows) == 1 else scorer
    recorded = of_one.config.recorded()
    batch = BatchSection(
        rows=tuple(lines),
        failures={shown[row.id]: row.failure for row in map(redact_score, rows) if row.failure is not None},
        training_scores=tuple(training[np.isfinite(training)].tolist()),
    )
    return replace(
        head,
        origin={
            **origin().facts(),
            "model": scorer.folder.resolve().name,
            "model SHA-256": scorer.model_sha256,
        },
        config=json.dumps(recorded | {"features": stages_as_json(of_one.model.stages)}, indent=1, sort_keys=True),
        videos=(*lines[:sections], *beside),
        batch=batch,
    )


def _best_of_training(scorer: Scorer, videos: Sequence[VideoSection]) -> list[tuple[Score, Record, float]]:
    """The best training videos of these videos' groups that are not among them, from the user's data set.

    Each has the judges' score. Empty without a readable data set, or if it lacks these videos.
    """
    wanted = {video.better.best: video.better.best_score for video in videos if video.better}
    wanted = {name: score for name, score in wanted.items() if name not in {video.result.id for video in videos}}
    if not wanted or scorer.config.dataset.root is None:
        return []
    try:
        records = {record.id: record for record in dataset_records(scorer.config).records if record.id in wanted}
    except AimError:  # a page of new videos does not need the data set
        return []
    rows = scorer.score_records(list(records.values()))
    return [(row, records[row.id], wanted[row.id]) for row in rows if _trained_on(row, scorer)]


def _trained_on(row: Score, scorer: Scorer) -> bool:
    """Whether the model was trained on a scored video, by the content of its files, or by its id if unknown."""
    if row.failure is not None or row.id not in scorer.model.train_ids:
        return False
    return "training videos" not in row.checked or any(flag.kind == TRAINED_ON for flag in row.flags)


def _held_out(line: VideoSection, scorer: Scorer) -> VideoSection:
    """A training video with its held-out prediction; intervals and percentile of the model that saw it are dropped."""
    if scorer.model.calibration is None or not _trained_on(line.result, scorer):
        return line
    prediction = float(scorer.model.calibration.predicted[scorer.model.train_ids.index(line.result.id)])
    result = replace(line.result, interval80=None, interval95=None, percentile=None)
    return replace(line, held_out_score=prediction, result=result)


def _records(
    folder: Path, inputs: Sequence[Path], user: Config, observer: Observer, difficulty: float | None
) -> Sequence[Record]:
    config = scoring_config(folder, user)
    if inputs or (config.dataset.features and config.dataset.root is None):
        return find_performances(inputs, observer, config, file_rate=user.frames.fps, difficulty=difficulty)
    if config.dataset.root is None:
        fix = f"Name videos after the model, such as FOLDER videos/, or {DATA_SET}"
        raise UsageError("no videos to show", where=folder, fix=fix)
    listing = dataset_records(config)
    observer.notes([f"note: {problem}" for problem in listing.problems])
    records = listing.records
    return [record for record in records if record.split == "test"] or records


def _record(folder: Path, name: str, user: Config, observer: Observer) -> Record:
    """The named video: a file, else an id in the user's data set."""
    config = scoring_config(folder, user)
    if is_remote(Path(name)) or Path(name).exists():
        performances = find_performances([Path(name)], observer, config, file_rate=user.frames.fps)
        if len(performances) > 1:
            raise UsageError(
                f"a folder of {len(performances)} videos", where=name, fix="Name one video as A and one as B"
            )
        return performances[0]
    if config.dataset.root is None and not config.dataset.features:
        raise UsageError("no such file", where=name, fix=f"{VIDEOS}, or two ids and {DATA_SET}")
    records = {record.id: record for record in dataset_records(config, unscored=True).records}
    if name not in records:
        fix = f"{VIDEOS}, or an id such as '{closest(name, records, 0)}'"
        listed = printable(config.dataset.root or ", ".join(config.dataset.features))
        what = f"no such file, and no such id in the data set {listed}"
        raise UsageError(what, where=name, fix=fix)
    return records[name]


def _model_facts(scorer: Scorer) -> ModelFacts:
    """The model's facts for sections; an uncalibrated model has nothing to compare with."""
    labelled = int(np.isfinite(scorer.model.train_labels[:, 0]).sum())
    if scorer.model.calibration is None:
        return ModelFacts(labelled=labelled)
    steps, attention = scorer.model.calibration.steps, scorer.model.calibration.attention
    means = steps.mean(axis=0)
    scores = tuple(zip(means.tolist(), steps.std(axis=0).tolist(), strict=True))
    ranges = tuple(map(tuple, np.percentile(attention, USUAL, axis=0).T.tolist()))
    training = TrainingSteps(scores, tuple((steps - means).min(axis=1).tolist()), ranges)
    return ModelFacts(training, scorer.model.calibration.facts.movement, labelled)


def _shown_names(rows: Sequence[Score], names: Mapping[str, str]) -> dict[str, str]:
    """Display name of each video by id: its given name, followed by the id if two videos share a name."""
    wanted = {row.id: names.get(row.id, row.id) for row in rows}
    counts = Counter(wanted.values())
    return {key: name if counts[name] == 1 else f"{name} ({key})" for key, name in wanted.items()}
