"""The report page: self-contained, harmless whatever the names, and correct where it computes numbers."""

import hashlib
import html.parser
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import UsageError, counted
from pipeline.report import ReportData, render_report, text, write_report
from pipeline.report import page_data as d
from pipeline.report import page_writer as page
from pipeline.score.video_score import Score
from tests.helpers import report_samples
from tests.helpers.hostile_pages import HOSTILE, hostile_report


class Parsed(html.parser.HTMLParser):
    """Tags and attributes of a page, and its executable scripts."""

    def __init__(self, page_text):
        super().__init__()
        self.tags = []
        self.scripts = []
        self._code = False
        self.feed(page_text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._code = tag == "script" and "type" not in dict(attrs)
        if self._code:
            self.scripts.append("")

    def handle_data(self, data):
        if self._code:
            self.scripts[-1] += data

    def handle_endtag(self, tag):
        self._code = False


def harmless(page_text):
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


def harmless_page(name):
    made = render_report(hostile_report(name))
    harmless(made)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\u2028]", made)
    made.encode("utf-8")


@pytest.mark.parametrize("name", [*HOSTILE, "\ud800"])
def test_hostile_names_are_harmless(name):
    """The last one is half a surrogate pair, which no file name and no UTF-8 text can hold."""
    harmless_page(name)


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(codec=None, categories=None), min_size=1, max_size=30))
def test_any_text_is_harmless(name):
    harmless_page(name)


def test_a_page_needs_nothing_beside_it(tmp_path):
    write_report(tmp_path / "new" / "report.html", report_samples.report(tmp_path, 2))
    made = (tmp_path / "new" / "report.html").read_text("utf-8")
    harmless(made)
    linked = [a.get("src") or a.get("href") for tag, a in Parsed(made).tags if tag in ("link", "script")]
    assert {*linked} <= {None, "data:,"}
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "report.html"]
    assert len(made) < 2_000_000


def test_two_videos_of_one_name_are_refused():
    with pytest.raises(UsageError, match=r"a/b\.mp4"):
        render_report(
            ReportData("t", videos=(d.VideoSection("a/b.mp4", Score("a")), d.VideoSection("a/b.mp4", Score("b"))))
        )


def test_the_bundled_libraries_have_the_listed_hashes():
    folder = Path(page.__file__).parent / "assets" / "vendor"
    listed = dict(re.findall(r"\| (\S+\.js) \|.*\| ([0-9a-f]{64}) \|", (folder / "VERSIONS.md").read_text("utf-8")))
    assert listed == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.js")}


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
def test_addresses(link, expected):
    assert text.safe_link(link) == expected


def test_numbers_as_people_read_them():
    assert text.to_digits(-1.005, 1) == "\N{MINUS SIGN}1.0"
    assert text.to_digits(math.inf) == text.to_digits(None) == "–"
    assert [text.clock(t) for t in (4.08, 187.2, 3725.0, None)] == ["4.08 s", "3:07", "1:02:05", "–"]
    measures = {True: "yes", 3: "3", 0.12345: "0.123", 5.0: "5", "x\n": "x\\n", None: "–", 1349.6: "1350"}
    assert [text.measure_text(value) for value in measures] == [*measures.values()]
    assert [counted(n, "video") for n in (0, 1, 2)] == ["0 videos", "1 video", "2 videos"]
