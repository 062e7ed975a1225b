"""Error of the metres that `pack --format trc --height` gives, on a person in four calibrated cameras.

    python -m benchmarks.metres [--out FILE]

Needs ../shared/views (`AIM_SHARED`). The person's height follows from the joints in space, by the share that the
program uses. So an error is one of the single camera: perspective, leaning, the pose network. Whether the share fits a
person is not tested. `scale_error` compares with the median metres a pixel at the hips; `box_error` is what the
height of the box around the joints would give, as its median over the frames.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.pose import SHARED, Clip, Points, calibration, keypoints_of, triangulated
from data.weights import fetch
from extractors.keypoint_geometry import boxes_of
from extractors.pose.config import PoseConfig
from pipeline.pack.motion_formats import CHAIN_OF_HEIGHT, length_of_unit


def chain_in_space(world: Points) -> float:
    """Median metres of the body's chain of (frame, 17, 3) in mm, with the mean of both legs."""

    def length(*joints: list[int]) -> Points:
        places = [world[:, one].mean(axis=1) for one in joints]
        return np.asarray(sum(np.linalg.norm(a - b, axis=1) for a, b in pairwise(places)))

    legs = [length([5, 6], [11, 12])] + [0.5 * length([11 + k], [13 + k], [15 + k]) for k in (0, 1)]
    return float(np.median(np.sum(legs, axis=0))) / 1000


def main() -> None:
    """Measure every camera, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/metres.json"))
    given = parser.parse_args()
    fetch("movenet-multipose")
    cameras = calibration(SHARED / "views" / "calibration.qca.txt")
    clips = [Clip(path) for path in sorted((SHARED / "views" / "one_person").glob("*.mp4"))]
    found = [keypoints_of(clip, PoseConfig().views)[0][:, 0] for clip in clips]
    poses = np.stack([one[: min(map(len, found))] for one in found])
    world = triangulated(cameras, poses)
    height = chain_in_space(world) / CHAIN_OF_HEIGHT
    results: dict[str, object] = {"height_m": round(height, 3)}
    for number, (camera, keypoints) in enumerate(zip(cameras, poses, strict=True), start=1):
        depth = ((world[:, [11, 12]].mean(axis=1) - camera.position) @ camera.rotation.T)[:, 2]
        pixels_per_m = float(1000 * camera.matrix[0, 0] / np.median(depth))
        boxes = boxes_of(keypoints)
        estimates = {
            "scale_error": length_of_unit(keypoints, height)[0],
            "box_error": float(np.median(boxes[:, 3] - boxes[:, 1])) / height,
        }
        results[f"camera {number}"] = {name: round(pixels_per_m / p - 1, 4) for name, p in estimates.items()}
    text = json.dumps(results, indent=1)
    print(text)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
