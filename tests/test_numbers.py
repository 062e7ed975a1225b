"""Each number of an evaluation, a demo, scored videos and a label run is of a kind that the list of kinds has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.number_kinds import KINDS, PLACES, SENTENCES
from tests.helpers.toy_stages import use_stages
from tests.helpers.walked_outputs import Outputs, PageTexts, evaluations, has_number, json_numbers, ratings, scores

DOCS = Path(__file__).parent.parent / "docs"
WORDS = {"system", "video", "valid", "why", "level", "flags", "error", "model", "note", "quantity", "prediction"}
WORDS |= {"interval", "part", "beside combined", "beside AIM (ours)", "", "averaged"}
"""Heads of columns of words."""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[Outputs]:
    """What the commands write."""
    made = [one(tmp_path_factory.mktemp(one.__name__)) for one in (evaluations, ratings)]
    with pytest.MonkeyPatch.context() as patch:
        use_stages(patch, timesteps="tests.helpers.toy_timesteps:ToyTimesteps")
        return [*made, scores(tmp_path_factory.mktemp("scores"))]


def unlisted(outputs: Outputs) -> Iterator[str]:
    """Every number without an entry: its place, or the sentence and what is left of it."""
    documents = json.loads(json.dumps(outputs.documents))
    places = [f"json {path}" for document in documents for path in json_numbers(document)]
    places += [f"column {name}" for head in outputs.tables for name in head if name not in WORDS]
    blocks = [block for page in outputs.pages for block in PageTexts(page).blocks if has_number(block[1])]
    places += [at for at, _ in blocks if at != "text"]
    yield from (at for at in places if not listed(at))
    for text in [*(text for at, text in blocks if at == "text"), *outputs.sentences]:
        if has_number(left := rest_of(text)):
            yield f"{text!r} leaves {left!r}"


def listed(name: str) -> bool:
    """Whether a place has a kind."""
    return any(re.fullmatch(expression, name) for expression in PLACES)


def rest_of(text: str) -> str:
    """A sentence without the parts that are listed."""
    for expression in SENTENCES:
        text = re.sub(expression, "", text)
    return text


def test_every_number_has_a_kind(outputs: list[Outputs]) -> None:
    found = sorted({one for made in outputs for one in unlisted(made)})
    assert found == [], "add an entry to tests/helpers/number_kinds.py, and say in docs/ what the number is"
    assert sum(len(made.pages) for made in outputs) == 4
    assert all(made.documents and made.tables for made in outputs)


def test_a_number_without_an_entry_is_found(outputs: list[Outputs]) -> None:
    """A column more in a page, a CSV file and a JSON document, and a new sentence."""
    evaluation = outputs[0]
    page = evaluation.pages[0].replace(">MAE<", ">RMSE<")
    document = {**evaluation.documents[0], "luck": 0.5}
    changed = Outputs((page,), ((*evaluation.tables[0], "luck"),), (document,), ("note: lucky by 7 points",))
    found = "\n".join(unlisted(changed))
    for name in ("column RMSE", "column luck", "json luck", "leaves 'note: lucky by 7 points'"):
        assert name in found


def test_every_kind_is_explained_where_it_says() -> None:
    named = {*PLACES.values(), *SENTENCES.values()}
    assert named == set(KINDS), "a kind without a number, or a number without a kind"
    for kind in KINDS.values():
        page, _, anchor = kind.explained.partition("#")
        heads = re.findall(r"^#+ (.*)$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
        assert anchor in anchors, kind
