"""Flags of videos before training, so that users can fix bad training data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from statistics import median

from data.errors import DataError, typed
from data.store.arrays import Quality
from extractors.timesteps import TimestepsConfig
from pipeline.checks.flag import Flag, worst_first
from pipeline.checks.flag_checks import RATES, Facts, find_flags
from pipeline.observer import Observer
from pipeline.settings.config import Config, load_config

ALONE = ("stream", "people detected", "right person", "cuts", "kinematics", "pauses")
AMONG_OTHERS = ("frame rate", "length")
"""Names of the checks (`flag_checks.CHECKS`) of a single video, and of those that compare with the others."""

ADVISED = "person"
"""The preset for one person and a still camera."""

MeasuredVideo = tuple[str, Quality]
"""Name of a video, and the quality values of its outputs by stage."""


FlagsByVideo = dict[str, tuple[Flag, ...]]


def announce_flags(
    measured: Iterable[MeasuredVideo], videos: int, observer: Observer, *, strict: bool = False, sheets: str = ""
) -> FlagsByVideo:
    """Flags by the name of the video; the observer gets them with the location of the contact sheets.

    `measured` holds the extracted videos of all `videos`. `sheets` is the cache with their previews, or "". Raises
    DataError if `strict` and a video is flagged.
    """
    flagged = flag_videos(measured)
    if not flagged:
        return {}
    observer.flagged(flagged, videos)
    drawn = f"the contact sheet of each is {sheets}/preview/<video>.jpg"
    advice = "the same `extract` with --preview draws a contact sheet of each, CACHE/preview/<video>.jpg"
    observer.note(f"Look at the flagged videos before you trust them: {drawn if sheets else advice}")
    if strict:
        fix = "Fix them or leave them out, or accept them without --strict"
        raise DataError(f"{len(flagged)} of {videos} videos are flagged", fix=fix)
    return flagged


def flag_videos(measured: Iterable[MeasuredVideo]) -> FlagsByVideo:
    """Flags by the name of each flagged video; frame rate and length are compared with the other videos."""
    alone: FlagsByVideo = {}
    compared: list[tuple[str, Facts]] = []  # holds only what the comparison needs, since data sets may be large
    for name, quality in measured:
        facts = Facts(quality=quality)
        facts = replace(facts, duration=facts.measure("timesteps", "duration_s"))
        alone[name] = find_flags(facts, ALONE)[0]
        rates = {stage: {rate: value} for stage, rate in RATES if (value := facts.measure(stage, rate)) is not None}
        compared.append((name, replace(facts, quality=rates)))
    usual = {}
    for stage, rate in RATES:
        each = [facts.measure(stage, rate) for _, facts in compared]
        if values := [value for value in each if value is not None]:
            usual[stage] = {rate: (median(values),) * 2}
    lengths = [facts.duration for _, facts in compared if facts.duration is not None]
    flagged = {}
    for name, facts in compared:
        facts = replace(facts, training=usual, usual_length=median(lengths or [0.0]))
        if flags := worst_first((*alone[name], *find_flags(facts, AMONG_OTHERS)[0])):
            flagged[name] = flags
    return flagged


def still_camera_advice(measured: Iterable[MeasuredVideo], config: Config, out: Path) -> str:
    """Advice to use the preset for one person and a still camera; empty if it does not fit.

    It fits if the secondary agent of one person is the camera's motion, and the camera of most videos is still.
    `out` is the folder of the model, for the command.
    """
    timesteps = config.method.stage("timesteps")
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
    root, cache = config.dataset.root, config.machine.cache
    options = () if cache == load_config(ADVISED).machine.cache else ("--cache", cache)
    extract = typed("extract", root, "--config", ADVISED, *options)
    train = typed("train", root, "--config", ADVISED, *options, "--out", out)
    return (
        f"The camera stands still in {still} of {len(moving)} training videos, and its motion is the secondary agent. "
        f"For one person before a still camera, type: {extract} && {train}"
    )
