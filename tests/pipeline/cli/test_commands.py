"""Every command is one call of `pipeline.api`, with the same name, words and help, which are approved."""

import inspect
import json
import subprocess
import sys

import typer
from typer.testing import CliRunner

from pipeline import __version__, api
from pipeline.cli import app
from pipeline.cli.command import METAVARS
from pipeline.pack.pack_formats import FORMATS
from tests.helpers.checkout import ROOT
from tests.helpers.scripts import load_script


def leaves(group, prefix=""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{name}_")
        elif not command.hidden:
            yield f"{prefix}{name}", command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def test_every_command_has_a_call_and_the_other_way_round():
    functions = {name: thing for name, thing in vars(api).items() if inspect.isfunction(thing)}
    assert set(COMMANDS) == set(functions) == set(api.__all__)


def test_the_words_of_commands_are_approved(snapshot):
    made = load_script(ROOT / "docs/generated.py")
    assert made.commands() + made.sections("features") + made.sections("scores") == snapshot
    assert METAVARS["format"] == "|".join(FORMATS)


def test_help_names_an_example_and_flags_take_no_value():
    for words in (["extract"], ["cache"], []):
        shown = CliRunner().invoke(app, [*words, "--help"]).output
        assert ("Usage:" in shown, "Example: aqa" in shown, "<bool>" in shown) == (True, words == ["extract"], False)


def test_doctor_prints_commands_below_its_table_where_they_are_whole(tmp_path):
    done = CliRunner().invoke(app, ["doctor"], env={"AIM_WEIGHTS_DIR": str(tmp_path)})
    assert "Type:" not in done.stdout
    assert "weights i3d-kinetics400: Type: aqa weights fetch i3d-kinetics400" in done.stderr.splitlines()


def test_the_version_is_printed():
    assert CliRunner().invoke(app, ["--version"]).output == f"aqa {__version__}\n"


def test_a_shell_completes_commands():
    program = "import sys; sys.argv[0] = 'aqa'; from pipeline.cli import main; main()"
    variables = {"_AQA_COMPLETE": "complete_bash", "COMP_WORDS": "aqa ext", "COMP_CWORD": "1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, env=variables)
    assert "extract" in done.stdout, done.stderr


def test_a_wrong_call_prints_json_and_a_width_of_zero_prints_all(aqa):
    for words, what in ((("status", "nowhere"), "no such file or folder"), (("status", "--of"), "standard error says")):
        done = aqa(*words, "--json")
        assert (done.returncode, what in json.loads(done.stdout)["error"]["what"]) == (2, True)
    assert "weights i3d" in aqa("doctor", COLUMNS="0").stdout
