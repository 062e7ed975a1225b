"""The demo: render dives, extract, train, score held-out dives, and compare with trivial baselines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.errors import Cancelled, DataError
from data.weights import REGISTRY, fetch
from pipeline.cache import open_cache
from pipeline.cache.failure import first_cause
from pipeline.demo.quality import MODEL, PoseAgreement, held_out_results, pose_agreement, summary
from pipeline.demo.rendered_dives import render
from pipeline.evaluate import EvaluationResults, results_as_json
from pipeline.observer import Observer
from pipeline.pack.labelled_features import gather_features
from pipeline.report import ReportData, ScoredVideos, write_scores_page
from pipeline.report.evaluation_section import section_of_evaluation
from pipeline.report.text import to_digits
from pipeline.run import Planner, dataset_records, run_extract
from pipeline.score import load_scorer, train_model
from pipeline.score.video_score import Score
from pipeline.settings.config import Config, load_config
from pipeline.settings.yaml_values import PRESETS
from pipeline.train import label_table

PAGE_DIVES = 8
ACTIVITIES = ("rendering", "extracting", "training", "scoring", "writing the report page")


@dataclass(frozen=True)
class DemoSize:
    """The size of a demo."""

    dives: int
    minutes: int  # on two cores, as measured (docs/benchmarks.md)
    megabytes: int  # on disk


QUICK, FULL = DemoSize(24, minutes=2, megabytes=40), DemoSize(88, minutes=7, megabytes=80)


@dataclass(frozen=True)
class DemoResult:
    """Results of the demo."""

    page: Path
    model: Path  # folder of the trained model
    pose: PoseAgreement  # over all dives
    summary: str  # the model, its error and the reference
    results: EvaluationResults  # of all dives, each predicted without it
    scored: tuple[Score, ...]  # the held-out dives
    truth: tuple[float, ...]  # (n,) the judges' final scores of these dives
    seconds: dict[str, float]  # time of each part

    def tables(self) -> list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
        """Title, columns and rows of the demo's tables besides its results."""
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
        times = [(name, f"{seconds:.1f} s") for name, seconds in self.seconds.items()]
        return [
            ("new dives, scored by the model", ("video", "judges", MODEL, "80 % interval", "flags"), scores),
            ("pose against the rendered truth, all dives", ("quantity", "value"), agreement),
            ("time", ("part", "wall"), times),
        ]

    def as_json(self) -> dict[str, Any]:
        """The result as JSON types."""
        return {
            "page": str(self.page),
            "model": str(self.model),
            "summary": self.summary,
            "pose": asdict(self.pose),
            "results": results_as_json(self.results),
            "seconds": self.seconds,
        }


def run_demo(
    out: Path, *, full: bool = False, overrides: Sequence[str | tuple[str, Any]] = (), observer: Observer
) -> DemoResult:
    """Run all steps on rendered dives; finished steps are skipped.

    Args:
        out: folder of the dives, the cache, the model and the page.
        full: more dives.
        overrides: further `section.key=value` settings.

    Raises AimError if a download of weights or a dive fails, Cancelled after a stop.
    """
    size, began = FULL if full else QUICK, time.monotonic()
    seconds: dict[str, float] = {}

    def lap(part: str) -> None:
        seconds[part] = time.monotonic() - began - sum(seconds.values())

    observer.note(announcement(size, out))
    for name in REGISTRY:
        fetch(name, observer.note)
    lap("fetch weights")
    config = demo_config(out, overrides)
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
        features = gather_features(records, config, cache, observer)
        learn = features.take([row for row, record in enumerate(features.records) if record.split == "train"])
        unseen = [record for record in records if record.split == "test"]
        observer.note(f"{next(parts)} on {len(learn)} dives into {out / 'model'}")
        model = train_model(learn, config, out / "model", cache, observer=observer)
    lap("train")
    observer.note(f"{next(parts)} {len(unseen)} new dives")
    with load_scorer(out / "model", config) as scorer:
        scored = tuple(scorer.score_records(unseen))
        results = held_out_results(features, model, scored, scorer.cache)
        lap("score")
        truth = tuple(label_table(tuple(unseen))[:, 0].tolist())
        said = summary(results, times_difficulty=model.times_difficulty)
        result = DemoResult(out / "report.html", out / "model", pose, said, results, scored, truth, seconds)
        observer.note(f"{next(parts)} {result.page}")
        head = ReportData("Demo: synchronised dives", said, evaluation=section_of_evaluation(results))
        write_scores_page(result.page, ScoredVideos(scorer, scored, unseen), head, sections=PAGE_DIVES)
        lap("report")
    return result


def announcement(size: DemoSize, out: Path) -> str:
    """One line on the time and space of a demo, and on the larger demo."""
    other = f"; `demo --full` renders {FULL.dives} dives: {FULL.minutes} minutes, {FULL.megabytes} MB"
    return (
        f"the demo renders {size.dives} dives and goes from raw video to scores in {len(ACTIVITIES)} parts: about"
        f" {size.minutes} minutes on two cores, {size.megabytes} MB in {out}{other if size is QUICK else ''}"
    )


def demo_config(out: Path, further: Sequence[str | tuple[str, Any]] = ()) -> Config:
    """The demo's configuration with its folders below `out`."""
    places = (f"cache={out / 'cache'}", f"dataset.root={out / 'dives'}")
    return load_config(PRESETS / "demo.yaml", [*places, *further])
