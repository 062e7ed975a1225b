"""Labels of ../shared/views: the joints of every person in every view, and how well the views agree on them.

    python -m benchmarks.pose.labels [--folder FOLDER] [--draw FOLDER]

prints the residuals and draws labelled frames.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.pose.multiview_detections import read_detections
from benchmarks.pose.triangulate import (
    Camera,
    Points,
    agree,
    match_people,
    name_sides,
    read_calibration,
    torso_of,
    triangulate,
)
from data.video import probe

SHARED = Path(os.environ.get("AIM_SHARED", Path(__file__).resolve().parents[3] / "shared"))
VIEWS = SHARED / "views"
GROUPS = {"one_person": 1, "two_people": 2}
"""Folders of ../shared/views and the people in the middle of them."""

CAMERAS = ("cam01", "cam02", "cam03", "cam04")
HELD_OUT = "cam04"
"""The held-out camera of each group, which is not used for tuning the stage."""

TOLERANCE = 0.25
"""Cameras agree on a joint where it is off by at most this part of a torso length in each of them."""

SMOOTH_S = 0.03
"""Standard deviation in seconds of the line fitted to a joint's trajectory in space."""

BONES = ((5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16))
"""Joints at both ends of the lines that are drawn."""

MATCH_PX = 60.0
"""Median pixels by which the detections of one person in several views may miss its joints."""


@dataclass(frozen=True)
class Labels:
    """Joints of one group.

    Attributes:
        points: (N, P, 17, 3) millimetres, NaN where unknown.
        pixels: (C, N, P, 17, 2) labels in every view, NaN where unknown.
        detections: (C, N, P, 17, 3) detections matched between the cameras, NaN where missing.
        others: (C, N, P, 17, 2) as `pixels`, but from the other cameras alone.
    """

    points: Points
    pixels: Points
    detections: Points
    others: Points

    def residuals(self) -> tuple[Points, Points]:
        """(C, N, P, 17) pixels between detections and labels: all cameras', and the other cameras'."""
        detected = self.detections[..., :2]
        return np.linalg.norm(self.pixels - detected, axis=-1), np.linalg.norm(self.others - detected, axis=-1)

    def torso(self) -> Points:
        """(C, 1, P) median torso length in pixels."""
        return np.asarray(np.nanmedian(torso_of(self.pixels), axis=1, keepdims=True))


def cameras_of() -> list[Camera]:
    """The calibrated cameras of `CAMERAS`."""
    cameras = read_calibration(VIEWS / "calibration.qca.txt")
    return [cameras[name] for name in CAMERAS]


def read_labels(folder: Path, group: str) -> Labels:
    """Labels of one group, kept in `folder` with the detections that they are made of."""
    stored = folder / f"labels_{group}.npz"
    if stored.is_file():
        with np.load(stored) as file:
            return Labels(**{name: file[name] for name in ("points", "pixels", "detections", "others")})
    detections = read_detections(folder, [VIEWS / group / f"{name}.mp4" for name in CAMERAS])
    times = probe(VIEWS / group / f"{CAMERAS[0]}.mp4")[1]
    labels = label(cameras_of(), np.stack(detections).astype(np.float64), GROUPS[group], times)
    np.savez(stored, **vars(labels))
    return labels


def label(cameras: Sequence[Camera], detections: Points, people: int, times: Points) -> Labels:
    """Labels from unmatched detections (C, N, P, 17, 3) of several cameras; the person who moves most comes first."""
    poses = name_sides(cameras, _linked(cameras, detections, people))
    moving = np.nanmean(np.nanstd(poses[..., :2], axis=1), axis=(0, 2, 3))
    poses = poses[:, :, np.argsort(-moving)]
    limit = TOLERANCE * np.nanmedian(torso_of(poses), axis=(1, 2))
    cameras = centred(cameras, poses, limit)
    points = smooth(agree(cameras, poses[..., :2], poses[..., 2], limit)[0], times)
    pixels = np.stack([camera.project(points) for camera in cameras])
    others = np.full(pixels.shape, np.nan)
    for row, camera in enumerate(cameras):
        rest = [other for other in range(len(cameras)) if other != row]
        few = [cameras[other] for other in rest]
        there = smooth(agree(few, poses[rest, ..., :2], poses[rest, ..., 2], limit[rest])[0], times)
        others[row] = camera.project(there)
    return Labels(points, pixels, poses, others)


def centred(cameras: Sequence[Camera], poses: Points, limit: Points, rounds: int = 6) -> list[Camera]:
    """The cameras with principal points corrected so that every view has no offset on average.

    In a view whose camera was moved after its calibration, or whose picture was cropped, all joints of all frames
    are off by the same few pixels. This constant is no error of the detections.
    """
    moved = list(cameras)
    for _ in range(rounds):
        points = agree(moved, poses[..., :2], poses[..., 2], 2 * limit)[0]
        for row, camera in enumerate(moved):
            shift = np.nanmedian((poses[row, ..., :2] - camera.project(points))[..., 5:, :], axis=(0, 1, 2))
            matrix = camera.matrix.copy()
            matrix[:2, 2] += shift
            moved[row] = replace(camera, matrix=matrix)
    return moved


