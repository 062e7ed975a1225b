#!/usr/bin/env python
"""Finds words that docs/extend/writing.md replaces: in pages, docstrings, comments, messages, help texts and names.

python .ci/words.py            # one line per hit, exit code 1 where there are some
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

WORDS: dict[str, str] = {
    r"sights?|sightings?": "detection",
    r"readings": "detections",
    r"hunt(s|ed|ing)?": "re-detection",
    r"hindsight|second look|look(s|ed|ing)? again": "second pass, offline refinement",
    r"lean(s|ed|ing)?": "orientation, rotation angle",
    r"bridg(e|es|ed|ing)": "interpolated",
    r"scenery": "scene",
    r"made (set|dive|performance|video|trial|clip|feature)s?": "synthetic, rendered",
    r"bring(s|ing)? (the |both |their )?(weights?|networks?|files?)": "download",
    r"told": "inferred, reported, distinguished, given",
    r"(?<!make )(?<!making )sure|surer|surest|sureness|unsure": "confident, calibrated",
    r"costs? (that|one|the|its|a) (video|record|stage)": "is skipped and reported",
    r"stands? (in|on|at|by|beside|for|there|here|below|above|under|after|before|against)": "is, are",
    r"lies?|lying": "is, are",
    r"heed(s|ed)?": "a name that says the quantity",
    r"patience": "max_gap, max_epochs_without_gain",
    r"(trial|quality) figures?|figures of (a|the|one) (whole )?performance": "trial-level features, quality values",
    r"gone on with|go(es)? on with": "resumes, continues",
}
"""Pattern of a word in running text -> what to write."""

NAME_WORDS: dict[str, str] = {
    "told": "what it holds",
    "sight": "detection",
    "sights": "detections",
    "hunt": "re_detection",
    "lean": "orientation",
    "sure": "calibration, confidence",
    "sureness": "confidence",
    "heed": "a name that says the quantity",
    "patience": "max_gap",
    "scenery": "scene",
    "hindsight": "refinement",
    "bridged": "interpolated",
}
"""Part of a name, between underscores -> what to write."""

WHOLE_NAMES = {"found", "known", "seen", "at", "both", "own", "way"}
"""Variables and arguments that must be called by what they hold; fields and methods may have such names."""

ALLOWED: tuple[tuple[str, str], ...] = (
    ("docs/extend/writing.md", ""),
    (".ci/words.py", ""),
    ("tests/test_words.py", ""),
)
"""(file, text of the line) where a word is meant; an empty text allows the whole file."""

CODE_BLOCK = re.compile(r"```.*?```|<!--.*?-->", re.DOTALL)
CODE_SPAN = re.compile(r"`[^`\n]+`|\]\([^)\s]+\)|https?://\S+")
PATTERN = re.compile("|".join(rf"(?P<w{n}>\b(?:{word})\b)" for n, word in enumerate(WORDS)), re.IGNORECASE)


@dataclass(frozen=True)
class Hit:
    """A word to replace, with its place and what to write."""

    file: str
    line: int
    word: str
    write: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: '{self.word}', write {self.write}: {self.text.strip()[:100]}"


def in_text(file: str, lines: Iterable[tuple[int, str]]) -> Iterator[Hit]:
    """Words of running text, given as (number, line)."""
    for number, line in lines:
        for match in PATTERN.finditer(CODE_SPAN.sub(lambda span: " " * len(span[0]), line)):
            index = next(n for n in range(len(WORDS)) if match[f"w{n}"] is not None)
            yield Hit(file, number, match[0], list(WORDS.values())[index], line)


def in_page(file: str, text: str) -> Iterator[Hit]:
    """Words of a Markdown page, code left out."""
    plain = CODE_BLOCK.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)
    return in_text(file, enumerate(plain.split("\n"), start=1))


def in_module(file: str, text: str) -> Iterator[Hit]:
    """Words of the comments, docstrings, messages and names of a Python file."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield from in_text(file, [(token.start[0], token.string)])
    tree = ast.parse(text)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = {item.target for body in bodies for item in body if isinstance(item, ast.AnnAssign)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield from in_text(file, enumerate(node.value.split("\n"), start=node.lineno))
        for name, line in names_of(node):
            if name in WHOLE_NAMES and isinstance(node, (ast.Name, ast.arg)) and node not in fields:
                yield Hit(file, line, name, "what it holds", name)
            for part in re.split(r"_|(?<=[a-z])(?=[A-Z])", name):
                if part.lower() in NAME_WORDS:
                    yield Hit(file, line, name, NAME_WORDS[part.lower()], name)


def names_of(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that a node gives to something."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name, node.lineno
    elif isinstance(node, ast.arg):
        yield node.arg, node.lineno
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id, node.lineno
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr, node.lineno


def hits_of(file: str, text: str) -> Iterator[Hit]:
    """Hits of one file by its kind."""
    if file.endswith(".py"):
        found = in_module(file, text)
    elif file.endswith(".md"):
        found = in_page(file, text)
    else:
        found = in_text(file, enumerate(text.split("\n"), start=1))
    for hit in found:
        if not any(hit.file == allowed and part in hit.text for allowed, part in ALLOWED):
            yield hit


def files(root: Path) -> list[str]:
    """Text files of ours that git lists or would add."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    kinds = (".py", ".md", ".yaml", ".yml", ".sh", ".cfg", ".j2", ".cff")
    return sorted({f for f in listed if (root / f).is_file() and (f.endswith(kinds) or f in (".ci/run", ".ci/audit"))})


def check(root: Path) -> list[Hit]:
    """All hits below `root`."""
    return [hit for file in files(root) for hit in hits_of(file, (root / file).read_text("utf-8"))]


if __name__ == "__main__":
    every = check(ROOT)
    for one in every:
        print(one)
    sys.exit(1 if every else 0)
