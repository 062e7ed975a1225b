"""Small real outputs of an evaluation, a demo, a training, scored videos and raters, and what in them is a number."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets.rater_answers import Answer, append_answers, rater_file, read_answers
from data.leaks import audit
from data.splits import Fold
from data.store.fingerprint import fingerprint_file
from data.video.records import Labels, Phase, Record
from data.video.video_search import find_videos
from data.video.writer import LOSSLESS, write_video
from pipeline.cache import open_cache
from pipeline.cli.commands import held_out_tables
from pipeline.demo.demo_run import DemoResult, write_page
from pipeline.demo.quality import PoseAgreement, compare_with_baselines
from pipeline.evaluate import RequestedRows, evaluate_features
from pipeline.evaluate.results_file import results_as_json
from pipeline.label import find_session, label_summary, summary_as_json, write_labels
from pipeline.observer import Observer
from pipeline.pack.labelled_features import gather_features
from pipeline.phases.alignment import CarriedPhases
from pipeline.report import ReportData, ScoredVideos, render_report
from pipeline.report.evaluation_section import evaluation_page
from pipeline.report.page_downloads import downloads
from pipeline.report.report_pages import scores_page
from pipeline.report.video_section import ModelFacts, section_of_video
from pipeline.run import Planner, Summary
from pipeline.run.batch import run_extract
from pipeline.score import load_scorer, train_model
from pipeline.score.model_card import FILE as CARD
from pipeline.score.movement import StepVariables, TrainingVideo, better_ranges
from pipeline.score.score import Score
from pipeline.score.score_tables import csv_text, score_rows, scores_as_json
from pipeline.settings.config import load_config, validate
from tests.helpers.made_features import made_features
from tests.helpers.made_outputs import STANDING, flow_output, pose_output
from tests.helpers.rated import mark_phases

QUICK = ("train.recipe=fast", "train.epochs=3", "train.networks=2", "work.workers=0", "split.folds=2")

BLOCKS = {"p", "li", "h1", "h2", "h3", "figcaption", "td", "th", "dt", "dd", "summary", "button", "output", "footer"}
BLOCKS |= {"label", "pre", "option", "title"}
INLINE = ("big", "mid", "label", "end top-end", "end", "summary-score")
HIDDEN = {"script", "style", "svg"}
VOID = {"meta", "link", "img", "input", "br"}


class PageTexts(HTMLParser):
    """(place, text) of every block of a page: `column NAME`, `fact NAME`, `number NAME` or `text`."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[tuple[str, str]] = []
        self._open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._heads: list[str] = []
        self._column = 0
        self._term = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        if tag in VOID:
            return
        if tag == "table":
            self._heads = []
        if tag == "tr":
            self._column = 0
        self._open.append((tag, dict(attrs), []))

    def handle_data(self, data: str) -> None:
        """Text belongs to the nearest block; hidden elements have none."""
        if any(tag in HIDDEN for tag, _, _ in self._open):
            return
        for tag, attrs, texts in reversed(self._open):
            if tag in BLOCKS or attrs.get("class") in INLINE:
                texts.append(data)
                return
        if data.strip() and self._open:
            self._open[-1][2].append(data)

    def handle_endtag(self, tag: str) -> None:
        """End an element, and every one in it that has no end."""
        while self._open:
            name, attrs, texts = self._open.pop()
            text = " ".join("".join(texts).split())
            self._place(name, attrs.get("class") or "", text)
            if name == tag:
                return

    def _place(self, tag: str, kind: str, text: str) -> None:
        if tag == "th" and not any(name == "tbody" for name, _, _ in self._open):
            self._heads.append(text)
        elif tag in ("td", "th"):
            self.blocks.append((f"{'column' if tag == 'td' else 'name'} {self._heads[self._column]}", text))
            self._column += 1
        elif tag == "dt":
            self._term = text
        elif tag == "dd":
            self.blocks.append((f"fact {self._term}", text))
        elif kind in ("big", "mid", "summary-score"):
            self.blocks.append(("number" if kind != "summary-score" else "number score", text))
        elif kind == "label" and tag == "span":
            place, value = self.blocks.pop()
            self.blocks.append((f"{place} {text}", value))
        elif tag == "button" and "sort" in kind:
            self._open[-1][2].append(text)
        elif text:
            self.blocks.append(("text", text))


