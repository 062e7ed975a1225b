"""The README's Python example runs as a script, word for word: extraction in two processes, training, scores, page."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml

from data.video import write_video

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = {
    "stages": ["timesteps"],
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


def test_the_example_runs_as_a_script(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "example.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{block}")
    (tmp_path / "folder").write_text(yaml.safe_dump(SETTINGS))
    for number in range(8):
        write_performance(tmp_path / f"videos/{number}.mp4", number)
    for number in range(2):
        write_performance(tmp_path / f"new/{number}.mp4", 8 + number)
    with (tmp_path / "videos/scores.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("video", "score"), *((f"{n}.mp4", 5 + 3 * n) for n in range(8))])
    done = subprocess.run([sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["0.mp4", "1.mp4"]
    assert (tmp_path / "page.html").is_file()
