"""The demo: render dives, extract, train, score held-out dives, and compare with trivial baselines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from pathlib import Path
from typing import Any

from data.errors import Cancelled, DataError
from data.leaks import LeakAudit
from data.video import Record
from data.weights import REGISTRY, fetch
from models.estimate import Estimate
from pipeline.cache import open_cache
from pipeline.cache.failure import first_cause
from pipeline.checks.accuracy import Interval
from pipeline.checks.prediction_intervals import coverage_line
from pipeline.demo.quality import Metrics, PoseAgreement, compare_with_baselines, label_of, leak_audit, pose_agreement
from pipeline.demo.rendered_dives import render
from pipeline.evaluate.system_table import Better, Kind, Table, TableRow, interval_text
from pipeline.observer import Observer
from pipeline.pack.labelled_features import gather_features
from pipeline.report import ReportData, ScoredVideos, write_scores_page
from pipeline.report.evaluation_section import leak_checks
from pipeline.report.page_data import EvaluationSection, ScatterPoint
from pipeline.report.text import to_digits
from pipeline.run import Planner, Summary, dataset_records, run_extract
from pipeline.score import Scorer, load_scorer, train_model
from pipeline.score.score import Score
from pipeline.settings.config import Config, load_config
from pipeline.settings.yaml_values import PRESETS

PAGE_DIVES = 8
METRICS: dict[str, Better] = {"Spearman's rho": "high", "95 % interval": "neither", "mean absolute error": "low"}
ACTIVITIES = ("rendering", "extracting", "training", "scoring", "writing the report page")


@dataclass(frozen=True)
class DemoSize:
    """The size of a demo."""

    dives: int
    settings: tuple[str, ...]  # overrides of the preset
    minutes: int  # on two cores, as measured (docs/benchmarks.md)
    megabytes: int  # on disk


QUICK = DemoSize(24, ("pose.stride=2",), minutes=2, megabytes=40)
FULL = DemoSize(88, (), minutes=7, megabytes=80)


@dataclass(frozen=True)
class DemoResult:
    """Results of the demo."""

    page: Path
    model: Path  # folder of the trained model
    extraction: Summary
    pose: PoseAgreement  # over all dives
    leaks: LeakAudit  # of training and held-out dives
    scored: tuple[Score, ...]  # the held-out dives with their predicted scores
    truth: tuple[float, ...]  # (n,) the judges' final scores of these dives
    metrics: dict[str, Metrics]  # rank correlation and errors of the model and each trivial baseline, by name
    seconds: dict[str, float]  # time of each part

    def coverage(self) -> dict[str, str]:
        """Sentences on the share of intervals that contain the judges' score, by level."""
        return {
            "80 %": coverage_line([row.interval80 for row in self.scored], self.truth, 0.80),
            "95 %": coverage_line([row.interval95 for row in self.scored], self.truth, 0.95),
        }

    def metric_cells(self) -> tuple[tuple[str, ...], dict[str, tuple[float | Interval | None, ...]]]:
        """Columns of the metrics and the cells of each prediction; intervals are left out where no row has one."""
        rows = {name: (of.rho.value, of.rho.interval, of.mae) for name, of in self.metrics.items()}
        shown = [any(row[place] is not None for row in rows.values()) for place in range(len(METRICS))]
        return tuple(compress(METRICS, shown)), {name: tuple(compress(row, shown)) for name, row in rows.items()}

    def tables(self) -> list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
        """Title, columns and rows of the tables that the demo prints at the end."""
        pose = self.pose
        agreement = [
            ("frames in which both divers can be seen", pose.frames),
            ("both divers found", f"{100 * pose.found_all:.1f} %"),
            ("identity swaps", pose.swaps),
            ("joints within .2 of a torso length", f"{100 * pose.pck20:.1f} %"),
            ("joints within .5 of a torso length", f"{100 * pose.pck50:.1f} %"),
        ]
        scores = []
        for row, actual in zip(self.scored, self.truth, strict=True):
            ends = "" if row.interval80 is None else " to ".join(to_digits(end, row.decimals) for end in row.interval80)
            shown = to_digits(row.score, row.decimals)
            scores.append((row.id, actual, shown, ends, "; ".join(flag.title for flag in row.flags)))
        columns, cells = self.metric_cells()
        metrics = [
            (name, *(interval_text(cell) if isinstance(cell, tuple) else cell for cell in row))
            for name, row in cells.items()
        ]
        times = [(name, f"{seconds:.1f} s") for name, seconds in self.seconds.items()]
        return [
            ("pose against the rendered truth, all dives", ("quantity", "value"), agreement),
            ("held-out dives", ("video", "judges", "AIM", "80 % interval", "flags"), scores),
            (f"{sum(row.valid for row in self.scored)} held-out dives", ("prediction", *columns), metrics),
            ("intervals that hold the judges' score", ("interval", "held-out dives"), list(self.coverage().items())),
            ("time", ("part", "wall"), times),
        ]

    def as_json(self) -> dict[str, Any]:
        """The result as JSON types."""
        return {
            "page": str(self.page),
            "model": str(self.model),
            "pose": asdict(self.pose),
            "metrics": {name: asdict(metric) for name, metric in self.metrics.items()},
            "intervals": self.coverage(),
            "audit": {k: v for k, v in self.leaks.as_json().items() if k != "untested"},
            "seconds": self.seconds,
        }