def json_numbers(value: Any, path: str = "") -> Iterator[str]:
    """Paths of all numbers in JSON; a list has one `[]`, names that data give are `*` (`NAMED`)."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from json_numbers(one, f"{path}/{key}" if path else key)
    elif isinstance(value, list):
        for one in value:
            yield from json_numbers(one, f"{path}[]")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path


def has_number(text: str) -> bool:
    """Whether a text has a digit."""
    return re.search(r"\d", text) is not None


@dataclass(frozen=True)
class Outputs:
    """What one command writes and prints.

    Attributes:
        pages: HTML.
        tables: heads of the CSV files and of the tables in a terminal.
        documents: JSON.
        sentences: lines in a terminal.
    """

    pages: tuple[str, ...] = ()
    tables: tuple[tuple[str, ...], ...] = ()
    documents: tuple[Any, ...] = ()
    sentences: tuple[str, ...] = ()


def rated_features(count: int, tasks: str = "") -> Any:
    """Performances whose label is the mean of two raters, in tasks of one letter each."""
    features, rng = made_features(count, channels=3, scene=4, trial=3), np.random.default_rng(0)
    records = []
    for number, record in enumerate(features.records):
        score = 5 + float(rng.uniform(0, 10))
        pair = score + rng.normal(0, 1, 2)
        task = tasks[number % len(tasks)] if tasks else ""
        records.append(replace(record, task=task, labels=Labels(float(pair.mean()), judges=tuple(pair.tolist()))))
    return replace(features, records=tuple(records))


def heads(files: dict[str, str]) -> tuple[tuple[str, ...], ...]:
    """The first rows of CSV files."""
    return tuple(tuple(next(csv.reader(io.StringIO(text)))) for name, text in files.items() if name.endswith(".csv"))


def evaluations(folder: Path) -> Outputs:
    """An evaluation of one task with a learning curve, and one of two tasks with a combination."""
    made = []
    for features, combined, curve in ((rated_features(24), False, True), (rated_features(24, "ab"), True, False)):
        settings = [*QUICK, f"combined={str(combined).lower()}", f"cache={folder / 'cache'}"]
        config = load_config("folder", settings)
        with open_cache(config.machine) as cache:
            asked = RequestedRows(curve=curve)
            made.append(evaluate_features(features, config, cache, folder / str(combined), asked).results)
    pages = [evaluation_page(results, "Evaluation") for results in made]
    return Outputs(
        tuple(map(render_report, pages)),
        tuple(head for page in pages for head in heads(downloads(page))),
        tuple(map(results_as_json, made)),
        tuple(str(note) for results in made for note in results.notes),
    )


def films(folder: Path, count: int) -> list[Record]:
    """Flat films of 1.2 s, whose judges' score is a third of their brightness."""
    greys = np.random.default_rng(0).permutation(np.linspace(30, 220, count).astype(int)).tolist()
    names = [f"{chr(97 + number)}.mp4" for number in range(count)]
    for name, grey in zip(names, greys, strict=True):
        pictures = (np.full((32, 48, 3), grey, np.uint8) for _ in range(30))
        write_video(folder / name, pictures, 25, options=LOSSLESS)
    found = {record.name: record for record in find_videos([folder]).records}
    return [
        replace(found[name], labels=Labels(grey / 3, grey / 30, difficulty=2.0 + grey % 3))
        for name, grey in zip(names, greys, strict=True)
    ]


def scores(folder: Path) -> Outputs:
    """A trained model, its scores of unseen films, and the demo's page of them; needs a stage without networks."""
    records = films(folder / "films", 24)
    settings = {"stages": ["timesteps"], "cache": str(folder / "cache"), "work": {"workers": 0}}
    train = {"recipe": "fast", "networks": 2, "epochs": 30, "switch_epochs": [15, 25, 30]}
    config = validate(
        {**settings, "split": {"calibration_folds": 4}, "train": train, "model": {"width": 8, "regression_width": 8}}
    )
    learn, unseen = records[:20], records[20:]
    with open_cache(config.machine) as cache:
        assert run_extract(Planner(config, cache).plan_all(records), config.machine, cache).ok
        trained = train_model(gather_features(learn, config, cache, Observer()), config, folder / "run", cache)
    scorer = load_scorer(folder / "run", config)
    rows, truth = tuple(scorer.score_records(unseen)), tuple(float(one.labels.score) for one in unseen if one.labels)
    pose = PoseAgreement(700, found_all=0.9, found=0.95, swaps=0, pck20=0.8, pck50=0.95)
    leaks = audit([Fold("demo", [one.id for one in learn], [one.id for one in unseen])], records, forbid=("trial",))
    metrics, page = compare_with_baselines(learn, unseen, rows, truth), folder / "report.html"
    made = DemoResult(page, folder / "run", Summary(), pose, leaks, rows, truth, metrics, {"train": 1.0, "score": 2.0})
    write_page(made, scorer, unseen)
    moving = replace(
        scores_page(page, ScoredVideos(scorer, rows, unseen), ReportData("Videos")),
        videos=sections(scorer, phased := tuple(map(in_phases, rows)), unseen),
    )
    return Outputs(
        (page.read_text(), render_report(moving)),
        (
            *heads({"scores.csv": csv_text(rows)}),
            score_rows(phased)[0],
            *(columns for _, columns, _ in (*made.tables(), *held_out_tables(trained))),
        ),
        ({"videos": scores_as_json(phased)}, made.as_json()),
        (
            str(rows[0].accuracy),
            *made.coverage().values(),
            *(title for title, _, _ in held_out_tables(trained)),
            *(folder / "run" / CARD).read_text(encoding="utf-8").splitlines(),
        ),
    )


