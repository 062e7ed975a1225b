"""docs/extend.md as typed: a stage, a data set and a system from an empty folder, with the installed program."""

import os
import re
import subprocess
import sys

from tests.helpers.checkout import ROOT

SECTION = re.compile(r"^## A stage, a data set and a system of your own\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"(?:`([\w./]+)`:\n\n)?```(\w*)\n(.*?)```\n", re.DOTALL)
PROGRAM = "import sys\nsys.path.append({root!r})\nfrom pipeline.cli import main\nmain()\n"


def test_the_page_works_as_typed(tmp_path):
    """The working folder is on the path of no Python, as after an installation; the checkout stands for it."""
    (section,) = SECTION.findall((ROOT / "docs/extend.md").read_text("utf-8"))
    tools, place = tmp_path / "bin", tmp_path / "lab"
    for folder in (tools, place):
        folder.mkdir()
    for name, content in (("aqa", PROGRAM.format(root=str(ROOT))), ("python", None)):
        code = f"#!{sys.executable}\n{content}" if content else f'#!/bin/sh\nexec {sys.executable} "$@"\n'
        (tools / name).write_text(code)
        (tools / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "AIM_WEIGHTS_DIR": str(tmp_path)}
    printed = ""
    for name, language, text in BLOCK.findall(section):
        assert bool(name) == bool(language), "a block is a file or commands"
        if name:
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(text)
            continue
        for line in text.splitlines():
            path = {"PYTHONPATH": str(ROOT)} if line.startswith("python") else {"PYTHONPATH": ""}
            done = subprocess.run(
                ["sh", "-c", line], cwd=place, env={**environment, **path}, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            printed += f"$ {line}\n{done.stdout}{done.stderr}"
    assert f"note: mylab.net:Net is {place / 'mylab/net.py'}" in printed
    assert re.search(r"^Net Estimate\(", printed, re.MULTILINE)
    assert "mylab.net:Net" in (place / "runs/net/results.json").read_text()
    (place / "mylab").rename(place / "elsewhere")
    line = "aqa score skating/videos/0.mp4 --model runs/mine --set 'stages=[mylab.brightness:Brightness]'"
    for words, said in ((line, "cannot be imported"), (line.partition(" --set")[0], "code from outside this program")):
        done = subprocess.run(
            ["sh", "-c", words], cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, said in done.stderr, "\n  -> " in done.stderr) == (2, True, True), done.stderr
