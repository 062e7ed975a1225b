"""Solvers of TV-L1 flow on the border's strips: ours on a CPU, ours on a GPU, OpenCV's on the full frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.errors import UsageError
from extractors.camera_flow.alignment import Alignment
from extractors.camera_flow.border import Border
from models.tvl1 import rectangle_flow
from models.tvl1_kernels import Box, Image


@dataclass(frozen=True)
class Prepared:
    """A frame pair whose global motion is known."""

    frames: tuple[NDArray[np.uint8], NDArray[np.uint8]]  # the two (H, W) grey frames
    first: list[Image]  # pyramid of the first
    second: list[Image]
    alignment: Alignment  # of their borders
    camera: list[Image]  # (2, h, w) flow of each strip by that motion alone
    free: Image  # (H, W) 0 on graphics, else 1


Solver = Callable[[Border, Sequence[Prepared]], list[list[Image]]]  # flow (2, h, w) of every strip, for every pair


def solver(backend: str, device: str) -> tuple[Solver, int]:
    """The solver of a backend, and how many pairs it takes at a time. Raises UsageError: it cannot run here."""
    if backend == "opencv":
        if not hasattr(cv2, "optflow"):
            fix = "Install opencv-contrib-python-headless and no other OpenCV, or set camera_flow.backend=strips"
            raise UsageError("this OpenCV has no optflow module", fix=fix)
        return _opencv, 1
    if backend == "torch":
        return _torch(device), 16
    return _strips, 1


def _strips(border: Border, pairs: Sequence[Prepared]) -> list[list[Image]]:
    return [
        [
            rectangle_flow(pair.first, pair.second, box, start, _cut(pair.free, box), pair.alignment.light)
            for box, start in zip(border.strips, pair.camera, strict=True)
        ]
        for pair in pairs
    ]


def _opencv(border: Border, pairs: Sequence[Prepared]) -> list[list[Image]]:
    optflow: Any = cv2.optflow
    flows = []
    for pair in pairs:
        whole = optflow.DualTVL1OpticalFlow_create().calc(*pair.frames, None).transpose(2, 0, 1)
        flows.append([np.ascontiguousarray(whole[:, y0:y1, x0:x1]) for y0, x0, y1, x1 in border.strips])
    return flows


def _torch(device: str) -> Solver:
    import torch

    from models.tvl1_torch import rectangle_flow_batch

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("torch sees no CUDA device", fix="Set camera_flow.device=auto, or camera_flow.backend=strips")
    place = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"

    def stack(images: Sequence[Image]) -> torch.Tensor:
        return torch.from_numpy(np.stack(images)).to(place)

    def solve(border: Border, pairs: Sequence[Prepared]) -> list[list[Image]]:
        first = [stack(level) for level in zip(*(pair.first for pair in pairs), strict=True)]
        second = [stack(level) for level in zip(*(pair.second for pair in pairs), strict=True)]
        light = stack([np.array(pair.alignment.light, np.float32) for pair in pairs])
        strips = []
        for k, box in enumerate(border.strips):
            start, free = stack([pair.camera[k] for pair in pairs]), stack([_cut(pair.free, box) for pair in pairs])
            strips.append(rectangle_flow_batch(first, second, box, start, free, light).cpu().numpy())
        return [[strip[i] for strip in strips] for i in range(len(pairs))]

    return solve


def _cut(image: Image, box: Box) -> Image:
    return image[box[0] : box[2], box[1] : box[3]]