def in_phases(row: Score) -> Score:
    """The score of a performance whose first two time steps are its run, and the others its entry, by alignment."""
    steps = tuple(replace(step, phase="run" if number < 2 else "entry") for number, step in enumerate(row.steps))
    made = replace(row, steps=steps)
    return replace(made, carried=CarriedPhases(made.phases, (0.04, 0.08, 0.04), 0.2))


def sections(scorer: Any, rows: Any, records: Any) -> Any:
    """The videos' sections with two people in them, whose left one bends a knee that better videos do not bend."""
    better = [
        TrainingVideo(f"v{i}", "", float(i), StepVariables([{"knee": [150.0 + i] * 4}], {"delay": [0.0] * 4}))
        for i in range(30)
    ]
    facts = ModelFacts(better=better_ranges(better))
    made = {"pose": pose_output(dancing()), "camera_flow": flow_output(30)}
    return tuple(
        section_of_video(row, record, {**scorer.outputs(row, record), **made}, page=Path("page.html"), facts=facts)
        for row, record in zip(rows, records, strict=True)
    )


def dancing() -> Any:
    """(30, 2, 17, 3): two people who stand."""
    points = np.full((30, 2, 17, 3), 0.9)
    points[..., :2] = STANDING + np.array([100, 190])[:, None, None] * [1, 0] + [0, 200]
    points[:, 0, 15, 0] += np.linspace(20, 40, 30)
    return points


def ratings(folder: Path) -> Outputs:
    """Scores of three raters, and pairs of two, of twelve videos."""
    rng, records = np.random.default_rng(0), films(folder / "scores", 12)
    truth = {record.id: float(record.labels.score) for record in records if record.labels}
    for rater in ("anna", "ben", "cleo"):
        for name, score in truth.items():
            given = {"score": round(score + float(rng.normal(0, 3)), 1)}
            content = (fingerprint_file(folder / "scores" / name),)
            append_answers(rater_file(folder / "scores", rater), Answer(content, "scored", given, (name,)))
    films(folder / "pairs", 12)
    session, _ = find_session(folder / "pairs", pairs=True)
    videos = session.by_content()
    for rater in ("anna", "ben"):
        path = rater_file(folder / "pairs", rater)
        for _ in range(40):
            question = session.next_question(rater, read_answers(path)[0], videos)
            left, right = (truth[videos[content].id] for content in question or ())
            answer = "better" if left > right else "worse"
            append_answers(path, Answer(question, answer, names=tuple(videos[one].id for one in question or ())))
    filmed = films(folder / "phases", 3)
    marked, _ = find_session(folder / "phases", phases=("run", "entry"))
    for rater, frames in (("anna", 0), ("ben", 3)):
        for record in filmed:
            middle = 0.6 + frames / 25
            phases = [Phase("run", 0.0, middle), Phase("entry", middle, 1.2)]
            mark_phases(folder / "phases", rater, record.id, phases)
    made = [label_summary(find_session(folder / "scores")[0]), label_summary(session), label_summary(marked)]
    for number, report in enumerate(made[:2]):
        write_labels(folder / f"{number}.csv", report.rows)
    return Outputs(
        (),
        heads({f"{number}.csv": (folder / f"{number}.csv").read_text() for number in range(2)}),
        tuple(json.loads(json.dumps(summary_as_json(report))) for report in made),
        tuple(line for report in made for line in (*report.lines, report.counts)),
    )
