"""The answers in docs/extend/ follow from the tree: named functions are in the named files, listed calls in order."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from pipeline.stages import STAGES
from tests.test_structure import ROWS

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "docs" / "extend" / "questions.md"
ARCHITECTURE = ROOT / "docs" / "extend" / "architecture.md"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Place = tuple[str, str]
"""(function, file), such as ("Scorer.score", "pipeline/score/scorer.py")."""

NAME = r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)`"
IN_TEXT = re.compile(rf"{NAME}\s+in\s+`([\w/.]+\.py)`")
IN_TABLE = re.compile(rf"^\| {NAME} \| `([\w/.]+\.py)` \|", re.MULTILINE)
NAMED_FILE = re.compile(r"`((?:\w+/)+(?:\w+\.(?:py|yml|md))?)`")
ASKED = ("key of an output", "a video opened", "`score` call", "add a stage", "a system", "a flag", "a page")


@cache
def tree_of(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text("utf-8"))


@cache
def definitions(file: str) -> dict[str, ast.AST]:
    """Functions, classes, methods and assigned names of a file, by dotted name."""
    named: dict[str, ast.AST] = {}
    for node in tree_of(file).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            named[node.name] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named |= {target.id: node for target in targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.ClassDef):
            named |= {f"{node.name}.{item.name}": item for item in node.body if isinstance(item, Function)}
    return named


def words(file: str) -> set[str]:
    """Every name that a file mentions."""
    names = {node.id for node in ast.walk(tree_of(file)) if isinstance(node, ast.Name)}
    for node in ast.walk(tree_of(file)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.name for alias in node.names}
    return names | set(definitions(file))


@cache
def modules(file: str) -> set[str]:
    """Names by which a file refers to the modules that it imports."""
    names: set[str] = set()
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            folder = ROOT.joinpath(*(node.module or "").split("."))
            for alias in node.names:
                if (folder / f"{alias.name}.py").is_file() or (folder / alias.name).is_dir():
                    names.add(alias.asname or alias.name)
    return names


def references(node: ast.AST, file: str) -> Iterator[tuple[str, bool]]:
    """(name, whether it is an attribute of an object) of what a function uses.

    Calls and properties come as they are evaluated, functions that are handed on last. What a function takes from
    another module by its name (`np.stack`) does not count.
    """
    later: list[tuple[str, bool]] = []

    def of_module(part: ast.Attribute) -> bool:
        return isinstance(part.value, ast.Name) and part.value.id in modules(file)

    def visit(part: ast.AST) -> Iterator[tuple[str, bool]]:
        if isinstance(part, ast.Call):
            inner = [*part.args, *(keyword.value for keyword in part.keywords)]
            if isinstance(part.func, ast.Attribute):
                inner = [part.func.value, *inner]
            for child in inner:
                yield from visit(child)
            if isinstance(part.func, ast.Attribute):
                if not of_module(part.func):
                    yield part.func.attr, True
            elif isinstance(part.func, ast.Name):
                yield part.func.id, False
            return
        if isinstance(part, ast.Attribute):  # of another object: a property; of `self`: often a function handed on
            if isinstance(part.value, ast.Name) and part.value.id == "self":
                later.append((part.attr, True))
            elif not of_module(part):
                yield part.attr, True
        elif isinstance(part, ast.Name):
            later.append((part.id, False))
        for child in ast.iter_child_nodes(part):
            yield from visit(child)

    for statement in node.body if isinstance(node, Function) else []:
        yield from visit(statement)
    yield from later


def matches(place: Place, name: str, attribute: bool, mentioned: set[str]) -> bool:
    """Whether a reference in a file that mentions these names leads to the place."""
    owner, _, function = place[0].rpartition(".")
    if function == "forward" and name == "net":  # a network is called as an object
        return True
    if function != name or bool(owner) != attribute:
        return False
    stages = {text.rpartition(":")[2] for text in STAGES.values()}
    return (
        not owner or owner in mentioned or owner.lower() in mentioned or (owner in stages and "Extractor" in mentioned)
    )


def order_of_calls(roots: list[Place], listed: list[Place]) -> list[Place]:
    """The listed places in the order in which the roots reach them.

    Functions of one file are followed whether listed or not; a call into another file only where it is listed.
    """
    reached: list[Place] = []
    followed: set[Place] = set()

    def follow(place: Place) -> None:
        if place in followed:
            return
        followed.add(place)
        name, file = place
        mentioned, here = words(file), definitions(file)
        if name.endswith(".forward"):
            return
        for used, attribute in references(here[name], file):
            for target in listed:
                if matches(target, used, attribute, mentioned):
                    reach(target)
            owner = name.rpartition(".")[0]
            for inner in (f"{owner}.{used}" if attribute else used, f"{used}.__getitem__"):  # an object that is built
                if inner in here and isinstance(here[inner], Function):
                    follow((inner, file))

    def reach(place: Place) -> None:
        if place not in reached:
            reached.append(place)
            if isinstance(definitions(place[1])[place[0]], Function):
                follow(place)

    for root in roots:
        reach(root)
    return reached


def places(path: Path) -> list[Place]:
    text = path.read_text("utf-8")
    return [*IN_TABLE.findall(text), *IN_TEXT.findall(text)]


@pytest.mark.parametrize("path", [QUESTIONS, ARCHITECTURE], ids=lambda path: path.name)
def test_named_functions_are_in_the_named_files(path: Path) -> None:
    assert len(places(path)) > 20
    for name, file in places(path):
        assert (ROOT / file).is_file(), file
        assert name in definitions(file), f"{file} has no {name}"


@pytest.mark.parametrize("path", [QUESTIONS, ARCHITECTURE], ids=lambda path: path.name)
def test_named_places_exist(path: Path) -> None:
    for name in NAMED_FILE.findall(path.read_text("utf-8")):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("question", ASKED)
def test_every_question_has_an_answer(question: str) -> None:
    sections = re.findall(r"^## (.+\?)\n\n(.+?)(?=^## |\Z)", QUESTIONS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    answers = [answer for asked, answer in sections if question in asked]
    assert len(answers) == 1
    assert "`" in answers[0]


def test_the_short_answer_is_part_of_the_walk() -> None:
    walk = IN_TABLE.findall(ARCHITECTURE.read_text("utf-8"))
    short = re.findall(rf"^\d+\. {NAME} in `([\w/.]+)`", QUESTIONS.read_text("utf-8"), re.MULTILINE)
    assert len(short) > 5
    assert [place for place in walk if place in short] == short


def test_a_wrong_order_is_noticed() -> None:
    walk = IN_TABLE.findall(ARCHITECTURE.read_text("utf-8"))
    wrong = [*walk[:2], walk[-2], *walk[2:-2], walk[-1]]
    assert order_of_calls(wrong[:2], wrong) != wrong


def test_the_picture_names_every_row() -> None:
    picture = (ROOT / "docs" / "images" / "architecture.svg").read_text("utf-8")
    drawn = [set(text.split()) for text in re.findall(r'class="c"[^>]*>([^<]+)<', picture)]
    assert len(drawn) == len(ROWS)
    for names, row in zip(drawn, reversed(ROWS), strict=True):
        assert names - {"..."} <= set(row)
        assert "..." in names or names == set(row)
