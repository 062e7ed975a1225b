"""Makes the moving picture of README.md, docs/images/demo.webp, from the folder of a demo.

    aqa demo --out demo && python docs/make_moving_picture.py demo

One dive that the model has not seen: the video, its skeletons, and the score with its interval. Needs Pillow.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from data.video import decode, probe
from pipeline.cache import open_cache
from pipeline.demo.demo_run import demo_config
from pipeline.preview.draw import draw_outputs, draw_text
from pipeline.run import Planner, dataset_records
from pipeline.run.batch import run
from pipeline.score import load_scorer

PICTURE = Path(__file__).resolve().parent / "images" / "demo.webp"
SIZE, PANEL, TOP = (800, 260), (392, 224), 28
BACK, BAR, SCORE, AWARD = (16, 18, 22), (86, 190, 245), (245, 245, 245), (240, 170, 20)
NUMBER, MOST = 0, 75.0
"""Which of the unseen dives, and the end of the scale of scores."""


def main() -> None:
    """Write the picture of a demo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="the folder of `aqa demo`")
    folder = parser.parse_args().demo
    config = demo_config(folder)
    record = [one for one in dataset_records(config).records if one.split == "test"][NUMBER]
    assert record.path is not None
    assert record.labels is not None
    with open_cache(config.machine) as cache:
        ((_, outputs),) = run([Planner(config, cache).plan(record)], config.machine, cache, read=["pose"])
    with load_scorer(folder / "model", config) as scorer:
        (scored,) = scorer.score_records([record])
    info, times = probe(record.path)
    scale = np.array([PANEL[0] / info.width, PANEL[1] / info.height])
    frames = []
    for frame in decode(record.path):
        if frame.index % 3:
            continue
        canvas = np.full((SIZE[1], SIZE[0], 3), BACK, np.uint8)
        raw = np.asarray(cv2.resize(frame.image, PANEL, interpolation=cv2.INTER_AREA), np.uint8)
        drawn = raw.copy()
        draw_outputs(drawn, outputs, frame.time, scale)
        for left, panel in ((4, raw), (404, drawn)):
            canvas[TOP : TOP + PANEL[1], left : left + PANEL[0]] = panel
        draw_text(canvas, "a video that the model has not seen", (8, 19))
        low, high = scored.interval80
        said = f"score {scored.score:.0f}, 80 % interval {low:.0f} to {high:.0f}; judges {record.labels.score:.0f}"
        draw_text(canvas, said, (408, 19))
        across = [round(404 + PANEL[0] * value / MOST) for value in (low, high, scored.score, record.labels.score)]
        cv2.rectangle(canvas, (across[0], 254), (across[1], 258), BAR, -1)
        for place, colour in ((across[2], SCORE), (across[3], AWARD)):
            cv2.line(canvas, (place, 252), (place, 259), colour, 3)
        frames.append(Image.fromarray(canvas))
    step = round(1000 * float(times[-1]) / len(frames))
    shown = [step] * (len(frames) - 1) + [2000]
    frames[0].save(PICTURE, save_all=True, append_images=frames[1:], duration=shown, loop=0, quality=60, method=6)


if __name__ == "__main__":
    main()
