"""Accuracy of the pose stage on real people, by the maximum number of views per frame; one row per setting.

    python -m benchmarks.pose [--half even|odd|all] [--views 1 2 3 4] [--pictures 120] [--workers 2] [--out FILE]

Parts (`--parts`), each skipped if its files are missing:

- `photographs`: Leeds Sports Pose, extended; `REAL_PEOPLE` is the folder with `lspet/`. Share of the twelve limb joints
  within half a torso of the label, by the direction of the trunk. The body nearest to the label counts.
- `parkour`: the Parkour videos; `REAL_PEOPLE` has `parkour/`. Joints within half a torso of the motion capture,
  projected by a fitted camera, and frames in which the athlete is detected.
- `cameras`: ../shared/views. Joints of one camera within half a torso of the point that the other three cameras give.
  Identity switches of the two people who cross.
- `athlete`: ../shared/clips/one_person_sports2d.mp4 in ten cuts and sizes. Share of frames in which the agent is the
  athlete, who somersaults, not the passer-by.

Even numbers (pictures, videos, cameras) are for choosing settings, odd ones for one check at the end. `AIM_SHARED`
names the folder ../shared; its default is the one beside this checkout.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.optimize import least_squares

from benchmarks.measuring import options, show, write
from data.errors import DataError
from data.stage_files import StageFiles
from data.store.arrays import StageOutput
from data.store.restricted_pickle import load_plain
from data.video.decoder import Frame, RetimedVideo, VideoInfo, decode, probe
from data.video.records import Record
from data.weights import fetch
from extractors.base import Content
from extractors.pose.backends import PoseBackend, load_backend
from extractors.pose.config import PoseConfig
from extractors.pose.shot_people import People
from extractors.pose.stage import Pose
from extractors.pose.views import Views

FILES = StageFiles()

Points = NDArray[np.float64]

SHARED = Path(os.environ.get("AIM_SHARED", Path(__file__).parents[2] / "shared"))
PEOPLE = Path(os.environ.get("REAL_PEOPLE", "real_people"))

LIMBS = np.arange(5, 17)  # shoulders, elbows, wrists, hips, knees, ankles

LEEDS = [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9]
"""COCO joint of each of the first twelve joints of Leeds Sports Pose; then neck and top of the head."""

PARKOUR = [11, 13, 15, -1, 12, 14, 16, -1, 5, 7, 9, -1, 6, 8, 10, -1]
"""COCO joint of each of the sixteen joints of Parkour-dataset; -1 for toes and fingers."""

PARKOUR_RATE = 25.0  # real frames per second; the containers state 10

CUTS = ((5.2, 7.7, 640), (5.2, 7.7, 480), (5.2, 7.7, 320), (5.2, 7.7, 960), (0.0, 8.0, 640), (0.0, 8.0, 480),
        (0.0, 3.0, 640), (0.0, 3.0, 320), (3.0, 6.5, 640), (4.0, 8.0, 480))  # fmt: skip
"""First and last second, and width in pixels, of the cuts of the part `athlete`."""

ATHLETE = (
    (0, 0.366, 0.25), (60, 0.355, 0.24), (100, 0.366, 0.27), (130, 0.43, 0.26), (150, 0.44, 0.25), (160, 0.466, 0.28),
    (172, 0.51, 0.26), (176, 0.527, 0.26), (184, 0.59, 0.48), (188, 0.598, 0.60), (192, 0.62, 0.74),
    (200, 0.645, 0.81), (204, 0.68, 0.775), (212, 0.742, 0.75), (216, 0.78, 0.75), (225, 0.87, 0.70),
)  # fmt: skip
"""Frame, and the middle of the athlete in widths and heights of the picture; marked by hand, interpolated between."""

PASSER_BY = (
    (36, 0.89, 0.76), (60, 0.79, 0.745), (90, 0.636, 0.73), (110, 0.532, 0.71), (130, 0.416, 0.72), (150, 0.298, 0.73),
    (168, 0.199, 0.73), (180, 0.123, 0.74), (192, 0.047, 0.74), (200, 0.015, 0.74),
)  # fmt: skip


class Clip:
    """A video or some of its frames, optionally reduced to a width, as a stage's source."""

    def __init__(
        self, path: Path, first: float = 0.0, last: float = np.inf, width: int = 0, rate: float | None = None
    ) -> None:
        info, times = probe(path if rate is None else RetimedVideo(path, rate))
        self.indices = np.flatnonzero((times >= first) & (times <= last))
        self.path, self.times = path, times[self.indices] - times[self.indices[0]]
        height = round(info.height * width / info.width) if width else info.height
        self.info = VideoInfo(width or info.width, height)
        self.record = Record(path.name, path)
        self.upstream: dict[str, StageOutput] = {}

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        """As `extractors.base.Source` says."""
        wanted = list(range(len(self.times)) if indices is None else indices)
        for position, frame in zip(wanted, decode(self.path, self.indices[wanted]), strict=True):
            size, image = (self.info.width, self.info.height), frame.image
            if size != image.shape[1::-1]:
                image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            yield Frame(position, float(self.times[position]), image)

    def opened(self, kind: str, reader: Callable[[Path], Content]) -> Content:
        """As `extractors.base.Source` says; a clip has no file beside the video."""
        raise DataError(f"no {kind} file belongs to a clip", where=self.path)


