"""`evaluate` and `leaderboard` as functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from data.datasets import made_by, options_of
from data.errors import UsageError
from pipeline.cache import Cache
from pipeline.cache.cache_key import stages_as_json
from pipeline.checks.rater_ceiling import ceiling_line, rater_agreement
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.evaluate.evaluation_notes import evaluation_notes, methods_paragraph
from pipeline.evaluate.evaluation_plan import RequestedRows, protocol_folds, protocol_systems
from pipeline.evaluate.evaluation_results import CurvePoint, EvaluationResults, Note
from pipeline.evaluate.leaderboard import chosen_systems
from pipeline.evaluate.learning_curve import noted_curve
from pipeline.evaluate.paper_tables import TABLES, paper_rows
from pipeline.evaluate.published_results import published_results
from pipeline.evaluate.results_tables import main_table
from pipeline.folds.training_runner import TrainingRunner
from pipeline.observer import SILENT, Observer, ShownResult, Table
from pipeline.settings.config import Config
from pipeline.settings.provenance import without_folders_in
from pipeline.train import check_difficulties
from pipeline.train.feature_set import FeatureSet

QUICK_NETWORKS = 2
"""Networks a fold of `evaluate --quick`."""


@dataclass(frozen=True, repr=False)
class Evaluation(ShownResult):
    """Result of an evaluation; a prompt shows its page, a notebook the table of systems."""

    results: EvaluationResults
    folder: Path  # holds `results.json` and `report.html`

    def table(self) -> Table:
        """The main table."""
        main = main_table(self.results)
        return (main.head, *main.columns), [(row.name, *row.values) for row in main.rows]

    def __repr__(self) -> str:
        return str(self.folder / "report.html")


def table_protocol(table: str) -> tuple[str, str]:
    """The kind of data set and the protocol of a table of the paper. Raises UsageError for an unknown table."""
    if table not in TABLES:
        raise UsageError(f"the paper has no results table '{table}'", fix=f"One of {', '.join(TABLES)}")
    return TABLES[table].kind, TABLES[table].protocol


def evaluate_features(
    features: FeatureSet,
    config: Config,
    cache: Cache,
    folder: Path,
    requested: RequestedRows | None = None,
    observer: Observer = SILENT,
) -> Evaluation:
    """Evaluate systems and the trivial baselines by the configuration's protocol; only checkpoints are written.

    Args:
        features: labelled performances.
        config: names the protocol, network and recipe, and where trainings run.
        cache: has the hashes of the performances' files.
        folder: of the checkpoints.
        requested: the rows; default: AIM.

    Raises as `protocol_folds` and `Protocol.audited`, and Cancelled after a stop.
    """
    requested, work = requested or RequestedRows(), config.machine.work
    if requested.quick:
        config = replace(config, method=config.method.with_networks(QUICK_NETWORKS))
    if requested.systems in TABLES:  # as in the paper
        config = replace(config, method=config.method.model_copy(update={"times_difficulty": False}))
    method, kind = config.method, config.dataset.kind
    check_difficulties(features, method, observer)
    folds = protocol_folds(method, features)
    protocol = Protocol.audited(folds, features, cache, method.protocol, method.split.seed)
    shorter = config.dataset.shorter_is_better
    chosen = [*requested.more, *protocol_systems(method, features, requested, shorter=shorter)]
    chosen = chosen_systems(requested.only, chosen) if requested.only else chosen
    of_kind = {row.kind: row.name for row in reversed(chosen)}  # the first row of each kind
    against = of_kind.get("ours") or of_kind.get("other") or chosen[0].name
    kept = folder / "checkpoints"
    with observer.progress("trainings") as progress:
        runner = TrainingRunner(work, progress, observer.stop_event().is_set, kept)
        results = cross_validate(features, protocol, chosen, against=against, runner=runner)
    table, ceiling, curve = requested.systems if requested.systems in TABLES else "", "", tuple[CurvePoint, ...]()
    learns = results.systems[results.against].kind != "baseline" and not method.times_difficulty
    if learns and len(results.tasks) == 1 and (agreed := rater_agreement(features.records, kind)):
        (ours,) = results.systems[results.against].tasks.values()
        ceiling = ceiling_line(agreed, ours.rho.value, ours.metrics.mae or 0.0)
    if requested.curve:
        learnt = [
            row for row, record in enumerate(features.records) if method.protocol != "fixed" or record.split != "test"
        ]
        curve = noted_curve(features.take(learnt), method, work, kept, observer)
    synthetic = made_by(kind, config.dataset.root)
    results = replace(
        results,
        kind="evaluation" if requested.systems == "aim" else "leaderboard",
        made_by=synthetic,
        paper={} if synthetic else paper_rows(kind, method.protocol, table),
        published=None if synthetic else published_results(kind, config.dataset.score, method.protocol),
        ceiling=ceiling,
        curve=curve,
    )
    results = replace(
        results,
        notes=(*evaluation_notes(results, config, requested, features.stages), *_label_notes(config)),
        methods_text=methods_paragraph(results, method, kind, features.stages),
        method=without_folders_in({**config.recorded(), "features": stages_as_json(features.stages)}),
    )
    return Evaluation(results, folder)


def _label_notes(config: Config) -> Iterator[Note]:
    """The labels used, if the data set offers a choice."""
    dataset = config.dataset
    if config.method.times_difficulty:
        yield Note(
            "fact",
            "networks and regressions learned score ÷ difficulty; the difficulty multiplies their predictions",
        )
    if dataset.score:
        yield Note("fact", f"labels: {dataset.score}")
    if "difficulty" in options_of(dataset.kind):
        yield Note("fact", f"difficulties: {dataset.difficulty or 'published'}")
