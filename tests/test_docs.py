"""README.md and docs/: commands parse with their settings, and links lead somewhere. Nothing is run.

`.ci/run` builds the site with warnings as errors: links and anchors of its pages, and the list of pages.
"""

import configparser
import re
import shlex
from functools import cache

import pytest
import typer
import yaml

from pipeline.settings.config import load_config
from pipeline.settings.train_config import RECIPES
from pipeline.settings.yaml_values import config_path
from run_pipeline import app
from tests.helpers.checkout import ROOT

SITE = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *SITE]
SCRIPTS = [*sorted((ROOT / "docs").glob("*.sh")), ROOT / ".ci" / "run"]
EXAMPLES = re.compile(r"mylab|skating|mvit")
"""What exists only after a reader has followed docs/extend.md, whose commands test_extend_page.py runs."""

PLACE = r"(?:data|extractors|models|pipeline|synthetic|tests|benchmarks|configs|docs|\.ci)/[\w./-]+"
"""A path of the checkout in a page."""

CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
PRINTED = re.compile(r"^[│┃┏┡└├].*\n", re.MULTILINE)
"""Lines of tables that a command printed."""
COMMAND = re.compile(r"(?:python run_pipeline\.py|(?<![\w./-])aqa) ((?:\\\n|[^\n`])*)")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def text_of(path):
    return path.read_text(encoding="utf-8")


def commands(path):
    """Arguments of every command of this program in a page or script, without `…`, which the reader fills in."""
    text = PRINTED.sub("", text_of(path))
    arguments = []
    for line in COMMAND.findall(text if path.suffix != ".md" else "\n".join(CODE.findall(text))):
        line = re.sub(r"\$\{\w+:?-?(\w*)\}", r"\1", line.replace("\\\n", " "))
        line = re.split(r" (?:#|&&|[|>&]) ?", line)[0]
        if EXAMPLES.search(line) or line.startswith("--"):
            continue
        arguments.append([word for word in shlex.split(line) if word != "…"])
    return arguments


def parse(command, name, words, parent=None):
    """The parsed command of `words`; nothing runs. Raises the parser's usage error."""
    if hasattr(command, "commands") and words:
        context = command.make_context(name, [], parent=parent, resilient_parsing=True)
        assert words[0] in command.commands, f"no command '{words[0]}'"
        return parse(command.commands[words[0]], words[0], words[1:], context)
    return dict(command.make_context(name, list(words), parent=parent).params)


@cache
def tree():
    return typer.main.get_command(app)


ALL_COMMANDS = [(name_of(path), words) for path in [*PAGES, *SCRIPTS] for words in commands(path)]


def check_command(words):
    """The command parses, its preset exists, and its settings are accepted."""
    given = parse(tree(), "run_pipeline.py", words)
    config = given.get("config")
    if config is not None and "$" not in config:
        preset = config_path(config) if "/" not in config else ROOT / config
        assert preset.is_file(), f"no {config}"
        load_config(preset, [one for one in given.get("overrides") or () if "…" not in one])


@pytest.mark.parametrize(("page", "words"), ALL_COMMANDS, ids=[f"{p}: {' '.join(w)}" for p, w in ALL_COMMANDS])
def test_commands_parse(page, words):
    assert words != ["extract"], f"{page}: a command without arguments"
    check_command(words)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_and_names_of_the_pages_exist(path):
    text, prose = text_of(path), re.sub(r"```.*?```", "", text_of(path), flags=re.DOTALL)
    if path.parent == ROOT:  # the site is checked when it is built
        links = [target.partition("#")[0] for target in re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", CODE.sub("", text))]
        assert [target for target in links if not (ROOT / target).is_file()] == []
    if path.name != "CHANGELOG.md":
        places = [place for place in re.findall(rf"`({PLACE})`", prose) if not EXAMPLES.search(place)]
        assert [place for place in places if not (ROOT / place).exists()] == []
    assert not re.search(r"(?<![\w.])/(?:(?:work|root|tmp|Users)/|home/(?!you/))", text), "it names a machine"


FOREIGN = {"h5py", "with", "head.1"}
"""Names on docs/extend.md that are not ours: a package, a keyword, a layer of torchvision."""


def sources():
    """The text of each file of the program."""
    folders = (ROOT / top for top in ("data", "extractors", "models", "pipeline"))
    return {path: text_of(path) for folder in folders for path in folder.rglob("*.*") if path.suffix in (".py", ".j2")}


def test_the_page_of_the_code_names_what_the_code_has():
    """Each function, class, field, module and file, also where the page does not say in which file it is."""
    texts = sources()
    places = [path.relative_to(ROOT).as_posix() for path in [*texts, *PAGES, ROOT / "setup.cfg"]]
    words = set(re.findall(r"\w+", "\n".join([*texts.values(), *places])))
    text, examples = (text_of(ROOT / "docs" / "extend.md"), re.compile(r"```.*?```", re.DOTALL))
    words |= set(re.findall(r"\w+", "\n".join(examples.findall(text))))
    text = examples.sub("", text)
    named = set(re.findall(r"`([A-Za-z_][\w.]*)(?:\([\w, ]*\))?`", text)) - FOREIGN
    assert len(named) > 80
    assert {name for name in named if not set(name.split(".")) <= words} == set()


def test_the_messages_of_the_page_are_those_of_the_program():
    program = re.sub(r'"\s+f?"', "", "".join(sources().values()))  # texts over several lines, joined
    rows = re.findall(r"^\| (`[^|]+) \|[^|]+\|[^|]+\|$", text_of(ROOT / "docs" / "troubleshooting.md"), re.MULTILINE)
    messages = [message for row in rows for message in re.findall(r"`([^`]+)`", row) if message != "status"]
    assert len(messages) > 15
    for message in messages:
        parts = [part.strip(" '") for part in message.split("…") if len(part.strip(" '")) > 3]
        assert all(part in program for part in parts), message


def test_the_page_of_scores_lists_every_flag_and_recipe():
    page = text_of(ROOT / "docs" / "scores.md")
    _, _, rows = page.partition("| flag | when |\n")
    approved = text_of(ROOT / "tests" / "pipeline" / "checks" / "__snapshots__" / "test_flag_checks.ambr")
    titles = set(re.findall(r"^ +(?:bad|warn|info): (.+?): [A-Z]", approved, re.MULTILINE))
    assert len(titles) > 20
    person = r"(primary|secondary|left|right) (agent|athlete)"
    assert [title for title in titles if re.sub(person, "agent", title) not in rows.partition("\n\n")[0]] == []
    assert [recipe for recipe in RECIPES if f"`{recipe}`" not in page] == []


def test_the_readme_is_short_and_has_its_two_commands():
    text = text_of(ROOT / "README.md")
    assert len(text.splitlines()) <= 120
    blocks = [block.strip() for block in re.findall(r"```\n(.*?)```", text, re.DOTALL)]
    assert blocks[:2] == [
        "python -m pip install -e . && python run_pipeline.py demo",
        'python -m pip install -e ".[test]" && python -m pytest',
    ]


def test_the_citation_has_the_version_of_the_package():
    from pipeline import __version__

    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    citation = yaml.safe_load(text_of(ROOT / "CITATION.cff"))
    assert citation["version"] == __version__
    newest = re.search(r"^## (\S+), (\S+)$", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert newest.groups() == (__version__, str(citation["date-released"]))
    assert citation["license"] == parser["metadata"]["license"]
