"""Clips to practise on: rendered dives of one diver each in the layout of own videos, and two without a score.

FOLDER/videos/monday/anna_1.mp4 ...   50 frames at 25 per second, 320x240
FOLDER/videos/scores.csv              video, score (execution award, 0 to 10), subject
FOLDER/new/wednesday/anna_3.mp4 ...   two further clips, without a score
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from data.store import write_text
from data.video import write_video
from synthetic.dives import ENCODING, plan_dives
from synthetic.rendering import Options, film_dive

PEOPLE = ("anna", "ben", "cleo", "dan")
DAYS = ("monday", "tuesday")
NEW = ("wednesday/anna_3.mp4", "wednesday/ben_3.mp4")
OPTIONS = Options(frames=50, size=(320, 240), divers=1)


def make_practice_clips(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Render the clips and return both folders; `scores.csv` is written last.

    Raises OSError: the folder cannot be written to.
    """
    videos, new = folder / "videos", folder / "new"
    named = [f"{day}/{person}_{1 + turn}.mp4" for turn, day in enumerate(DAYS) for person in PEOPLE]
    places = [videos / name for name in named] + [new / name for name in NEW]
    dives = plan_dives(len(places), seed)
    for dive, place in zip(dives, places, strict=True):
        rng = np.random.default_rng([dive.key[0], 4, dive.key[1]])
        film = film_dive(dive.shape, dive.execution, dive.pair, rng, OPTIONS)
        write_video(place, film.frames(), OPTIONS.rate, options=ENCODING)
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("video", "score", "subject"))
    for name, dive in zip(named, dives, strict=False):
        table.writerow((name, f"{dive.scores.awards[0]:.1f}", name.partition("/")[2].partition("_")[0].capitalize()))
    write_text(videos / "scores.csv", text.getvalue())
    return videos, new