def poses_of(clip: Clip, views: int, agents: int = 1) -> tuple[Points, float]:
    """(N, agents, 17, 3) joints of a clip as the stage stores them, and the mean number of views of a frame."""
    output = Pose(PoseConfig(agents=agents, views=views), FILES).extract(clip)
    return output.arrays["keypoints"].values.astype(np.float64), float(str(output.quality["views"]))


def torso_of(joints: Points) -> Points:
    """(...,) pixels from the middle of the hips to the middle of the shoulders of (..., 17, 2 or more)."""
    middle = joints[..., [5, 6], :2].mean(axis=-2) - joints[..., [11, 12], :2].mean(axis=-2)
    return np.asarray(np.linalg.norm(middle, axis=-1))


def torso_distances(joints: Points, truth: Points) -> Points:
    """(..., 17) distance of joints (..., 17, 2 or more) from the truth in torsos; infinite where one is missing.

    The torso is the frame's, and at least half of the median (seen from above it is short).
    """
    torso = torso_of(truth)
    torso = np.fmax(torso, 0.5 * np.nanmedian(torso))
    part = np.linalg.norm(joints[..., :2] - truth[..., :2], axis=-1) / torso[..., None]
    return np.where(np.isfinite(truth[..., 0]), np.nan_to_num(part, nan=np.inf), np.nan)


def share_near(part: Points, limit: float = 0.5) -> float:
    """Share of labelled joints within `limit` torsos."""
    return float((part < limit)[np.isfinite(part) | np.isinf(part)].mean())


# Photographs


