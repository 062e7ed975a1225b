"""The README's Python example runs as a plain script, without a guard for child processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import AimError
from data.weights import REGISTRY, fetch
from synthetic.dives import render_dives

ROOT = Path(__file__).resolve().parent.parent
TRAINED, NEW = 6, 1


@pytest.mark.weights
@pytest.mark.slow
def test_the_python_example_runs_as_a_script(tmp_path: Path) -> None:
    for name in REGISTRY:
        try:
            fetch(name)
        except AimError as error:
            pytest.skip(f"weights cannot be had here: {error}")
    (example,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert "__main__" not in example
    lines = ["video,score"]
    for number, dive in enumerate(render_dives(tmp_path / "dives", TRAINED + NEW, seed=5, frames=16)):
        video = tmp_path / "dives" / dive.video
        target = tmp_path / ("videos" if number < TRAINED else "new") / video.name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(video, target)
        lines += [f"{video.name},{dive.scores.final}"] if number < TRAINED else []
    (tmp_path / "videos/scores.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "example.py").write_text(example, "utf-8")
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stdout.splitlines()
    assert re.match(rf"{video.name} \d+\.\d+ Interval", line), line
    assert (tmp_path / "page.html").is_file()
