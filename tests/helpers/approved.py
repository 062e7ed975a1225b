"""Texts for approval files: the words, tables and data of a page, without what differs between days and machines."""

import json
import re
from html.parser import HTMLParser

BLOCKS = {"p", "li", "h1", "h2", "h3", "h4", "figcaption", "dt", "dd", "summary", "button", "option", "title"}
BLOCKS |= {"label", "pre", "tr", "output", "footer", "caption", "nav", "select"}
VOID = {"meta", "link", "img", "input", "br", "source"}

VARYING = (
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d[:\d.]*( UTC|\+00:00)?", "TIME"),
    (r"(?<![\d.])\b[0-9a-f]{12,64}\b( \+ uncommitted changes)?", "HASH"),
    (r"\b\d+\.\d+\.\d+\S*", "VERSION"),
    (r"(data:\w+/[\w+]+;base64,)[\w+/=]+", r"\1…"),
    (r"/\S*/(pytest-|tmp|world/)\S*", "PATH"),
)


def steady(text, *, trained=False):
    """The text without dates, versions, hashes and paths; decimals have two digits.

    With `trained`, every number is `#`: those of a trained network may differ between machines in the last shown digit.
    """
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    if trained:
        text = re.sub(r"steps (\d+)\N{EN DASH}\d+", r"step \1", text)  # neighbours vary too
        return re.sub(r"[-+\N{MINUS SIGN}±]?\d[\d.]*", "#", text)
    return re.sub(r"-?\d+\.\d+(e[-+]?\d+)?", lambda number: _rounded(float(number[0])), text)


def _rounded(value):
    """Two digits; what is left of sums that are zero is zero."""
    return f"{value:.2g}" if abs(value) > 1e-9 else "0"


def shape(value, *, trained=False):
    """JSON with the first of each list and its length, and steady texts and numbers."""
    if isinstance(value, dict):
        return {key: shape(one, trained=trained) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [*(shape(one, trained=trained) for one in value[:1]), *([f"… {len(value)}"] if len(value) > 1 else [])]
    if isinstance(value, str):
        return steady(value, trained=trained)
    if isinstance(value, bool) or value is None:
        return value
    return "#" if trained else float(f"{value:.2g}")


def document_text(value, *, trained=False):
    """The `shape` of a JSON document as text."""
    return json.dumps(shape(json.loads(json.dumps(value)), trained=trained), indent=1, ensure_ascii=False)


def page_text(page, *, trained=False):
    """Each block of text in a line with its kind, cells divided by bars, and the shape of embedded data."""
    outline = _Outline(trained)
    outline.feed(page)
    return "\n".join(outline.lines)


class _Outline(HTMLParser):
    def __init__(self, trained):
        super().__init__(convert_charrefs=True)
        self.lines = []
        self._trained = trained
        self._open = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("td", "th"):
            self.handle_data(" | ")
        if tag == "strong":
            self.handle_data("*")
        if tag in VOID:
            return
        kind = "data" if given.get("type") == "application/json" else f"{tag} #{given['id']}" if "id" in given else tag
        if tag in ("section", "details"):
            self.lines.append(kind)
        self._open.append((tag, kind, []))

    def handle_data(self, data):
        for tag, kind, texts in reversed(self._open):
            if tag in ("svg", "style") or (tag == "script" and kind != "data"):
                return
            if tag in BLOCKS or kind == "data":
                texts.append(data)
                return
        if data.strip():
            self._say("text", data)

    def handle_endtag(self, tag):
        while self._open:
            name, kind, texts = self._open.pop()
            if kind == "data":
                self._say(
                    kind, json.dumps(shape(json.loads("".join(texts)), trained=self._trained), ensure_ascii=False)
                )
            elif texts:
                self._say(name, "".join(texts))
            if name == tag:
                return

    def _say(self, kind, text):
        if kind == "dd" and self.lines[-1] == "dt: command":
            self.lines[-1:] = []  # the words that started the tests
        elif kind == "pre" and self._trained:
            self.lines.append("pre: …")  # every setting of the program
        elif words := " ".join(text.split()):
            self.lines.append(f"{kind}: {words if kind == 'data' else steady(words, trained=self._trained)}")
