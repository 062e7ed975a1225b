"""The bar below the pictures: clips, time steps, when each agent is seen, how fast the camera moves, where we are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.preview.draw import DARK, FLOW, GREY, INK, MASKED, WHITE, Colour, Picture, colour_of, line, shade, write
from pipeline.preview.frame_content import PreviewScene, Reals

LEFT, RIGHT, ROW, TOP = 84, 12, 14, 6
"""Pixels: place of the row names, right margin, height of a row, margin above."""

CLIPS: tuple[Colour, Colour] = ((70, 130, 180), (110, 165, 205))
STEPS: tuple[Colour, Colour] = ((120, 105, 150), (155, 140, 185))


@dataclass
class Timeline:
    """A drawn bar and the columns of its times."""

    image: Picture  # (height, width, 3) RGB without the mark of the present
    end: float  # seconds at the right end

    def x(self, time: float) -> int:
        """Column of a time in seconds."""
        inner = int(self.image.shape[1]) - LEFT - RIGHT
        share = float(np.clip(time / max(self.end, 1e-9), 0, 1))
        return LEFT + round(inner * share)

    def marked(self, *times: float) -> Picture:
        """A copy with a white line at each of `times`."""
        copy: Picture = self.image.copy()
        for time in times:
            line(copy, (self.x(time), 2), (self.x(time), copy.shape[0] - 14), WHITE)
        return copy


def draw_timeline(scene: PreviewScene, width: int) -> Timeline:
    """The bar of a video, `width` pixels wide and as high as its rows need."""
    rows: list[tuple[bool, str, Colour, Callable[[Timeline, PreviewScene, int], None]]] = [
        (len(scene.spans("clips")) > 0, "clips", WHITE, _clips),
        (len(scene.spans("timesteps")) > 0, "time steps", WHITE, _steps),
        *((True, scene.name(k), colour_of(k), partial(_presence, agent=k)) for k in range(scene.agents)),
        (len(_others(scene)) > 0, "others", WHITE, _unchosen),
        (scene.array("camera_flow", "motion") is not None, "camera", WHITE, _camera),
    ]
    rows = [row for row in rows if row[0]]
    bar = Timeline(np.full((TOP + ROW * len(rows) + 18, width, 3), INK, np.uint8), scene.end)
    for place, (_, name, colour, draw) in enumerate(rows):
        top = TOP + ROW * place
        write(bar.image, name[:11], (6, top + 11), colour, 0.38)
        draw(bar, scene, top)
    cuts = scene.array("pose", "cuts")
    for cut in cuts if cuts is not None else ():
        line(bar.image, (bar.x(float(cut)), TOP), (bar.x(float(cut)), bar.image.shape[0] - 14), MASKED, 2)
    _axis(bar)
    return bar


def _block(bar: Timeline, start: float, stop: float, top: int, bottom: int, colour: Colour) -> None:
    left, right = bar.x(start), bar.x(stop)
    bar.image[top:bottom, left : max(left + 1, right)] = colour


def _spans(bar: Timeline, spans: Reals, last: float, top: int, colours: tuple[Colour, Colour]) -> None:
    """Numbered blocks in turning colours; those that overlap their neighbours use two lanes."""
    overlap = len(spans) > 1 and bool((spans[1:, 0] < spans[:-1, 1]).any())
    for number, (start, stop) in enumerate(spans):
        low, high = (top + 1, top + ROW - 2)
        if overlap:
            low, high = (low, low + 5) if number % 2 == 0 else (low + 6, high)
        _block(bar, start, stop + last, low, high, colours[number % 2])
        if not overlap and bar.x(stop + last) - bar.x(start) > 16:
            write(bar.image, str(number + 1), (bar.x(start) + 2, top + 10), INK, 0.33)


def _clips(bar: Timeline, scene: PreviewScene, top: int) -> None:
    _spans(bar, scene.spans("clips"), scene.frame_length, top, CLIPS)


def _steps(bar: Timeline, scene: PreviewScene, top: int) -> None:
    _spans(bar, scene.spans("timesteps"), 0.0, top, STEPS)
    for (start, stop), good in zip(scene.spans("timesteps"), scene.array("timesteps", "primary_mask"), strict=True):
        if not good:
            line(bar.image, (bar.x(start), top + ROW - 3), (bar.x(stop), top + ROW - 3), MASKED, 2)


def _presence(bar: Timeline, scene: PreviewScene, top: int, agent: int) -> None:
    """Detected in the agent's colour, interpolated in a darker one, missing dark."""
    times, filled = scene.array("pose", "time"), scene.array("pose", "filled")
    detected = np.isfinite(scene.array("pose", "keypoints")[:, agent, :, 0]).any(axis=1)
    _block(bar, 0, bar.end, top + 3, top + ROW - 4, DARK)
    ends = np.append(times[1:], bar.end)
    for row in np.flatnonzero(detected):
        tone = shade(colour_of(agent), 0.5) if filled[row, agent] else colour_of(agent)
        _block(bar, float(times[row]), float(ends[row]), top + 3, top + ROW - 4, tone)


def _others(scene: PreviewScene) -> Reals:
    """(track, 2) first and last position of the tracks that were not chosen."""
    if "pose" not in scene.outputs:
        return np.zeros((0, 2))
    table = scene.outputs["pose"].arrays["tracks"]
    columns = [table.names.index(name) for name in ("first_frame", "last_frame", "agent")]
    tracks: Reals = np.asarray(table.values)[:, columns]
    return tracks[tracks[:, 2] < 0, :2]


def _unchosen(bar: Timeline, scene: PreviewScene, top: int) -> None:
    """Other people as thin grey lines, each from its first to its last detection, in up to five rows."""
    times = scene.array("pose", "time")
    for number, (first, last) in enumerate(_others(scene).astype(int)):
        y = top + 2 + 2 * (number % 5)
        ends = np.clip([first, last], 0, len(times) - 1)
        _block(bar, float(times[ends[0]]), float(times[ends[1]]) + scene.frame_length, y, y + 1, GREY)


def _camera(bar: Timeline, scene: PreviewScene, top: int) -> None:
    """Speed of the camera's pan, the video's fastest (at least a tenth of a width per second) as high as the row."""
    times, motion = scene.array("camera_flow", "time").mean(axis=1), scene.array("camera_flow", "motion")
    speed = np.linalg.norm(motion[:, :2], axis=1)
    columns = [bar.x(float(time)) for time in times]
    heights = top + ROW - 3 - np.minimum(1, speed / max(0.1, float(speed.max(initial=0)))) * (ROW - 4)
    for k in range(1, len(columns)):
        line(bar.image, (columns[k - 1], heights[k - 1]), (columns[k], heights[k]), FLOW)


def _axis(bar: Timeline) -> None:
    """Seconds below, about one mark per 80 pixels at round distances."""
    least = bar.end * 80 / max(bar.image.shape[1] - LEFT - RIGHT, 1)
    steps = [m * 10.0**e for e in range(-2, 5) for m in (1, 2, 5)]
    step = next((s for s in steps if s >= least), steps[-1])
    bottom = bar.image.shape[0]
    for k in range(int(bar.end / step + 1e-6) + 1):
        x = bar.x(k * step)
        line(bar.image, (x, bottom - 16), (x, bottom - 13), GREY)
        write(bar.image, f"{k * step:g} s", (x - 4, bottom - 3), GREY, 0.33)
