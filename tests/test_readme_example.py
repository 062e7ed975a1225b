"""The README's Python example runs as a script, word for word: extraction in two processes, training, scores, page."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import yaml

from data.video import write_video
from tests.helpers.checkout import ROOT

SETTINGS = {
    "stages": ["timesteps"],
    "times_difficulty": True,
    "pose": {"backend": "import", "agents": 1},
    "timesteps": {"steps": 4, "primary": "pose:0", "secondary": ["camera_flow"], "scene": ""},
    "train": {"networks": 2, "epochs": 4},
    "model": {"width": 4, "regression_width": 4},
}
"""Cheap stages, written into a file `folder`, which is read in place of the preset of that name."""


def write_performance(path, number, frames=10):
    """A small video of a texture that moves, with a keypoint file of one person beside it."""
    rng = np.random.default_rng(number)
    picture = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)
    write_video(path, (np.roll(picture, (number + 1) * i, axis=1) for i in range(frames)), 25)
    body = np.concatenate([rng.uniform(20, 70, (17, 2)), np.full((17, 1), 0.8)], axis=1)
    people = [
        {
            "image_id": frame,
            "category_id": 1,
            "score": 0.9,
            "keypoints": (body + np.array([number * frame / 4, rng.uniform(0, 2), 0])).ravel().tolist(),
        }
        for frame in range(frames)
    ]
    path.with_suffix(".json").write_text(json.dumps(people))


BEFORE = """
from pipeline.api import extract, report, train

extract("videos/", config="folder", workers=2)
train("videos/", config="folder", out="demo/model")
"""
AFTER = """
report("demo/model", "demo/dives/videos", out="page.html")
"""


def test_the_example_runs_as_a_script(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "example.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{BEFORE}{block}{AFTER}")
    (tmp_path / "folder").write_text(yaml.safe_dump(SETTINGS))
    for number in range(12):
        write_performance(tmp_path / f"videos/{number}.mp4", number)
    write_performance(tmp_path / "demo/dives/videos/dive_007.mp4", 4, frames=11)
    with (tmp_path / "videos/scores.csv").open("w", newline="") as stream:
        rows = [
            ("video", "score", "difficulty"),
            *((f"{n}.mp4", (5 + 3 * n) * (2 + n % 3), 2 + n % 3) for n in range(12)),
        ]
        csv.writer(stream).writerows(rows)
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.fullmatch(r"\d+, 8 of 10 times within \d+ to \d+\n\[(-?\d+\.\d(, )?){4}\] \[.*\]\n", done.stdout)
    assert (tmp_path / "page.html").is_file()
