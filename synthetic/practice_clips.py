"""Clips to practise on: rendered dives of one diver each in the layout of own videos, and two without a score.

FOLDER/videos/monday/anna_1.mp4 ...   50 frames at 25 per second, 320x240
FOLDER/videos/scores.csv              video, score (execution award, 0 to 10), subject
FOLDER/new/wednesday/anna_3.mp4 ...   two further clips, without a score
"""

from __future__ import annotations

from pathlib import Path

from synthetic.dives import plan_dives, write_film, write_table
from synthetic.rendering import Options

PEOPLE = ("anna", "ben", "cleo", "dan")
DAYS = ("monday", "tuesday")
NEW = ("wednesday/anna_3.mp4", "wednesday/ben_3.mp4")
OPTIONS = Options(frames=50, size=(320, 240), divers=1)


def make_practice_clips(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Render the clips and return both folders; `scores.csv` is written last."""
    videos, new = folder / "videos", folder / "new"
    named = [f"{day}/{person}_{1 + turn}.mp4" for turn, day in enumerate(DAYS) for person in PEOPLE]
    places = [videos / name for name in named] + [new / name for name in NEW]
    dives = plan_dives(len(places), seed)
    for dive, place in zip(dives, places, strict=True):
        write_film(dive, place, OPTIONS)
    rows = [("video", "score", "subject")]
    for name, dive in zip(named, dives, strict=False):
        rows.append((name, f"{dive.scores.awards[0]:.1f}", name.partition("/")[2].partition("_")[0].capitalize()))
    write_table(videos / "scores.csv", rows)
    return videos, new
