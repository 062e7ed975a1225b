"""The contact sheet of a preview: title and figures, a picture per time step, and the bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.errors import printable
from data.video.media import shown_at
from pipeline.preview.draw import GREY, INK, WHITE, Picture, text_width, write
from pipeline.preview.frame_content import PreviewScene
from pipeline.preview.timeline import draw_timeline

LEAST_WIDTH = 640
"""Pixels: narrower pictures get dark margins, so that what is written below them can be read."""

SHEET_WIDTH = 1980
"""Width in pixels that the pictures of a contact sheet fill side by side, at least one."""

MOST_TILES = 40
"""Pictures of a contact sheet at most where there are no time steps to show one each."""


def tile_frames(scene: PreviewScene) -> list[int]:
    """Frames of the contact sheet: the middle of every time step (of every clip), else one a second."""
    spans = scene.spans("timesteps") if len(scene.spans("timesteps")) else scene.spans("clips")
    if len(spans):
        middles = spans.mean(axis=1)
    else:
        count = int(np.clip(np.ceil(scene.end), 1, MOST_TILES))
        middles = (np.arange(count) + 0.5) * scene.end / count
    return sorted({shown_at(scene.times, float(time)) for time in middles})


def contact_sheet(scene: PreviewScene, tiles: Sequence[Picture], frames: Sequence[int]) -> Picture:
    """Title and quality values, the pictures in rows, and the bar with a mark for each picture."""
    columns = max(1, min(len(tiles), round(SHEET_WIDTH / tiles[0].shape[1])))
    width = max(columns * tiles[0].shape[1], LEAST_WIDTH)
    padded = [*tiles, *[np.full_like(tiles[0], INK)] * (-len(tiles) % columns)]
    rows = [np.concatenate(padded[k : k + columns], axis=1) for k in range(0, len(padded), columns)]
    grid = np.concatenate([centred(row, width) for row in rows])
    bar = draw_timeline(scene, width).marked(*(float(scene.times[index]) for index in frames))
    lines = [line for text in _title(scene) for line in wrapped(text, width - 16)]
    head = np.full((20 * len(lines) + 8, width, 3), INK, np.uint8)
    for number, text in enumerate(lines):
        write(head, text, (8, 18 + 20 * number), GREY if number else WHITE)
    return np.concatenate([head, grid, bar])


def wrapped(text: str, width: int) -> list[str]:
    """`text` in lines that `write` fits into `width` pixels, broken at spaces."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _title(scene: PreviewScene) -> list[str]:
    """Header of a contact sheet: the video, its quality values, a legend of the pictures."""
    width, height = scene.size
    lines = [f"{printable(scene.record.id)}: {width} x {height}, {len(scene.times)} frames, {scene.end:.2f} s"]
    for stage, output in scene.outputs.items():
        figures = ", ".join(f"{name} {value}" for name, value in output.quality.items() if value is not None)
        lines += [f"{stage}: {figures}"] if figures else []
    lines.append(
        "skeletons: left limbs bright, right limbs dark, thin and hollow at low scores; border: arrows are the "
        "picture's shift in .1 s, crosses are masked cells; bar: interpolated detections dark, people not chosen grey, "
        "masked steps underlined, cuts red"
    )
    return [line.encode("ascii", "backslashreplace").decode("ascii") for line in lines]


def centred(picture: Picture, width: int) -> Picture:
    """The picture with dark margins left and right, `width` pixels wide."""
    missing = max(0, width - picture.shape[1])
    left = missing // 2
    sides = [np.full((picture.shape[0], part, 3), INK, np.uint8) for part in (left, missing - left)]
    return np.concatenate([sides[0], picture, sides[1]], axis=1)
