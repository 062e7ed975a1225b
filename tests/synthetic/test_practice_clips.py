"""Practice clips: listed as own videos, with the same bytes each time, and answers of synthetic raters."""

import shutil
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from synthetic import __main__ as command
from synthetic import practice_clips


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The clips that the command makes: small files in place of films, which test_dives.py renders."""

    def write_file(dive, path, options):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{dive.scores} {options}")

    made = tmp_path_factory.mktemp("practice")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(practice_clips, "write_film", write_file)
        printed = printed_by("clips", str(made))
    assert printed == [f"{made}/videos: 12 clips of one diver each", f"{made}/new: 6 further clips"]
    return made


def printed_by(*words):
    """The lines that `python -m synthetic` prints."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed:
        patch.setattr("sys.argv", ["synthetic", *words])
        command.main()
    return printed.getvalue().splitlines()


def test_commands_name_the_next_one(folder, tmp_path, monkeypatch, capsys):
    videos = Path(shutil.copytree(folder / "videos", tmp_path / "videos"))
    assert printed_by("answers", str(videos)) == [f"{videos}/ratings: 84 answers of the synthetic raters eva and finn"]
    made = str(tmp_path / "JIGSAWS")
    printed = printed_by("jigsaws", made, "--kinematics-only", "--count", "1")
    assert printed == [made, f"evaluate it: aqa evaluate {made} --config jigsaws"]
    with pytest.raises(SystemExit):
        printed_by("answers", str(tmp_path))
    assert "python -m synthetic clips ." in capsys.readouterr().err
