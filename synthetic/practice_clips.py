"""Practice clips: rendered dives of one diver each in the layout of own videos, and synthetic raters who judge them.

FOLDER/videos/monday/anna_1.mp4 ...   twelve clips without scores, 50 frames at 25 per second, 320x240
FOLDER/new/thursday/anna_4.mp4 ...    four later clips
FOLDER/new/friday/anna_5.mp4 ...      two more
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np

from data.datasets.rater_answers import Answer, all_answers, append_answers, rater_file
from data.errors import UsageError
from data.store.fingerprint import fingerprint_file
from synthetic.dives import Dive, plan_dives, write_film
from synthetic.rendering import Options

PEOPLE = ("anna", "ben", "cleo", "dan")
VIDEOS = tuple(
    f"{day}/{person}_{number}.mp4"
    for number, day in enumerate(("monday", "tuesday", "wednesday"), 1)
    for person in PEOPLE
)
NEW = (*(f"thursday/{person}_4.mp4" for person in PEOPLE), "friday/anna_5.mp4", "friday/ben_5.mp4")
OPTIONS = Options(frames=50, size=(320, 240), divers=1)

RATERS = ("eva", "finn")
PAIRS_A_VIDEO = 6
"""Least answers of a synthetic rater per video, if there are equally many other videos."""

RATER_ERROR, EQUAL = 0.7, 0.25
"""Standard deviation of a synthetic rater's error of an award, 0 to 10, and the largest difference called equal."""


def make_practice_clips(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Render the clips and return both folders."""
    videos, new = folder / "videos", folder / "new"
    places = [*(videos / name for name in VIDEOS), *(new / name for name in NEW)]
    for dive, place in zip(_dives(seed).values(), places, strict=True):
        write_film(dive, place, OPTIONS)
    return videos, new


def answer_pairs(videos: Path, only: tuple[str, ...] = (), seed: int = 0) -> int:
    """Let synthetic raters compare practice clips of a folder, and return the number of their answers.

    The answers are appended to the files of `label`. A rater judges by the clip's true award, with an independent
    normal error for every answer.

    Args:
        only: clips to compare with each other and with clips judged earlier; empty: all in the folder.

    Raises UsageError: the folder has no such practice clip.
    """
    awards = {name: dive.scores.awards[0] for name, dive in _dives(seed).items() if (videos / name).is_file()}
    asked = only or tuple(awards)
    if len(awards) < 2 or not set(asked) <= set(awards):
        raise UsageError("no such practice clips", where=videos, fix="Type: python -m synthetic clips .")
    contents = {name: fingerprint_file(videos / name) for name in awards}
    judged = {content for answers in all_answers(videos)[0].values() for question in answers for content in question}
    awards = {name: award for name, award in awards.items() if name in asked or contents[name] in judged}
    given = 0
    for number, rater in enumerate(RATERS):
        rng = np.random.default_rng([seed, number, len(awards)])
        left = [pair for pair in combinations(awards, 2) if set(pair) & set(asked)]
        answers = dict.fromkeys(awards, 0)
        for one, other in (left[place] for place in rng.permutation(len(left))):
            if min(answers[name] for name in (one, other) if name in asked) >= PAIRS_A_VIDEO:
                continue
            difference = awards[one] - awards[other] + RATER_ERROR * float(rng.normal() - rng.normal())
            word = "equal" if abs(difference) < EQUAL else "better" if difference > 0 else "worse"
            answer = Answer((contents[one], contents[other]), word, names=(one, other))
            append_answers(rater_file(videos, rater), answer)
            given, answers[one], answers[other] = given + 1, answers[one] + 1, answers[other] + 1
    return given


def _dives(seed: int) -> dict[str, Dive]:
    """The dive of each clip."""
    names = (*VIDEOS, *NEW)
    return dict(zip(names, plan_dives(len(names), seed), strict=True))