def _linked(cameras: Sequence[Camera], detections: Points, people: int) -> Points:
    """(C, N, people, 17, 3) detections ordered by person, each person near to where it was in the frame before."""
    count, frames = detections.shape[:2]
    linked = np.full((count, frames, people, 17, 3), np.nan)
    places: list[Points] = []
    for frame in range(frames):
        matches = match_people(cameras, detections[:, frame], MATCH_PX)
        where = [_place(cameras, detections[:, frame], rows) for rows in matches]
        free = list(range(len(matches)))
        for person in range(people):
            if not free:
                break
            if person == len(places):
                places.append(where[free[0]])
            nearest = min(free, key=lambda number: float(np.linalg.norm(where[number] - places[person])))
            if np.linalg.norm(where[nearest] - places[person]) > 600:
                continue
            free.remove(nearest)
            places[person] = where[nearest]
            for camera, row in enumerate(matches[nearest]):
                if row is not None:
                    linked[camera, frame, person] = detections[camera, frame, row]
    return linked


def _place(cameras: Sequence[Camera], people: Points, rows: tuple[int | None, ...]) -> Points:
    """(3,) millimetres, middle of a matched person's torso."""
    views = [camera for camera, row in enumerate(rows) if row is not None]
    poses = np.stack([people[camera, rows[camera]] for camera in views])
    points = triangulate([cameras[camera] for camera in views], poses[..., :2], poses[..., 2])
    return np.asarray(np.median(points[[5, 6, 11, 12]], axis=0))


def smooth(points: Points, times: Points, width: float = SMOOTH_S) -> Points:
    """(N, ...) lines fitted locally over time, weighted by a Gaussian of `width` seconds; short gaps are filled."""
    finite = np.isfinite(points)
    value = np.nan_to_num(points)
    result = np.full(points.shape, np.nan)
    for frame, now in enumerate(times):
        shape = (-1, *[1] * (points.ndim - 1))
        weight = np.exp(-0.5 * ((times - now) / max(width, 1e-6)) ** 2).reshape(shape) * finite
        offset = (times - now).reshape(shape)
        total, first, second = (np.sum(weight * offset**power, axis=0) for power in (0, 1, 2))
        y, xy = np.sum(weight * value, axis=0), np.sum(weight * offset * value, axis=0)
        spread = np.maximum(second * total - first**2, 1e-12)
        near = finite[max(frame - 2, 0) : frame + 3].any(axis=0) & (total > 0.5)
        result[frame] = np.where(near, (second * y - first * xy) / spread, np.nan)
    return result


def residual_rows(labels: Labels) -> list[dict[str, float | str]]:
    """Median and 90 % of the residuals by camera, in pixels and in torso lengths of the limb joints."""
    rows: list[dict[str, float | str]] = []
    torso = labels.torso()[..., None]
    for number, name in enumerate(CAMERAS):
        row: dict[str, float | str] = {"camera": name}
        for kind, error in zip(("all", "others"), labels.residuals(), strict=True):
            px = error[number][..., 5:]
            part = px / torso[number]
            row |= {f"{kind}_px": float(np.nanmedian(px)), f"{kind}_torso": float(np.nanmedian(part))}
            row |= {f"{kind}_torso_90": float(np.nanpercentile(part, 90))}
        row["labelled"] = float(np.isfinite(labels.pixels[number, ..., 5:, 0]).mean())
        rows.append(row)
    return rows


def draw(labels: Labels, group: str, folder: Path, frames: Sequence[int] = (5, 35, 65, 95)) -> None:
    """Write pictures of some frames of every view with the labels on them."""
    import cv2

    from data.video import decode

    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(CAMERAS):
        shown = []
        for frame in decode(VIEWS / group / f"{name}.mp4", list(frames)):
            image = frame.image.copy()
            for pose in labels.pixels[number, frame.index]:
                for a, b in BONES:
                    if np.isfinite(pose[[a, b]]).all():
                        colour = (255, 60, 60) if a % 2 else (60, 255, 60)
                        start, end = (tuple(int(v) for v in pose[joint]) for joint in (a, b))
                        cv2.line(image, start, end, colour, 4)
            shown.append(cv2.resize(image[:, :1080], None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA))
        cv2.imwrite(str(folder / f"{group}_{name}.png"), np.hstack(shown)[..., ::-1])


def main() -> None:
    """Print residuals; draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--draw", type=Path)
    given = parser.parse_args()
    for group in GROUPS:
        labels = read_labels(given.folder, group)
        rows = residual_rows(labels)
        table = Table(*rows[0], title=group)
        for row in rows:
            table.add_row(*[value if isinstance(value, str) else f"{value:.3f}" for value in row.values()])
        Console(width=140).print(table)
        if given.draw:
            draw(labels, group, given.draw)


if __name__ == "__main__":
    main()
