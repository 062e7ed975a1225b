"""Every command is one call of `pipeline.api`, with the same name and words."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from data.errors import PROGRAM
from pipeline import __version__, api
from pipeline.cli import app
from pipeline.cli.command_options import description, entries

ROOT = Path(__file__).resolve().parents[3]
TERMINAL_ONLY = {"as_json", "quality", "help"}
"""Options that only decide how results are shown."""


def leaves(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{name}_")
        elif not command.hidden:
            yield f"{prefix}{name}", command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def test_every_command_has_a_call_and_the_other_way_round() -> None:
    functions = {name: thing for name, thing in vars(api).items() if inspect.isfunction(thing)}
    assert set(COMMANDS) == set(functions) == set(api.__all__)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_and_docstring_have_the_same_words(name: str) -> None:
    call, command = getattr(api, name), COMMANDS[name]
    assert command.help == description(call)
    assert command.epilog.startswith(f"Example: {PROGRAM} {name.replace('_', ' ')}")
    words = {**entries(api, "Args"), **entries(call, "Args")}
    parameters = dict(inspect.signature(call).parameters)
    for parameter in command.params:
        if parameter.name in TERMINAL_ONLY:
            continue
        assert parameter.name in parameters, f"{name} has no argument {parameter.name}"
        default = parameters[parameter.name].default
        if default not in ((), None, inspect.Parameter.empty):
            assert str(parameter.default or "") == str(default or ""), parameter.name
        assert parameter.help == words[parameter.name]
    assert set(parameters) <= set(words), f"{name} does not describe {set(parameters) - set(words)}"


def test_no_option_is_without_an_effect() -> None:
    assert "workers" not in inspect.signature(api.status).parameters
    assert {"workers", "engine", "address", "cache"} <= set(inspect.signature(api.extract).parameters)


def test_doctor_prints_commands_below_its_table_where_they_are_whole(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor"], env={"AIM_WEIGHTS_DIR": str(tmp_path)})
    assert "Type:" not in done.stdout
    assert "weights i3d-kinetics400: Type: aqa weights fetch i3d-kinetics400" in done.stderr.splitlines()


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"aqa {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    program = "import sys; sys.argv[0] = 'aqa'; from pipeline.cli import main; main()"
    variables = {"_AQA_COMPLETE": f"complete_{shell}", "COMP_WORDS": "aqa ext", "COMP_CWORD": "1"}
    variables |= {"_TYPER_COMPLETE_ARGS": "aqa ext", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False, env=variables
    )
    assert "extract" in done.stdout, done.stderr
