"""The report page: self-contained, harmless whatever the names, and correct where it computes numbers."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.errors import UsageError, counted
from pipeline.cache.failure import Failure
from pipeline.checks.flag import Flag
from pipeline.evaluate.system_table import Cell, Table, TableRow
from pipeline.report import ReportData, chart_json, render_report, template_values, text, write_report
from pipeline.report import page_data as d
from pipeline.report import page_writer as page
from pipeline.score.score import Score, StepScore
from tests.helpers import report_samples
from tests.helpers.hostile_pages import HOSTILE, hostile_report


class Parsed(html.parser.HTMLParser):
    """Tags and attributes of a page, and its executable scripts."""

    def __init__(self, page_text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._code = False
        self.feed(page_text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._code = tag == "script" and "type" not in dict(attrs)
        if self._code:
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self._code:
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._code = False


def harmless(page_text: str) -> None:
    """Assert that a page has no foreign script, no event handler, and no address that leaves the page or runs."""
    parsed = Parsed(page_text)
    scripts = [page.asset(name) for name in page.SCRIPTS]
    assert [code.strip() for code in parsed.scripts] == [code.strip() for code in scripts]
    for tag, attributes in parsed.tags:
        assert tag not in ("iframe", "object", "embed", "form", "base")
        for attribute, value in attributes.items():
            assert not attribute.startswith("on"), (tag, attribute, value)
            if attribute in ("src", "href", "data-src"):
                assert value is not None
                assert re.match(r"#|\./|\.\./|/(?!/)|data:(image|video)/|data:,$|(https?|file)://", value), value


def hostile_examples(test: Callable[[str], None]) -> Callable[[str], None]:
    """A property test with every name of `HOSTILE` as an example."""
    for name in HOSTILE:
        test = example(name)(test)
    return test


@settings(max_examples=40, deadline=None)
@hostile_examples
@given(st.text(st.characters(codec=None, categories=None), min_size=1, max_size=30))
@example("\ud800")  # half a surrogate pair, which no file name and no UTF-8 text can hold
def test_any_text_is_harmless(name: str) -> None:
    made = render_report(hostile_report(name))
    harmless(made)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\u2028]", made)
    made.encode("utf-8")


def test_a_page_needs_nothing_beside_it(tmp_path: Path) -> None:
    write_report(tmp_path / "new" / "report.html", report_samples.report(tmp_path, 2))
    made = (tmp_path / "new" / "report.html").read_text("utf-8")
    harmless(made)
    parsed = Parsed(made)
    assert not [
        a
        for tag, a in parsed.tags
        if tag in ("link", "script") and (a.get("src") or (a.get("href") or "data:,") != "data:,")
    ]
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "report.html"]
    assert len(made) < 2_000_000


def test_the_policy_names_the_scripts_of_the_page() -> None:
    made = render_report(ReportData("empty"))
    policy = next(a["content"] for tag, a in Parsed(made).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert (policy or "").startswith("default-src 'none'; script-src 'sha256-")
    for code in re.findall(r"<script>(.*?)</script>", made, re.S):
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in (policy or "")


def test_an_interrupted_write_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report.html"
    write_report(target, ReportData("old"))
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(UsageError, match="No space left"):
        write_report(target, ReportData("new"))
    assert "<title>old</title>" in target.read_text("utf-8")
    assert list(tmp_path.iterdir()) == [target]


def test_two_videos_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match=r"a/b\.mp4"):
        render_report(
            ReportData("t", videos=(d.VideoSection("a/b.mp4", Score("a")), d.VideoSection("a/b.mp4", Score("b"))))
        )


def test_the_bundled_libraries_have_the_listed_hashes() -> None:
    folder = Path(page.__file__).parent / "assets" / "vendor"
    listed = dict(re.findall(r"\| (\S+\.js) \|.*\| ([0-9a-f]{64}) \|", (folder / "VERSIONS.md").read_text("utf-8")))
    assert listed == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.js")}


def test_every_asset_and_template_is_used() -> None:
    root = Path(page.__file__).parent
    files = {str(p.relative_to(root / "assets")) for p in (root / "assets").rglob("*") if p.suffix in (".js", ".css")}
    assert files == {*page.SCRIPTS, *page.STYLES}
    templates = "".join(p.read_text("utf-8") for p in (root / "templates").iterdir())
    assert all(f'"{p.name}"' in templates for p in (root / "templates").iterdir() if p.name != "page.html.j2")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("a b.mp4", "./a%20b.mp4"),
        ("../clips/x.mp4", "../clips/x.mp4"),
        ("/abs/x#1?.mp4", "/abs/x%231%3F.mp4"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("JaVaScRiPt://%0aalert(1)", "./JaVaScRiPt%3A//%250aalert%281%29"),
        ("//evil.example/x", "./evil.example/x"),
        ("data:text/html,x", "./data%3Atext/html%2Cx"),
        ("https://example.org/x.mp4?t=1", "https://example.org/x.mp4?t=1"),
        ("non-utf8-\udcff.mp4", "./non-utf8-%FF.mp4"),
        ("half-a-pair-\ud800.mp4", None),
        ("https://example.org/\ud800", None),
        ("C:\\videos\\x.mp4", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses(link: str | None, expected: str | None) -> None:
    assert text.safe_link(link) == expected


def stepped(*scores: float) -> d.VideoSection:
    """A video with these step scores, one second each."""
    return d.VideoSection("v", Score("v", steps=tuple(StepScore(i, i + 1, score) for i, score in enumerate(scores))))


def test_steps_are_coloured_against_training_and_else_against_the_video() -> None:
    trained = replace(stepped(5.0, 7.5, 99.0), training=d.TrainingSteps(((7.0, 1.0),) * 3, (-1.0, -0.5)))
    assert [s.quality for s in template_values.drawn_steps(trained)] == [-1.0, 0.2, 0.4]
    steps = stepped(1.0, 3.0)
    assert [s.quality for s in template_values.drawn_steps(steps)] == [-0.2, 0.2]
    assert [(s.left, s.width) for s in template_values.drawn_steps(steps)] == [(0.0, 50.0), (50.0, 50.0)]
    same = stepped(2.0, 2.0)
    assert [s.quality for s in template_values.drawn_steps(same)] == [0.0, 0.0]


def test_the_best_of_a_column_follows_its_direction() -> None:
    rows = (
        TableRow("a", (0.5, 3.0, 0.80, None)),
        TableRow("b", (0.7, 5.0, 0.95, math.nan), "ours"),
        TableRow("c", (0.7, 4.0, 0.60, "text")),
        TableRow("p", (0.9, 1.0, 0.99, 0.9), "paper"),
        TableRow("o", (0.8, 2.0, 0.99, 0.9), "oracle"),
    )
    columns, better = ("rho", "MAE", "coverage", "rho 2"), ("high", "low", "neither", "high")
    table = Table("t", columns, rows, better=better)  # type: ignore[arg-type]
    assert template_values.best_of(table) == {(1, 0), (2, 0), (0, 1)}
    assert template_values.bold_note(table) == "Bold: the highest of a column; of MAE, the lowest."
    plain = replace(table, better=())
    assert (template_values.best_of(plain), template_values.bold_note(plain)) == (set(), "")
    assert template_values.bold_note(replace(table, better=("high",))) == "Bold: the highest of a column."
    assert template_values.bold_note(replace(table, better=("neither", "low"))) == "Bold: of MAE, the lowest."


@pytest.mark.parametrize(
    ("value", "key"),
    [(0.5, 0.5), (None, ""), (math.nan, ""), ((-0.12, 0.4), -0.12), ((0.3, 0.4), 0.3), ("none", "none")],
)
def test_cells_of_results_sort_by_their_number(value: Cell, key: float | str) -> None:
    assert template_values.sort_key(value) == key


def test_axes_of_predictions_hold_every_score_and_interval() -> None:
    rows = (d.ScatterPoint("a", 10, 40, (-20, math.inf)), d.ScatterPoint("b", 30, math.nan))
    low, high = chart_json.prediction_range(rows)
    assert (low, high) == pytest.approx((-21.8, 41.8))
    assert chart_json.prediction_range(()) == pytest.approx((-0.03, 1.03))
    assert chart_json.prediction_range((d.ScatterPoint("a", 5, 5),)) == (4.5, 5.5)


def test_numbers_as_people_read_them() -> None:
    assert text.to_digits(-1.005, 1) == "\N{MINUS SIGN}1.0"
    assert text.to_digits(math.inf) == text.to_digits(None) == "–"
    assert [text.clock(t) for t in (4.08, 187.2, 3725.0, None)] == ["4.08 s", "3:07", "1:02:05", "–"]
    assert [text.measure_text(v) for v in (True, 3, 0.12345, 5.0, "x\n", None)] == [
        "yes",
        "3",
        "0.123",
        "5",
        "x\\n",
        "–",
    ]
    assert text.measure_text(1349.6) == "1350"
    assert [counted(n, "video") for n in (0, 1, 2)] == ["0 videos", "1 video", "2 videos"]


def test_parts_that_are_absent_leave_no_trace() -> None:
    made = render_report(ReportData("only a title"))
    assert "<section" not in made
    bare = render_report(
        ReportData("t", videos=(d.VideoSection("a", Score("a")), d.VideoSection("b", Score("b", score=1.0))))
    )
    assert "No video in this report." in bare
    assert 'id="batch"' not in bare


def test_a_page_of_one_video_has_no_table_of_one_row() -> None:
    one = d.VideoSection("a", Score("a", score=1.0))
    alone = render_report(ReportData("t", videos=(one,), batch=d.BatchSection((one,))))
    assert 'id="batch"' not in alone
    failed = d.BatchSection((one,), (d.FailedVideo("b", Failure("video", "clips", "no frame")),))
    with_failure = render_report(ReportData("t", videos=(one,), batch=failed))
    assert 'id="batch"' in with_failure
    assert 'id="scores"' not in with_failure
    without_section = render_report(ReportData("t", batch=d.BatchSection((one,))))
    assert 'id="scores"' in without_section
    assert 'id="filter"' not in without_section


def test_flags_of_every_video_are_shown_once_and_empty_columns_are_left_out() -> None:
    everywhere, one = Flag("info", "no 95 % interval", "too few"), Flag("warn", "shaking camera")

    def batch(*flags: tuple[Flag, ...], **options: Any) -> str:
        scores = (Score(str(i), score=1.0, interval80=(0.0, 2.0), flags=each) for i, each in enumerate(flags))
        rows = tuple(d.VideoSection(score.id, score, task="10 m") for score in scores)
        made = render_report(ReportData("t", batch=d.BatchSection(rows, **options)))
        return " ".join(
            re.sub(r"<[^>]+>", " ", made[made.index('<section id="batch"') : made.index("</main>")]).split()
        )

    text = batch((everywhere, one), (everywhere,))
    assert text.count("no 95 % interval") == 1
    assert "Of every video: no 95 % interval." in text
    assert "2 scored 1 flagged" in text
    assert "shaking camera" in text
    for absent in ("95 % interval Judges", "and 95 % interval", "Group", "Distribution"):
        assert absent not in text
    plain = batch((everywhere,), (everywhere,), training_scores=(1.0, 2.0))
    assert "flagged" not in plain.split("Filter")[0]
    assert "Flags" not in plain
    assert "Distribution of scores" in plain


def test_no_text_is_smaller_than_eleven_pixels() -> None:
    """At 390 px a rem is 15 px."""
    for name in page.STYLES:
        if name != "print.css":
            sizes = [float(size) for size in re.findall(r"font-size: (\.\d+)rem", page.asset(name))]
            assert all(15 * size >= 11 for size in sizes), name


def test_the_leak_audit_answers_what_it_asks() -> None:
    checks = (d.LeakCheck("trial on both sides", True), d.LeakCheck("group on both sides", False, "fold 1"))
    open_one = d.LeakCheck("equal files", None, "not compared")
    shown = render_report(ReportData("Audit", evaluation=d.EvaluationSection(leaks=(*checks, open_one))))
    assert '<li class="pass"><strong>trial on both sides:</strong> <span>none</span>' in shown
    assert '<li class="fail"><strong>group on both sides:</strong> <span>LEAK</span>' in shown
    assert '<li class="open"><strong>equal files:</strong> <span>unknown</span>' in shown