def run_demo(
    out: Path, *, full: bool = False, overrides: Sequence[str | tuple[str, Any]] = (), observer: Observer
) -> DemoResult:
    """Run all steps on rendered dives; finished steps are skipped.

    Args:
        out: folder of the dives, the cache, the model and the page.
        full: more dives, every frame for the pose.
        overrides: further `section.key=value` settings.

    Raises AimError where weights cannot be downloaded or dives failed, Cancelled after a stop.
    """
    size, began = FULL if full else QUICK, time.monotonic()
    seconds: dict[str, float] = {}

    def lap(part: str) -> None:
        seconds[part] = time.monotonic() - began - sum(seconds.values())

    observer.note(announcement(size, out))
    for name in REGISTRY:
        fetch(name, observer.note)
    lap("fetch weights")
    config = demo_config(out, size, overrides)
    parts = (f"{number}/{len(ACTIVITIES)} {part}" for number, part in enumerate(ACTIVITIES, start=1))
    observer.note(f"{next(parts)} {size.dives} synchronised dives into {out / 'dives'}")
    render(out / "dives", size.dives, config.machine.work, observer)
    lap("render")
    records = dataset_records(config).records
    observer.note(f"{next(parts)} {', '.join(config.with_upstream())} into {config.machine.cache}")
    with open_cache(config.machine) as cache:
        extraction = run_extract(Planner(config, cache).plan_all(records), config.machine, cache, observer)
        if extraction.cancelled:
            raise Cancelled
        if extraction.failed:
            reason = first_cause(extraction.failed[0].failed.values())
            what = f"{len(extraction.failed)} rendered dives failed; the first: {reason.cause}"
            raise DataError(what, where=out, fix=reason.fix)
        lap("extract")
        pose = pose_agreement(records, cache, extraction.keys, out / "dives")
        learn = [record for record in records if record.split == "train"]
        unseen = [record for record in records if record.split == "test"]
        leaks = leak_audit(learn, unseen, cache)
        observer.note(f"{next(parts)} on {len(learn)} dives into {out / 'model'}")
        features = gather_features(learn, config, cache, observer)
        train_model(features, config, out / "model", cache, observer=observer)
    lap("train")
    observer.note(f"{next(parts)} {len(unseen)} held-out dives")
    with load_scorer(out / "model", config) as scorer:
        scored, truth = tuple(scorer.score_records(unseen)), tuple(label_of(record) for record in unseen)
        metrics = compare_with_baselines(learn, unseen, scored, truth)
        lap("score")
        result = DemoResult(
            out / "report.html", out / "model", extraction, pose, leaks, scored, truth, metrics, seconds
        )
        observer.note(f"{next(parts)} {result.page}")
        write_page(result, scorer, unseen)
        lap("report")
    return result


def announcement(size: DemoSize, out: Path) -> str:
    """One line on the time and space that a demo takes, and on the larger demo."""
    other = f"; `demo --full` renders {FULL.dives} dives: {FULL.minutes} minutes, {FULL.megabytes} MB"
    return (
        f"the demo renders {size.dives} dives and goes from raw video to scores in {len(ACTIVITIES)} parts: about"
        f" {size.minutes} minutes on two cores, {size.megabytes} MB in {out}{other if size is QUICK else ''}"
    )


def write_page(result: DemoResult, scorer: Scorer, unseen: Sequence[Record]) -> None:
    """Write the report page of the held-out dives."""
    kinds: dict[str, Kind] = {name: "ours" if name == "AIM" else "baseline" for name in result.metrics}
    columns, cells = result.metric_cells()
    rows = tuple(TableRow(name, row, kinds[name]) for name, row in cells.items())
    with_score = sum(row.valid for row in result.scored)
    table = Table(f"{with_score} held-out dives", columns, rows, better=tuple(METRICS[name] for name in columns))
    predictions = tuple(
        ScatterPoint(row.id, actual, Estimate(row.score, *row.interval80 or ()), record.task)
        for row, actual, record in zip(result.scored, result.truth, unseen, strict=True)
        if row.score is not None
    )
    evaluation = EvaluationSection(predictions=predictions, table=table, leaks=leak_checks(result.leaks))
    subtitle = "Held-out rendered dives, scored from raw video."
    head = ReportData("Demo: synchronised dives", subtitle, evaluation=evaluation)
    write_scores_page(result.page, ScoredVideos(scorer, result.scored, unseen), head, sections=PAGE_DIVES)


def demo_config(out: Path, size: DemoSize, further: Sequence[str | tuple[str, Any]] = ()) -> Config:
    """The demo's configuration with its folders below `out`."""
    places = (f"cache={out / 'cache'}", f"dataset.root={out / 'dives'}")
    return load_config(PRESETS / "demo.yaml", [*places, *size.settings, *further])
