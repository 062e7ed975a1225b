"""A JIGSAWS set in the official layout, with its traps: CRLF, empty columns, more frames than rows, crossed slaves.

Each hand of the surgeon is a leader with seven latent channels (position, turning, gripper), and its instrument is the
follower (`synthetic.planted_relation`). The six items of the rating depend on how closely it follows.
Names are those of the official scored trials, so that every protocol works.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from data.datasets.jigsaws import TASKS
from data.datasets.jigsaws_kinematics import RATE_HZ
from data.splits import JIGSAWS_4FOLD
from data.store import write_text
from data.store.arrays import Floats
from synthetic.planted_relation import Relation, follow
from synthetic.tiny_datasets import draw_spots, write_avi

LATENT = 7  # latent channels of one tool: position (3), turning vector (3), gripper (1)

LEVELS = {"D": "E", "E": "E", "C": "I", "F": "I"}
"""Self-proclaimed level by surgeon; the others are novices, as in the official meta files."""


def make_jigsaws(
    root: Path,
    *,
    trials: int | None = 12,
    tasks: Sequence[str] = TASKS,
    rows: int = 90,
    seed: int = 0,
    videos: bool = True,
) -> Path:
    """A JIGSAWS copy; returns `root`.

    Besides scored trials, it has an empty, unscored kinematics file (Knot_Tying_H002) and transcriptions. `trials` of
    each task are spread over the four folds; None makes all 103. Each has about `rows` kinematics rows.
    """
    relation = Relation.draw(2 * LATENT, seed)
    for task in tasks:
        lines = []
        for trial in official_trials(task)[:trials]:
            rng = np.random.default_rng([seed, TASKS.index(task), *trial.encode()])
            items = _rate(rng, trial[-4], seed)
            quality = (sum(items) - 6) / 24
            length = rows + int(rng.integers(0, rows // 3 + 1))
            tools = _tools(*follow(rng, relation, quality, length, RATE_HZ))
            _write_trial(root / task, trial, tools)
            if videos:
                _write_views(root / task / "video", trial, tools, int(rng.integers(2, 21)))
            level = LEVELS.get(trial[-4], "N")
            lines.append("\t".join([trial, "", level, str(sum(items)), "", *map(str, items)]))
        end = "\n" if task == "Suturing" else "\r\n"
        write_text(root / task / f"meta_file_{task}.txt", end.join(sorted(lines)) + end)
    if "Knot_Tying" in tasks:
        write_text(root / "Knot_Tying" / "kinematics" / "AllGestures" / "Knot_Tying_H002.txt", "")
    return root


def official_trials(task: str) -> list[str]:
    """The scored trials of a task, one of each fold in turn."""
    folds = json.loads(JIGSAWS_4FOLD.read_text(encoding="utf-8"))["folds"][task]
    return [trial for trial in chain.from_iterable(zip_longest(*folds)) if trial is not None]


def _rate(rng: np.random.Generator, surgeon: str, seed: int) -> list[int]:
    """Six items from 1 to 5 around the surgeon's skill, with random variation per trial."""
    skill = np.random.default_rng([seed, ord(surgeon)]).uniform(0.2, 0.8)
    quality = np.clip(skill + rng.uniform(-0.35, 0.35), 0, 1)
    return [int(np.clip(round(1 + 4 * quality + rng.normal(0, 0.4)), 1, 5)) for _ in range(6)]


def _tools(leader: Floats, follower: Floats) -> Floats:
    """(row, 76) in file order: left and right master, then the right master's slave and the left one's."""
    blocks = [_block(signal[:, part]) for signal in (leader, follower) for part in (slice(LATENT), slice(LATENT, None))]
    master_left, master_right, slave_of_left, slave_of_right = blocks
    return np.concatenate([master_left, master_right, slave_of_right, slave_of_left], axis=1)


def _block(latent: Floats) -> Floats:
    """The 19 columns of a tool from its (row, 7) latent channels."""
    position, turn, gripper = 0.03 * latent[:, :3], 0.4 * latent[:, 3:6], 0.5 + 0.2 * latent[:, 6:]
    velocity = np.gradient(position, axis=0) * RATE_HZ
    turning = np.gradient(turn, axis=0) * RATE_HZ
    matrices = Rotation.from_rotvec(turn).as_matrix().reshape(-1, 9)
    return np.concatenate([position, matrices, velocity, turning, gripper], axis=1)


def _write_trial(folder: Path, trial: str, tools: Floats) -> None:
    text = "".join("  " + "   ".join(f"{value: .6f}" for value in row) + " \n" for row in tools)
    write_text(folder / "kinematics" / "AllGestures" / f"{trial}.txt", text)
    half = len(tools) // 2
    write_text(folder / "transcriptions" / f"{trial}.txt", f"1 {half} G1 \n{half + 1} {len(tools)} G2 \n")


def _write_views(folder: Path, trial: str, tools: Floats, extra: int) -> None:
    """Two views of the two instruments, with `extra` frames more than there are rows."""
    slaves = np.stack([tools[:, 57:59], tools[:, 38:40]], axis=1) * 4
    longer = np.concatenate([slaves, np.repeat(slaves[-1:], extra, axis=0)])
    spots = longer + np.array([[-0.1, 0.0], [0.1, 0.0]])
    for view, shift in (("capture1", -0.02), ("capture2", 0.02)):
        camera = np.tile([shift, 0.0], (len(spots), 1))
        write_avi(folder / f"{trial}_{view}.avi", draw_spots(spots, camera, ord(trial[0])), RATE_HZ)
