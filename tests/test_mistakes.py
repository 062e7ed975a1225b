"""Commands that people mistype, each run for real: every answer says what to type next."""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from rich.console import Console

MISTAKES: tuple[tuple[str, str], ...] = (
    ("The folder is misspelt", "aqa extract vidoes/ --config folder"),
    ("The folder holds no video", "aqa extract photos/ --config folder"),
    ("No folder is named", "aqa extract --config folder"),
    ("A file is no video", "aqa extract broken/ --config folder --stages camera_flow --workers 0"),
    ("The command is misspelt", "aqa extrct videos/ --config folder"),
    ("An option is misspelt", "aqa extract videos/ --config folder --worker 2"),
    ("The preset is misspelt", "aqa extract videos/ --config foldr"),
    ("A setting without its section", "aqa extract videos/ --config folder --set stride=2"),
    ("A misspelt setting", "aqa extract videos/ --config folder --set pose.strid=2"),
    ("A value of the wrong kind", "aqa extract videos/ --config folder --set pose.stride=two"),
    ("A blank in place of =", "aqa extract videos/ --config folder --set pose.stride 2"),
    ("A stage is misspelt", "aqa status videos/ --config folder --stages poze"),
    ("The videos have no scores", "aqa train --config folder --set dataset.root=videos"),
    ("The table of scores is missing", "aqa train --config tasd2 --set dataset.root=videos"),
    ("A score is no number", "aqa train --config folder --set dataset.root=words"),
    ("The table names other videos", "aqa train --config folder --set dataset.root=renamed"),
    ("The preset of another data set", "aqa evaluate --config jigsaws --set dataset.root=videos"),
    ("Training before extracting", "aqa train --config folder --set dataset.root=scored"),
    ("Other settings than those of the extraction", "aqa train --config surgery.yaml --set timesteps.steps=5"),
    ("A protocol without its column", "aqa evaluate --config surgery.yaml --set protocol=fixed"),
    ("More folds than performances", "aqa evaluate --config surgery.yaml --set split.folds=9"),
    (
        "A pack of other settings",
        "aqa train --config folder --pack surgery.h5 --folds 0 --set train.networks=1 --set train.epochs=1",
    ),
    ("No model is named", "aqa score videos/"),
    ("The model is not there", "aqa score videos/ --model runs/mine"),
    ("A model of another data set, without its kinematics", "aqa score videos/ --model runs/surgery"),
    ("A report of a folder that is no run", "aqa report videos/"),
    ("The output cannot be written there", "aqa score videos/ --model runs/surgery --out videos"),
    ("Weights are misspelt", "aqa weights fetch i3d"),
    ("A folder that is no cache", "aqa cache rm --cache videos"),
)

PREPARED = (
    "aqa extract --config surgery.yaml",
    "aqa train --config surgery.yaml --folds 0 --out runs/surgery",
    "aqa pack --config surgery.yaml --out surgery.h5",
)
SURGERY = """name: surgery
stages: [timesteps]
cache: cache/surgery
dataset: {kind: jigsaws, root: JIGSAWS, tasks: [Suturing]}
timesteps: {primary: "kinematics:master", secondary: ["kinematics:slave"], scene: ""}
train: {networks: 1, epochs: 1}
combined: false
model: {width: 4}
work: {workers: 0}
"""
PLAIN: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "width": 110}


def prepare(folder: Path) -> None:
    """The folder in which the commands run."""
    from data.video import write_video
    from synthetic.tiny_jigsaws import make_jigsaws

    grey = [np.full((96, 128, 3), 90, np.uint8)] * 12
    for name in ("videos/a.mp4", "videos/b.mp4", "scored/a.mp4", "scored/b.mp4", "words/a.mp4", "renamed/a.mp4"):
        write_video(folder / name, grey, 25)
    texts = {
        "photos/a.jpg": "",
        "broken/a.mp4": "no video",
        "scored/scores.csv": "video,score\na.mp4,7.5\nb.mp4,6\n",
        "words/scores.csv": "video,score\na.mp4,seven\n",
        "renamed/scores.csv": "video,score\nA.mp4,7.5\n",
        "surgery.yaml": SURGERY,
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    make_jigsaws(folder / "JIGSAWS", trials=4, tasks=["Suturing"], rows=30, videos=False)


def run(command: str) -> tuple[int, str]:
    """Exit code and output of one command line, run in this process and in the working folder."""
    from pipeline.cli import cli_main

    written = io.StringIO()
    with (
        patch.object(sys, "argv", shlex.split(command)),
        redirect_stdout(written),
        redirect_stderr(written),
    ):
        try:
            cli_main.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, plain(written.getvalue())


def plain(text: str) -> str:
    """Output without colours, the frames of boxes, and blanks at the ends of lines."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    text = re.sub(
        r"^╭.*?\n(.*?)^╰.*?$", lambda box: re.sub("[│ ]*│$|^│ ", "", box[1], flags=re.M), text, flags=re.M | re.S
    )
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


@contextmanager
def prepared() -> Iterator[None]:
    """The working folder is one in which every command of the list fails."""
    from pipeline.cli import terminal

    consoles = {name: Console(stderr=name == "stderr", **PLAIN) for name in ("stdout", "stderr")}
    shown = patch.multiple(terminal, console=consoles.__getitem__, LINE_SECONDS=1e6)
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, COLUMNS=str(PLAIN["width"])), shown:
        prepare(Path(folder))
        before = os.getcwd()
        os.chdir(folder)
        try:
            for command in PREPARED:
                code, output = run(command)
                if code:
                    raise RuntimeError(f"{command}: {output}")
            yield
        finally:
            os.chdir(before)


@pytest.fixture(scope="module")
def folder() -> Iterator[None]:
    with prepared():
        yield


@pytest.mark.parametrize(("title", "command"), MISTAKES, ids=[title for title, _ in MISTAKES])
def test_a_mistyped_command_answers_what_to_type(folder: None, title: str, command: str) -> None:
    code, answer = run(command)
    assert code in {0, 1, 2}, answer
    assert "Traceback" not in answer
    assert re.search(r"-> |[Dd]id you mean|--help' for help|give the --config|[Nn]ame it with", answer), answer
