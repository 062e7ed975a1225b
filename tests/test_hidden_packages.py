"""A user's own models.py or data.py beside a script: the program says which file hides what, and what to rename."""

import os
import subprocess
import sys

import pytest

from tests.helpers.checkout import ROOT

SCRIPT = "from pipeline.api import extract\n"
COMMAND = "import sys\nfrom run_pipeline import main\nsys.exit(main())\n"
"""What pip writes for `aqa`."""


def started(folder, name, text):
    """Run a Python file of this folder, whose modules come before ours."""
    (folder / name).write_text(text)
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    command = [sys.executable, str(folder / name), "--version"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


@pytest.mark.parametrize(("file", "other"), [("models.py", "my_models.py"), ("data/__init__.py", "my_data")])
def test_a_file_that_hides_a_package_is_named_with_a_name_for_it(tmp_path, file, other):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    package = file.partition("/")[0]
    name = package.removesuffix(".py")
    said = f"{tmp_path / package} hides the package '{name}' of this program: rename it, for example to {other}"
    script = started(tmp_path, "script.py", SCRIPT)
    assert script.returncode == 1
    assert script.stderr.rstrip().endswith(f"ImportError: {said}")
    command = started(tmp_path, "aqa", COMMAND)
    assert (command.returncode, command.stderr) == (2, f"error: {said}\n")


def test_a_file_that_hides_the_whole_program_is_named_by_the_command(tmp_path):
    (tmp_path / "pipeline.py").touch()
    command = started(tmp_path, "aqa", COMMAND)
    assert command.returncode == 1
    assert command.stderr == (
        f"error: {tmp_path / 'pipeline.py'} hides the package 'pipeline' of this program\n  -> Rename it\n"
    )


def test_other_files_and_folders_of_data_hide_nothing(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/scores.csv").touch()
    (tmp_path / "analysis.py").touch()
    assert started(tmp_path, "script.py", SCRIPT).returncode == 0
    assert started(tmp_path, "aqa", COMMAND).stdout.startswith("aqa ")
