"""What README.md and docs/ name is there: commands parse, links lead somewhere, files, modules and settings exist.

Nothing that a page shows is run here. The site itself is built by `.ci/run`, with warnings as errors.
"""

from __future__ import annotations

import ast
import configparser
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from data.errors import UsageError
from pipeline.config import config_class, load_config
from pipeline.recipes import RECIPES
from pipeline.yaml_values import config_path
from run_pipeline import app
from tests.helpers.scripts import load_script

ROOT = Path(__file__).resolve().parent.parent
SITE = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *SITE]
SCRIPTS = [*sorted((ROOT / "docs").glob("*.sh")), ROOT / ".ci" / "run"]
TOP = {"data", "extractors", "models", "pipeline", "synthetic", "configs", "tests", "benchmarks", "docs", ".ci"} | {
    "stand_ins"
}
PACKAGES = ("data", "extractors", "models", "pipeline", "synthetic", "benchmarks")
FILES = {".zip", ".json", ".onnx", ".safetensors", ".h5", ".md", ".py"}
SECTIONS = {
    name: kind
    for name, field in config_class().model_fields.items()
    for kind in [field.default_factory or type(field.default)]
    if hasattr(kind, "model_fields") or hasattr(kind, "__dataclass_fields__")
}
EXAMPLES = re.compile(r"brightness|datasets/marks\.py")
"""What the pages of docs/extend add: these files, settings and commands are there only when a page is followed."""

CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
PRINTED = re.compile(r"^[│┃┏┡└├].*\n", re.MULTILINE)
"""Lines of tables that a command printed."""
COMMAND = re.compile(r"(?:python run_pipeline\.py|(?<![\w./-])aqa) ((?:\\\n|[^\n`])*)")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code_of(path: Path) -> Iterator[str]:
    """The words of every span and block of code in a page."""
    for code in CODE.findall(text_of(path)):
        yield from re.split(r"[\s,;()=\[\]{}\"'|]+", code.strip("`"))


def commands(path: Path) -> list[list[str]]:
    """Arguments of every command of ours in a page or script; `…` marks what the reader fills in."""
    if name_of(path) == "docs/mistakes.md":
        return []  # wrong on purpose; tests/test_mistakes.py runs them
    text = PRINTED.sub("", text_of(path))
    arguments = []
    for line in COMMAND.findall(text if path.suffix != ".md" else "\n".join(CODE.findall(text))):
        line = re.sub(r"\$\{\w+:?-?(\w*)\}", r"\1", line.replace("\\\n", " "))
        line = re.split(r" (?:#|&&|[|>&]) ?", line)[0]
        if EXAMPLES.search(line) or "mvit" in line or line.startswith("--"):
            continue
        arguments.append([word for word in shlex.split(line) if word != "…"])
    return arguments


def parse(command: Any, name: str, words: list[str], parent: Any = None) -> dict[str, Any]:
    """What the parser makes of `words`; nothing runs. Raises the parser's usage error."""
    if hasattr(command, "commands") and words:
        context = command.make_context(name, [], parent=parent, resilient_parsing=True)
        assert words[0] in command.commands, f"no command '{words[0]}'"
        return parse(command.commands[words[0]], words[0], words[1:], context)
    return dict(command.make_context(name, list(words), parent=parent).params)


@cache
def tree() -> Any:
    return typer.main.get_command(app)


ALL_COMMANDS = [(name_of(path), words) for path in [*PAGES, *SCRIPTS] for words in commands(path)]


def check_command(words: list[str]) -> None:
    """The command parses, its preset exists, and its settings are accepted."""
    given = parse(tree(), "run_pipeline.py", words)
    config = given.get("config")
    if config is not None and "$" not in config:
        preset = config_path(config) if "/" not in config else ROOT / config
        assert preset.is_file(), f"no {config}"
        load_config(preset, [one for one in given.get("overrides") or () if "…" not in one])