def leeds(half: Callable[[int], bool], most: int) -> dict[str, list[tuple[str, Points]]]:
    """Pictures and (17, 2) labelled joints by the direction of the trunk, `most` of each, evenly over the set."""
    joints = loadmat(PEOPLE / "lspet" / "joints.mat")["joints"]  # (14, x y labelled, 10000), pixels from 1
    kinds: dict[str, list[tuple[str, Points]]] = {"upright": [], "lying": [], "upside down": []}
    for number in range(1, joints.shape[2] + 1):
        labelled = np.where(joints[:, 2:, number - 1] > 0, joints[:, :2, number - 1] - 0.5, np.nan)
        truth = np.full((17, 2), np.nan)
        truth[LEEDS] = labelled[:12]
        trunk = labelled[12] - truth[[11, 12]].mean(axis=0)
        if half(number) and np.isfinite([*trunk, *torso_of(truth)[None]]).all():
            tilt = np.degrees(np.arctan2(abs(trunk[0]), -trunk[1]))
            kind = "upside down" if tilt > 120 else "lying" if tilt > 60 else "upright"
            kinds[kind].append((f"im{number:05d}.jpg", truth))
    return {kind: rows[:: max(1, len(rows) // most)][:most] for kind, rows in kinds.items()}


def photograph(item: tuple[str, Points, int, int]) -> tuple[Points, int]:
    """(17,) distances of the nearest body in torsos, and the number of views."""
    name, truth, most, number = item
    image = np.asarray(cv2.imread(str(PEOPLE / "lspet" / "images" / name)), np.uint8)[..., ::-1]
    bodies, views = People(), Views(network(), most, 1).of(image, number)
    bodies.add(0, views)
    people = list(bodies.bodies(np.arange(len(bodies.starts) - 1)).keypoints)
    people.append(np.full((17, 3), np.nan))  # without people, every joint is missing
    return min((torso_distances(pose, truth) for pose in people), key=np.nanmedian), len(views)


@cache
def network() -> PoseBackend:
    """The default network, loaded once per process."""
    return load_backend(PoseConfig(), FILES)


def photographs(views: int, half: Callable[[int], bool], given: argparse.Namespace, pool: Any) -> dict[str, Any]:
    """Share of correct joints by direction of the trunk."""
    row: dict[str, Any] = {}
    for kind, pictures in leeds(half, given.pictures).items():
        items = [(name, truth, views, number) for number, (name, truth) in enumerate(pictures)]
        parts, counts = zip(*pool.map(photograph, items, chunksize=8), strict=True)
        row |= {kind: share_near(np.array(parts)), f"{kind}, views": float(np.mean(counts))}
    return row


# Parkour


def fitted_camera(world: Points, pixels: Points) -> Points:
    """(N, 2) projections of (N, 3) points by the camera that fits (N, 2) pixels best, NaN allowed.

    An affine camera by RANSAC, then a projective one by least squares with a robust loss.
    """
    usable = np.isfinite(pixels).all(axis=1)
    homogeneous = np.column_stack([(world - world[usable].mean(axis=0)) / world[usable].std(), np.ones(len(world))])
    shift, scale = np.median(pixels[usable], axis=0), pixels[usable].std()
    target, rng, rows = (pixels - shift) / scale, np.random.default_rng(0), np.flatnonzero(usable)
    draws = [rng.choice(rows, 8, replace=False) for _ in range(400)]
    affine = [np.linalg.lstsq(homogeneous[some], target[some], rcond=None)[0] for some in draws]
    errors = [np.median(np.linalg.norm(homogeneous[rows] @ one - target[rows], axis=1)) for one in affine]
    start = np.r_[affine[int(np.argmin(errors))].T.ravel(), 0, 0, 0]

    def project(p: Points) -> Points:
        depth = homogeneous[:, :3] @ p[8:] + 1
        depth = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        return np.asarray(homogeneous @ p[:8].reshape(2, 4).T / depth[:, None])

    def misfit(p: Points) -> Points:
        return np.asarray((project(p) - target)[usable].ravel())

    fit = least_squares(misfit, start, loss="soft_l1", f_scale=min(errors))
    return np.asarray(project(fit.x) * scale + shift)


def parkour_video(item: tuple[str, Points, int]) -> dict[str, float]:
    """Measurements of one video."""
    name, world, views = item
    clip = Clip(PEOPLE / "parkour" / "videos" / f"{name}.mp4", rate=PARKOUR_RATE)
    poses, used = poses_of(clip, views)
    keypoints = poses[: len(world), 0]
    rows = [row for row, joint in enumerate(PARKOUR) if joint >= 0]
    joints = [PARKOUR[row] for row in rows]
    truth = np.full((len(keypoints), 17, 2), np.nan)
    fitted = fitted_camera(world[: len(keypoints), rows].reshape(-1, 3), keypoints[:, joints, :2].reshape(-1, 2))
    truth[:, joints] = fitted.reshape(len(keypoints), -1, 2)
    part = torso_distances(keypoints, truth)
    found = (np.nanmedian(part, axis=1) < 1).mean()
    shares = {"joints": share_near(part), "within .2": share_near(part, 0.2), "found": float(found)}
    return {"frames": len(part), **shares, "mean views": used}


def parkour(views: int, half: Callable[[int], bool], given: argparse.Namespace, pool: Any) -> dict[str, Any]:
    """Means over all frames of the videos."""
    path = PEOPLE / "parkour" / "gt_motion_forces" / "joint_3d_positions.pkl"
    content = load_plain(path.read_bytes(), path)
    world = {name: np.asarray(content[name]["joint_3d_positions"], dtype=np.float64)[:-3] for name in sorted(content)}
    items = [(name, points, views) for number, (name, points) in enumerate(world.items()) if half(number)]
    videos = list(pool.map(parkour_video, items))
    frames = [video.pop("frames") for video in videos]
    return {name: float(np.average([video[name] for video in videos], weights=frames)) for name in videos[0]}


# Four cameras


@dataclass(frozen=True)
class Camera:
    """One calibrated camera: intrinsics in pixels, distortion as in OpenCV, rotation to camera axes, position in mm."""

    matrix: Points
    distortion: Points
    rotation: Points
    position: Points

    def rays(self, pixels: Points) -> Points:
        """(..., 2) normalised image coordinates of pixels (..., 2); NaN stays NaN."""
        flat = np.ascontiguousarray(pixels.reshape(-1, 1, 2))
        return np.asarray(cv2.undistortPoints(flat, self.matrix, self.distortion)).reshape(pixels.shape)

    def pixels(self, points: Points) -> Points:
        """(..., 2) pixels of world points (..., 3) in mm."""
        flat = np.ascontiguousarray(((points - self.position) @ self.rotation.T).reshape(-1, 3))
        shown = np.asarray(cv2.projectPoints(flat, np.zeros(3), np.zeros(3), self.matrix, self.distortion)[0])
        return shown.reshape(*points.shape[:-1], 2)


def calibration(path: Path) -> list[Camera]:
    """Cameras of a Qualisys file: intrinsics in 1/64 pixel; rows are the axes right, up, backward in the world."""
    cameras = []
    for entry in ElementTree.parse(path).getroot().iter("camera"):
        inner, outer = (dict(one.attrib) for name in ("intrinsic", "transform") for one in entry.iter(name))
        u, v, x, y = (
            float(inner[name]) / 64 for name in ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV")
        )
        names = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
        axes = np.array([[float(outer[f"r{row}{column}"]) for column in (1, 2, 3)] for row in (1, 2, 3)])
        cameras.append(
            Camera(
                np.array([[u, 0, x], [0, v, y], [0, 0, 1]]),
                np.array([float(inner[name]) for name in names]),
                np.diag([1.0, -1.0, -1.0]) @ axes,
                np.array([float(outer[name]) for name in "xyz"]),
            )
        )
    return cameras


def triangulated(cameras: Sequence[Camera], poses: Points) -> Points:
    """(..., 3) world points in mm from each camera's (C, ..., 3) x, y, score, by weighted linear least squares."""
    rows = []
    for camera, pose in zip(cameras, poses, strict=True):
        projection = np.column_stack([camera.rotation, -camera.rotation @ camera.position / 1e3])
        ray, weight = np.nan_to_num(camera.rays(pose[..., :2])), np.where(np.isfinite(pose[..., 0]), pose[..., 2], 0)
        rows += [weight[..., None] * (ray[..., axis, None] * projection[2] - projection[axis]) for axis in (0, 1)]
    solution = np.linalg.svd(np.stack(rows, axis=-2))[2][..., -1, :]
    return np.asarray(1e3 * solution[..., :3] / solution[..., 3:])


def reprojected(cameras: Sequence[Camera], poses: Points, camera: int) -> Points:
    """(..., 2) pixels in one camera of points triangulated from the other cameras."""
    others = [row for row in range(len(cameras)) if row != camera]
    return cameras[camera].pixels(triangulated([cameras[row] for row in others], poses[others]))


def camera_clip(item: tuple[Path, int, int]) -> Points:
    """(N, people, 17, 3) joints of one camera's clip."""
    path, views, people = item
    return poses_of(Clip(path), views, people)[0]


def cameras(views: int, half: Callable[[int], bool], given: argparse.Namespace, pool: Any) -> dict[str, Any]:
    """Share of joints near the reprojected ones, and identity switches, for one and for two people."""
    setup = calibration(SHARED / "views" / "calibration.qca.txt")
    row: dict[str, Any] = {"switches": 0}
    for folder, people in (("one_person", 1), ("two_people", 2)):
        paths = sorted((SHARED / "views" / folder).glob("*.mp4"))
        clips = list(pool.map(camera_clip, [(path, views, people) for path in paths]))
        frames = min(map(len, clips))
        poses = np.stack([clip[:frames] for clip in clips])  # (C, N, people, 17, 3)
        orders = list(itertools.product(itertools.permutations(range(people)), repeat=len(paths) - 1))
        errors = np.array([np.nanmean(_misfit(setup, _ordered(poses, order)), axis=(0, 2, 3)) for order in orders])
        best = errors.argmin(axis=0)  # (N,) best assignment of people across cameras
        order = orders[int(np.bincount(best).argmax())]
        clear = np.abs(errors[best, np.arange(frames)] - errors[orders.index(order)]) > 0.1
        row["switches"] += int((np.diff((clear & (best != orders.index(order))).astype(int)) != 0).sum())
        ordered = _ordered(poses, order)
        parts = [torso_distances(ordered[c], reprojected(setup, ordered, c)) for c in range(len(paths)) if half(c + 1)]
        row[folder] = share_near(np.stack(parts)[..., LIMBS])
    return row


def _ordered(poses: Points, order: tuple[tuple[int, ...], ...]) -> Points:
    return np.stack([poses[0], *(pose[:, list(people)] for pose, people in zip(poses[1:], order, strict=True))])


def _misfit(setup: Sequence[Camera], poses: Points) -> Points:
    """(C, N, people, limbs) distance of each camera's joints from those of the others, at most two torsos."""
    return np.stack([np.fmin(torso_distances(poses[c], reprojected(setup, poses, c)), 2) for c in range(len(setup))])[
        ..., LIMBS
    ]


# The right person


def cut(item: tuple[float, float, int, int]) -> tuple[float, float]:
    """Share of frames of a cut in which the agent is on the athlete, and on the passer-by."""
    first, last, width, views = item
    clip = Clip(SHARED / "clips" / "one_person_sports2d.mp4", first, last, width)
    centres = poses_of(clip, views)[0][:, 0, LIMBS, :2].mean(axis=1) / (clip.info.width, clip.info.height)
    shares = []
    for marks in (np.array(ATHLETE), np.array(PASSER_BY)):
        inside = (clip.indices >= marks[0, 0]) & (clip.indices <= marks[-1, 0])
        place = np.column_stack([np.interp(clip.indices, marks[:, 0], marks[:, axis]) for axis in (1, 2)])
        near = np.linalg.norm((centres - place) * (clip.info.width / clip.info.height, 1), axis=1) < 0.15
        shares.append(float(near[inside].mean()) if inside.any() else 0.0)
    return shares[0], shares[1]


def athlete(views: int, half: Callable[[int], bool], given: argparse.Namespace, pool: Any) -> dict[str, Any]:
    """Number of cuts in which the agent is the athlete in most frames, and the shares of frames."""
    shares = list(pool.map(cut, [(*one, views) for one in CUTS]))
    of_athlete, of_passer_by = np.mean(shares, axis=0).tolist()
    return {"cuts right": sum(a > 0.5 > b for a, b in shares), "athlete": of_athlete, "passer-by": of_passer_by}


PARTS: dict[str, tuple[Callable[..., dict[str, Any]], Path]] = {
    "photographs": (photographs, PEOPLE / "lspet"),
    "parkour": (parkour, PEOPLE / "parkour"),
    "cameras": (cameras, SHARED / "views"),
    "athlete": (athlete, SHARED / "clips"),
}


def main() -> None:
    """Run every part for every number of views, print the tables and write JSON."""
    parser = options(__doc__, "pose.json")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--views", nargs="*", type=int, default=[1, 2, 3, 4])
    parser.add_argument("--half", choices=("even", "odd", "all"), default="all")
    parser.add_argument("--pictures", type=int, default=120, help="photographs of each kind")
    parser.add_argument("--workers", type=int, default=2)
    given, results = parser.parse_args(), dict[str, Any]()
    fetch("movenet-multipose")
    half = {"even": lambda n: n % 2 == 0, "odd": lambda n: n % 2 == 1, "all": lambda n: True}[given.half]
    with ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        for name in given.parts:
            part, folder = PARTS[name]
            if not folder.is_dir():
                print(f"Part {name} is skipped: there is no {folder}.")
                continue
            results[name] = [{"most views": views, **part(views, half, given, pool)} for views in given.views]
            show(f"{name} ({given.half} numbers)", results[name])
    write(given.out, results)


if __name__ == "__main__":
    main()
