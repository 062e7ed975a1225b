"""Flags of videos before training: bad training data is seen while it can still be mended."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from data.errors import PROGRAM, DataError, apart
from extractors.timesteps import TimestepsConfig
from pipeline.checks.flags import Facts, find_flags
from pipeline.config import BaseConfig
from pipeline.observer import Observer
from pipeline.results import Flag, worst_first

ALONE = ("stream", "people detected", "right person", "identities", "cuts", "kinematics")
COMPARED = ("frame rate", "length")
"""Checks of `pipeline.checks.flags` of a video alone, and against the others."""

RATED = ("clips", "pose")
"""Stages that store the frame rate."""

SHORT = 3.0
"""A video is too short where it is shorter than the median by this factor."""

SHARED_CACHE = Path("cache/folder")
"""Cache of the presets `folder` and `person`."""

SHOWN = 40
"""Most rows of the table."""


Measured = tuple[str, Mapping[str, Mapping[str, Any]]]
"""Name of a video, and the quality values of its outputs by stage."""


def report_flags(
    measured: Iterable[Measured], videos: int, observer: Observer, *, strict: bool = False, sheets: str = ""
) -> dict[str, tuple[Flag, ...]]:
    """Flags by the name of the video; the observer gets them as a table, and how to look at the videos.

    Of the `videos` those that were extracted are `measured`. `sheets` is the cache in which previews were drawn.
    Raises DataError where `strict` and a video is flagged.
    """
    flagged = flag_videos(measured)
    if not flagged:
        return {}
    rows = [
        (name, "; ".join(f"{flag.title} ({flag.detail.rstrip('.')})" for flag in flags))
        for name, flags in flagged.items()
    ]
    more = [("…", f"and {len(rows) - SHOWN} more")] if len(rows) > SHOWN else []
    title = f"{len(flagged)} of {videos} videos are flagged"
    observer.table(title, ("video", "flags"), [*rows[:SHOWN], *more])
    drawn = f"the contact sheet of each is {sheets}/preview/<video>.jpg"
    advice = "the same `extract` with --preview draws a contact sheet of each, CACHE/preview/<video>.jpg"
    observer.note(f"Look at the flagged videos before you trust them: {drawn if sheets else advice}")
    if strict:
        raise DataError(title, fix="Mend them or leave them out, or accept them without --strict")
    return flagged


def flag_videos(measured: Iterable[Measured]) -> dict[str, tuple[Flag, ...]]:
    """Flags by the name of each extracted video that has some; frame rate and length are compared with the others."""
    alone: dict[str, tuple[Flag, ...]] = {}
    rated: list[tuple[str, float | None, tuple[float | None, ...]]] = []  # of a large data set only what is needed
    for name, quality in measured:
        duration = quality.get("timesteps", {}).get("duration_s")
        if flags := find_flags(Facts(quality=quality, duration=duration), ALONE)[0]:
            alone[name] = flags
        rates = tuple(quality.get(stage, {}).get("frames_per_s") for stage in RATED)
        rated.append((name, duration, rates))
    usual = {
        stage: {"frames_per_s": (median(stored),) * 2}
        for stage, each in zip(RATED, zip(*(rates for *_, rates in rated), strict=True), strict=False)
        if (stored := [rate for rate in each if rate is not None])
    }
    usual_length = median([duration for _, duration, _ in rated if duration is not None] or [0.0])
    flagged = {}
    for name, duration, rates in rated:
        quality = {stage: {"frames_per_s": rate} for stage, rate in zip(RATED, rates, strict=True) if rate is not None}
        compared = find_flags(Facts(quality=quality, duration=duration, training=usual), COMPARED)[0]
        if duration is not None and duration < usual_length / SHORT and all(f.title != "too short" for f in compared):
            has, usual_s = apart(duration, usual_length)
            detail = f"{has} s, half of the videos have {usual_s} s or more."
            compared += (Flag("warn", "too short", detail),)
        if flags := worst_first((*alone.get(name, ()), *compared)):
            flagged[name] = flags
    return flagged


def still_camera_advice(measured: Iterable[Measured], config: BaseConfig, out: Path) -> str:
    """One sentence that names the preset for one person before a still camera; empty where it does not fit.

    It fits where the camera's motion is the secondary agent of one person and most videos have none. `out` is the
    folder of the run, for the command.
    """
    timesteps = config.stage("timesteps")
    if not isinstance(timesteps, TimestepsConfig):
        return ""
    primary, *secondary = timesteps.roles()
    if primary.kind != "pose" or secondary[0].kind != "camera_flow" or config.dataset.root is None:
        return ""
    flows = [quality.get("camera_flow", {}) for _, quality in measured]
    moving = [flow["moving"] for flow in flows if "moving" in flow]
    still = len(moving) - sum(map(bool, moving))
    if 2 * still <= len(moving):
        return ""
    root, folder = shlex.quote(str(config.dataset.root)), shlex.quote(str(out))
    cache = "" if config.cache == SHARED_CACHE else f" --cache {shlex.quote(str(config.cache))}"
    return (
        f"The camera stands still in {still} of {len(moving)} training videos, and its motion is the secondary agent. "
        f"For one person before a still camera, type: {PROGRAM} extract {root} --config person{cache} && "
        f"{PROGRAM} train --config person --set dataset.root={root}{cache} --out {folder}"
    )
