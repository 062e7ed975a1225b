"""Draws on one picture: skeletons, boxes, border cells with arrows, text that is legible on any background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from data.keypoints.skeletons import COCO17
from data.store import Outputs
from data.store.arrays import Bools, Reals
from data.video import Picture
from data.video.frame_times import shown_at

Colour = tuple[int, int, int]

AGENT_COLOURS: tuple[Colour, ...] = ((86, 190, 245), (240, 170, 20), (60, 200, 140), (220, 130, 190), (235, 110, 60))
"""RGB by agent, after the palette of Okabe and Ito for colour-blind readers."""

WHITE, GREY, INK = (245, 245, 245), (150, 150, 150), (16, 18, 22)
FLOW, MASKED = (120, 255, 120), (255, 80, 80)

FONT_SCALE = 0.45

LIMBS: tuple[tuple[int, int], ...] = tuple(
    (COCO17.index(a), COCO17.index(b))
    for a, b in (
        *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in (
            ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("shoulder", "hip"),
            ("eye", "ear"),
        )),
        ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), ("nose", "left_eye"), ("nose", "right_eye"),
    )
)  # fmt: skip
"""Pairs of COCO-17 joints that are joined by a line."""

MIN_SCORE = 0.1
"""Joints with a lower score are drawn hollow, with thin limbs; the time steps ignore them."""

ARROW_SECONDS = 0.1
"""The length of an arrow is the motion of the picture's content in this time."""

LONGEST_ARROW = 0.12
"""Longest arrow as a share of the picture's longer side."""

RIGHT_SHADE = 0.55
"""Brightness of right limbs relative to left limbs, so that swapped sides are visible."""


def colour_of(agent: int) -> Colour:
    """The colour of an agent."""
    return AGENT_COLOURS[agent % len(AGENT_COLOURS)]


def shade(colour: Colour, share: float) -> Colour:
    """A darker colour."""
    return (int(colour[0] * share), int(colour[1] * share), int(colour[2] * share))


def draw_text(image: Picture, text: str, origin: tuple[int, int], colour: Colour = WHITE) -> None:
    """Write text on a dark plate, with the left end of its baseline at `origin` (x, y)."""
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, FONT_SCALE, 1)
    x, y = origin
    cv2.rectangle(image, (x - 2, y - height - 2), (x + width + 2, y + below - 1), INK, -1)
    cv2.putText(image, text, origin, cv2.FONT_HERSHEY_SIMPLEX, FONT_SCALE, colour, 1, cv2.LINE_AA)


def line(image: Picture, first: Sequence[float], last: Sequence[float], colour: Colour, thick: int = 1) -> None:
    """Draw a line between two points (x, y), or nothing if a point is far outside or NaN."""
    ends = np.array([first, last], np.float64)
    if not np.isfinite(ends).all() or np.abs(ends).max() > 8 * max(image.shape):
        return
    (x1, y1), (x2, y2) = np.rint(ends).astype(int).tolist()
    cv2.line(image, (x1, y1), (x2, y2), colour, thick, cv2.LINE_AA)


def draw_outputs(image: Picture, outputs: Outputs, time: float, scale: Reals) -> None:
    """Draw the outputs of the stages for the frame shown at `time` seconds.

    Args:
        image: (height, width, 3) RGB, written into.
        outputs: of the stages by name; any may be missing.
        scale: (2,) pixels of `image` per pixel of the video, in x and y.
    """
    values: dict[str, dict[str, Any]] = {
        stage: {name: array.values for name, array in output.arrays.items()} for stage, output in outputs.items()
    }
    if (flow := values.get("camera_flow")) and len(flow["time"]):
        row = shown_at(flow["time"][:, 0], time)
        draw_border(image, flow["cell_box"], flow["cells"][row], flow["cell_mask"][row])
    if (pose := values.get("pose")) and len(pose["time"]):
        row = shown_at(pose["time"], time)
        for agent, joints in enumerate(pose["keypoints"][row]):
            if np.isfinite(joints[:, 0]).any():
                box, filled = pose["boxes"][row, agent] * np.tile(scale, 2), bool(pose["filled"][row, agent])
                draw_body(image, agent, joints * np.append(scale, 1.0), box, interpolated=filled)


