"""Error of phases transferred by alignment, on the Parkour videos, whose force plates measured contacts.

    python -m benchmarks.phases [--half even|odd] [--poses FOLDER] [--out FILE]

`REAL_PEOPLE` is the folder with `parkour/` (as for `benchmarks.pose`). Edges are starts and ends of contact:

- kv, kong vault: the hands touch the box, and leave it.
- sv, safety vault: a hand touches the box, a foot steps on it, the foot leaves it, the hand leaves it.
- pu, pull-up: the left foot takes off, touches the wall; the hands touch the bar; the foot leaves the wall.
- mu, muscle-up: the hands touch the bar, the last foot leaves the wall.

Each video is left out in turn, and its edges come from the other videos of its technique: by alignment, by the mean
fraction of time, and as equal fractions. Edges outside the video are skipped. `--half even` uses only the even numbers,
for choosing settings; `--half odd` measures the odd ones once, with all others as references.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.measuring import options, show, write
from benchmarks.pose import FILES, PARKOUR_RATE, PEOPLE, Clip
from data.store.arrays import Array, StageOutput
from data.store.restricted_pickle import load_plain
from data.video import Phase
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from extractors.timesteps.pose_channels import pose_channels
from extractors.timesteps.pose_points import PoseSettings
from pipeline.phases.carried_phases import PhaseReferences, Signal

CUT = 3  # frames at the end of the measurements that the videos lack
TOUCHING = 2  # frames; a contact continues over a shorter pause
WAYS = ("alignment", "mean share", "equal shares")
NAMES = ("before", "1", "2", "3", "4")


def contacts(touching: np.ndarray) -> list[tuple[int, int]]:
    """First frame of each contact, and the first frame after it."""
    made: list[tuple[int, int]] = []
    for start, end in np.flatnonzero(np.diff(np.r_[0, touching.astype(int), 0])).reshape(-1, 2).tolist():
        joined = made and start - made[-1][1] <= TOUCHING
        made[-1:] = [(made[-1][0], end)] if joined else [*made[-1:], (start, end)]
    return made


def edges_of(technique: str, forces: np.ndarray) -> list[int]:
    """Frames of a technique's edges from (frame, limb, 6) forces: left foot, right foot, left hand, right hand."""
    touching = np.linalg.norm(forces[..., :3], axis=-1) > 0
    hands = max(contacts(touching[:, 2] | touching[:, 3]), key=lambda ends: ends[1] - ends[0])
    left, right, feet = (contacts(one) for one in (touching[:, 0], touching[:, 1], touching[:, :2].any(axis=1)))
    if technique == "kv":
        return [*hands]
    if technique == "sv":
        steps = [(start, end) for start, end in left + right if hands[0] < start and end <= hands[1]]
        step = max(steps, key=lambda ends: ends[1] - ends[0], default=(0, 0))
        return [hands[0], *step, hands[1]]
    if technique == "mu":
        return [hands[0], feet[-1][1] if feet else 0]
    return [left[0][1], left[1][0], hands[0], left[1][1]]


def pose_of(video: Path, kept: Path) -> StageOutput:
    """The output of the pose stage, cached in a file."""
    file = kept / f"{video.stem}.npz"
    if not file.is_file():
        output = Pose(PoseConfig(agents=1), FILES).extract(Clip(video, rate=PARKOUR_RATE))
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {n: output.arrays[n].values for n in ("time", "keypoints", "cuts", "filled")}
        np.savez(file, **arrays)
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in ("time", "keypoints", "cuts", "filled")}
    return StageOutput({n: Array(v, tuple(f"axis {axis}" for axis in range(v.ndim)), "") for n, v in arrays.items()})


def marked(video: Path, forces: np.ndarray, kept: Path) -> tuple[Signal, list[Phase], list[float]]:
    """The signal, the phases between edges inside the video, and all edges in seconds (NaN: outside)."""
    channels = pose_channels(pose_of(video, kept), [0], PoseSettings())[0]
    end = len(forces) / PARKOUR_RATE
    edges = [frame / PARKOUR_RATE if 0 < frame < len(forces) else np.nan for frame in edges_of(video.stem[:2], forces)]
    starts = [0.0, *edges]
    inside = [(name, start) for name, start in zip(NAMES, starts, strict=False) if np.isfinite(start)]
    stops = [*(start for _, start in inside[1:]), end]
    phases = [Phase(name, start, stop) for (name, start), stop in zip(inside, stops, strict=True) if stop > start]
    return Signal.of(channels), phases, edges


def errors(half: str, kept: Path) -> list[dict[str, Any]]:
    """One row per edge: the video, the edge, and the error of each method in frames."""
    path = PEOPLE / "parkour" / "gt_motion_forces" / "contact_forces_local.pkl"
    content = load_plain(path.read_bytes(), path)
    names, odd = sorted(content), half == "odd"
    used = names if odd else names[::2]
    forces = {name: np.asarray(content[name]["contact_forces_local"], dtype=np.float64)[:-CUT] for name in used}
    videos = {n: marked(PEOPLE / "parkour" / "videos" / f"{n}.mp4", forces[n], kept) for n in used}
    rows = []
    for name in names[odd::2]:
        query, _, edges = videos[name]
        others = [videos[one] for one in used if one[:2] == name[:2] and one != name]
        carried = PhaseReferences.fit(NAMES, [(one, phases) for one, phases, _ in others]).carry(query)
        starts = {phase.name: phase.start for phase in carried.phases}
        for number, edge in enumerate(edges):
            shares = [seconds[number] / one.end for one, _, seconds in others if np.isfinite(seconds[number])]
            if not np.isfinite(edge) or not shares:
                continue
            mean, equal = (share * query.end for share in (np.mean(shares), (number + 1) / (len(edges) + 1)))
            by = dict(zip(WAYS, (starts.get(NAMES[number + 1], mean), mean, equal), strict=True))
            spread = dict(zip((phase.name for phase in carried.phases), carried.range_s, strict=False))
            rows.append(
                {"video": name, "edge": number + 1, "spread": PARKOUR_RATE * spread.get(NAMES[number + 1], np.nan)}
                | {way: float(PARKOUR_RATE * abs(place - edge)) for way, place in by.items()}
            )
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean error of each method, and the rank correlation of the alignment's error with its stated uncertainty."""
    ranks = spearmanr([row["spread"] for row in rows], [row["alignment"] for row in rows], nan_policy="omit")
    means = {way: float(np.mean([row[way] for row in rows])) for way in WAYS}
    return {"edges": len(rows), **means, "uncertainty": float(ranks.statistic)}


def main() -> None:
    """Print the errors by technique and write JSON."""
    parser = options(__doc__, "phases.json")
    parser.add_argument("--half", choices=("even", "odd"), default="even")
    parser.add_argument("--poses", type=Path, default=Path("runs/benchmarks/parkour-poses"), help="kept poses")
    given = parser.parse_args()
    rows = errors(given.half, given.poses)
    groups = {"all": rows} | {k: [r for r in rows if r["video"].startswith(k)] for k in ("kv", "sv", "pu", "mu")}
    results = [{"technique": name, **summary(some)} for name, some in groups.items() if some]
    show(f"mean error in frames ({given.half} numbers)", results)
    write(given.out, {"half": given.half, "rows": rows, "summary": results})


if __name__ == "__main__":
    main()