@pytest.mark.parametrize(("page", "words"), ALL_COMMANDS, ids=[f"{p}: {' '.join(w)}" for p, w in ALL_COMMANDS])
def test_commands_parse(page: str, words: list[str]) -> None:
    complete = not any(word in ("reproduce", "extract") for word in words[:1]) or len(words) > 1
    assert complete, f"{page}: a command without arguments"
    check_command(words)


def test_there_are_commands_to_look_at() -> None:
    assert len({page for page, _ in ALL_COMMANDS}) > 8
    assert len(ALL_COMMANDS) > 50


@pytest.mark.parametrize(
    "line",
    [
        "extract videos/ --confg configs/folder.yaml",
        "extrakt videos/",
        "extract videos/ --config configs/absent.yaml",
        "extract videos/ --config absent",
        "extract videos/ --config configs/folder.yaml --set pose.strid=2",
        "score new/",
        "cache lst",
    ],
)
def test_a_wrong_command_is_found(line: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- the parser's own errors have no common public class
        check_command(shlex.split(line))
    assert isinstance(caught.value, (AssertionError, UsageError)) or hasattr(caught.value, "format_message")


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    plain = CODE.sub("", text_of(path))
    for target in re.findall(r"\]\(([^)\s]+)\)", plain):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        assert place.is_file(), f"{name_of(path)} links to {target}"
        if anchor and place.suffix == ".md" and name_of(place) != "docs/settings.md":
            assert anchor in anchors(place), f"{name_of(path)} links to {target}"


def anchors(path: Path) -> set[str]:
    """Of the headings of a page, as MkDocs makes them."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_named_files_exist(path: Path) -> None:
    for word in code_of(path):
        word = word.split("#")[0].rstrip("/.:")
        first, slash, _ = word.partition("/")
        if not slash or first not in TOP or EXAMPLES.search(word) or re.search(r"[<>…*$A-Z]{2,}|\*|…", word):
            continue
        if first == "data" and Path(word).suffix not in (".py", ""):
            continue
        assert (ROOT / word).exists(), f"{name_of(path)} names {word}"


@cache
def names_in(module: Path) -> set[str]:
    """Names that a module defines or imports at its top, and the members of its classes."""
    names: set[str] = set()
    body = ast.parse(text_of(module)).body
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            body += node.body  # what a package exports lazily
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def missing_name(dotted: str) -> str:
    """Why a dotted name of ours, such as `pipeline.score.scorer.Scorer`, does not exist; empty where it does."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        module = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
        if module.is_file():
            rest = parts[length:]
            return "" if not rest or rest[0] in names_in(module) else f"{module.name} has no {rest[0]}"
    return f"no module {dotted}"


DOTTED = re.compile(rf"^(?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+$")


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_named_modules_and_functions_exist(path: Path) -> None:
    named = {word for word in code_of(path) if DOTTED.match(word) and Path(word).suffix != ".py"}
    named |= set(re.findall(r"^::: ([\w.]+)$", text_of(path), re.MULTILINE))
    shown = re.compile(r"^::: ([\w.]+)\n +options: .*members: \[([^\]]*)\]", re.MULTILINE)
    for module, members in shown.findall(text_of(path)):
        named |= {f"{module}.{member.strip()}" for member in members.split(",")}
    for dotted in sorted(named):
        assert not missing_name(dotted), f"{name_of(path)}: {missing_name(dotted)}"


def test_python_examples_import_what_there_is() -> None:
    checked = 0
    for path in PAGES:
        for block in re.findall(r"```python\n(.*?)```", text_of(path), re.DOTALL):
            if not block.startswith(("from", "import", '"""')):
                continue
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in PACKAGES:
                    for alias in node.names:
                        assert not missing_name(f"{node.module}.{alias.name}"), name_of(path)
                        checked += 1
    assert checked > 10


def settings() -> set[str]:
    """Every key of a configuration, dotted."""
    keys = set()

    def add(kind: Any, prefix: str) -> None:
        fields = getattr(kind, "model_fields", None) or getattr(kind, "__dataclass_fields__", {})
        for key, field in fields.items():
            name = getattr(field, "alias", None) or key
            keys.add(f"{prefix}{name}")
            inner = type(getattr(field, "default", None))
            if hasattr(inner, "model_fields"):
                add(inner, f"{prefix}{name}.")

    for name in config_class().model_fields:
        keys.add(name)
        if name in SECTIONS:
            add(SECTIONS[name], f"{name}.")
    return keys


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_named_settings_exist(path: Path) -> None:
    existing = settings()
    keys = re.compile(rf"^(?:{'|'.join(sorted(SECTIONS))})(?:\.[a-z_0-9]+)+$")
    plain = re.sub(r"```python\n.*?```", "", text_of(path), flags=re.DOTALL)
    for span in re.findall(r"`([^`\n]+)`", plain):
        for word in re.split(r"[\s,;()=\[\]{}:]+", span):
            if keys.match(word) and word not in existing and Path(word).suffix not in FILES:
                assert missing_name(word) == "", f"{name_of(path)} names the setting {word}"


def test_every_page_is_in_the_navigation_and_the_other_way_round() -> None:
    def files(entry: Any) -> Iterator[str]:
        for value in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ():
            if isinstance(value, str):
                yield value
            else:
                yield from files(value)

    site = yaml.safe_load(text_of(ROOT / "mkdocs.yml"))
    listed = list(files(site["nav"]))
    assert sorted(listed) == sorted(path.relative_to(ROOT / "docs").as_posix() for path in SITE)
    assert site["theme"]["font"] is False
    assert site["strict"] is True


def test_pages_name_no_machine() -> None:
    for path in [*PAGES, *SCRIPTS, ROOT / "mkdocs.yml", ROOT / "docs" / "generated.py"]:
        assert not re.search(r"(?<![\w.])/(?:(?:work|root|tmp|Users)/|home/(?!you/))", text_of(path)), name_of(path)


def test_the_settings_page_shows_every_recipe() -> None:
    page = load_script(ROOT / "docs" / "generated.py").settings()
    for recipe in RECIPES:
        assert page.count(f"recipe `{recipe}` |") == 2
        assert f"`{recipe}`" in text_of(ROOT / "docs" / "training.md")


def test_the_readme_is_short_and_has_its_two_commands() -> None:
    text = text_of(ROOT / "README.md")
    assert len(text.splitlines()) <= 120
    blocks = [block.strip() for block in re.findall(r"```\n(.*?)```", text, re.DOTALL)]
    assert blocks[:2] == [
        "python -m pip install -e . && python run_pipeline.py demo",
        'python -m pip install -e ".[test]" && python -m pytest',
    ]


def test_the_citation_has_the_version_of_the_package() -> None:
    from pipeline import __version__

    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    citation = yaml.safe_load(text_of(ROOT / "CITATION.cff"))
    assert citation["version"] == __version__
    newest = re.search(r"^## (\S+), (\S+)$", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert newest.groups() == (__version__, str(citation["date-released"]))
    assert citation["license"] == parser["metadata"]["license"]


OWN = {"folder", "skeletons"}
"""Pages of data that nobody published."""


@pytest.mark.parametrize("page", sorted({p.stem for p in (ROOT / "docs/datasets").glob("*.md")} - OWN))
def test_every_published_data_set_says_how_to_cite_it(page: str) -> None:
    assert re.search(r"^## Cite\n\n.{20,}(19|20)\d\d\.$", text_of(ROOT / f"docs/datasets/{page}.md"), re.M | re.S)


def test_every_package_says_that_it_is_typed() -> None:
    for package in PACKAGES:
        assert (ROOT / package / "py.typed").is_file()


def test_comments_behind_fields_are_attributes_on_the_api_pages() -> None:
    griffe = pytest.importorskip("griffe")
    extensions = griffe.load_extensions(str(ROOT / "docs" / "field_comments.py"))
    records = griffe.load("data.video.records", search_paths=[ROOT], extensions=extensions)
    assert "\n\nAttributes:\n    id: path relative to the input root" in records["Record"].docstring.value
    assert (
        "Attributes:"
        not in griffe.load("data.errors", search_paths=[ROOT], extensions=extensions)["AimError"].docstring.value
    )