def draw_body(image: Picture, agent: int, joints: Reals, box: Reals, *, interpolated: bool = False) -> None:
    """Draw box, name (as in `timesteps.primary`), limbs and joints of one agent; interpolated bodies are thin and grey.

    Args:
        image: (height, width, 3) RGB, written into.
        joints: (17, 3) x and y in pixels of `image`, score; NaN without a detection.
        box: (4,) x1 y1 x2 y2 in pixels of `image`, NaN without a detection.
    """
    colour = colour_of(agent)
    points, scores = joints[:, :2], joints[:, 2]
    wide = max(2, round(max(image.shape[:2]) / 320))
    for a, b in LIMBS:
        confident = min(scores[a], scores[b]) >= MIN_SCORE and not interpolated
        tone = shade(colour, RIGHT_SHADE) if COCO17[a].startswith("right") else colour
        if confident:
            line(image, points[a], points[b], INK, wide + 2)
        line(image, points[a], points[b], tone if confident else shade(colour, 0.8), wide if confident else 1)
    for point, score in zip(points, scores, strict=True):
        if np.isfinite(point).all() and np.abs(point).max() < 8 * max(image.shape):
            x, y = np.rint(point).astype(int).tolist()
            cv2.circle(image, (x, y), wide, WHITE, -1 if score >= MIN_SCORE and not interpolated else 1, cv2.LINE_AA)
    if np.isfinite(box).all():
        x1, y1, x2, y2 = np.rint(np.clip(box, -9999, 9999)).astype(int).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), GREY if interpolated else colour, 1, cv2.LINE_AA)
        label = f"pose:{agent}" + (" (interpolated)" if interpolated else "")
        (width, _), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, FONT_SCALE, 1)
        left = int(np.clip(x1, 2, max(2, image.shape[1] - width - 2)))
        below = agent % 2 == 1  # so that names of overlapping people do not overlap
        base = int(np.clip(y2 + 14 if below else y1 - 5, 14, image.shape[0] - 4))
        draw_text(image, label, (left, base), colour)


def draw_border(image: Picture, boxes: Reals, flow: Reals, usable: Bools) -> None:
    """Draw the border cells' outlines, with an arrow for usable flow and a cross for masked flow.

    Args:
        image: (height, width, 3) RGB, written into.
        boxes: (cell, 4) x1 y1 x2 y2 in shares of the picture.
        flow: (cell, 2) picture widths and heights per second.
        usable: (cell,) whether the flow is usable.
    """
    height, width = image.shape[:2]
    boxes = boxes * np.array([width, height, width, height])
    shifts = flow * np.array([width, height]) * ARROW_SECONDS
    limit = LONGEST_ARROW * max(width, height)
    outlined = image.copy()
    for box, good in zip(boxes, usable, strict=True):
        x1, y1, x2, y2 = np.rint(box).astype(int).tolist()
        cv2.rectangle(outlined, (x1, y1), (x2 - 1, y2 - 1), WHITE if good else MASKED, 1)
    cv2.addWeighted(outlined, 0.45, image, 0.55, 0, dst=image)  # the picture below stays visible
    for box, shift, good in zip(boxes, shifts, usable, strict=True):
        middle = (box[:2] + box[2:]) / 2
        if not good:
            arm = np.full(2, 0.22 * float(min(box[2:] - box[:2])))
            for direction in (arm, arm * (1, -1)):
                line(image, middle - direction, middle + direction, MASKED)
            continue
        length = float(np.linalg.norm(shift))
        x, y = np.rint(middle).astype(int).tolist()
        if length < 1:
            cv2.circle(image, (x, y), 1, FLOW, -1, cv2.LINE_AA)
            continue
        tip = middle + shift * min(1.0, limit / length)
        ends = ((x, y), tuple(np.rint(tip).astype(int).tolist()))
        head = float(np.clip(6 / min(length, limit), 0.15, 0.6))
        cv2.arrowedLine(image, *ends, INK, 3, cv2.LINE_AA, 0, head)
        cv2.arrowedLine(image, *ends, FLOW, 1, cv2.LINE_AA, 0, head)
