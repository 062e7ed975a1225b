"""Flags of a score: reasons to doubt it, each with a level and a sentence, and the checks that ran.

A check runs if its quality measures exist. Without a pose stage, a model has no check for the right person, and
`checked` does not list it. The limits below are our choices, except two from the training performances: distance
(`pipeline.checks.novelty`) and length. Differences from training below a floor are not flagged, however similar the
training performances are: `COMPARED`, `LENGTH_FLOOR_S` and `pipeline.checks.novelty` have the floors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data.errors import apart, counted, significant
from data.store.arrays import Measures, Quality
from extractors.timesteps.people_names import NAME, of_agents
from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag import Agent, Flag, Level, worst_first
from pipeline.checks.novelty import BLOCKS

Ranges = Mapping[str, Mapping[str, tuple[float, float]]]
Flags = Iterator[Flag]
Known = Mapping[tuple[str, str], float]
"""Quality measures by stage and name."""

LENGTH_MARGIN = 0.2
"""Videos shorter or longer than every training performance by more than this share are flagged."""
LENGTH_FLOOR_S = 0.25
"""Smallest flagged difference in length: manual cuts vary by as much."""
PAUSE_S, PAUSE_SHARE = 1.0, 0.1
"""A pause in the times is flagged above these seconds and this share of the recording."""
SHORTEST_S = 1.0
"""Shorter videos are flagged if the lengths of the training performances are unknown."""
SHORT = 3.0
"""Before training, a video is too short if it is shorter than the median of the videos by this factor."""
FAR = 2.0
"""Distances above the limit are flagged "warn", and above this multiple of it "bad"."""
PROMINENT = "another person is prominent"

RIVAL = 0.5
"""Salience of another person relative to the followed person, above which the choice is flagged."""
FRAMERATES, RATE_MARGIN = (12.0, 130.0), 1.5
"""Plausible frames per second, and the factor beyond which a frame rate differs from those of training."""
SHAKE = 0.3
"""Jitter around the smooth trajectory of the camera, in picture widths per second. A camera that follows rendered dives
has .12 to .14; shaking by 2 % of the picture four times a second gives .36."""

AGENT_OF_BLOCK: Mapping[str, Agent] = {BLOCKS[0]: "primary", BLOCKS[1]: "secondary"}
"""The agent that a block of trial-level features describes."""

KIND_OF_VIDEO = (
    "distance to the training performances",
    "length",
    "agents in every step",
    "people detected",
    "quality against training",
)
"""Checks that fail for videos of another kind. A good video may fail one; flags of two withhold the score."""

TRAINED_ON, GUESSING = "used for training", "not certainly better than guessing"
EXECUTION_ALONE = "execution alone"
"""Kinds of flags that limit what a page shows."""
PER_DIFFICULTY = "score ÷ difficulty"
"""The shown name of what `EXECUTION_ALONE` flags; judges of dives call their marks the execution."""


@dataclass(frozen=True)
class ComparedMeasure:
    """A quality measure to compare with training."""

    text: str  # its name in texts
    more_is_worse: bool  # else less is worse
    floor: float  # smallest flagged difference from the worst of training, in the unit of the measure


COMPARED: Mapping[tuple[str, str], ComparedMeasure] = {
    # Share of the frames: 1 frame in 20.
    ("pose", "found_rate_all"): ComparedMeasure("share of frames with all people", False, 0.05),
    # Scores run from 0 to 1: a twentieth of the scale.
    ("pose", "mean_score"): ComparedMeasure("mean score of the joints", False, 0.05),
    # In s: a third of the gap that the pose stage interpolates (`pose.cleaning.max_gap_s`, .6).
    ("pose", "longest_gap_s"): ComparedMeasure("longest gap in the pose in s", True, 0.2),
    # Share of the border: 4 of its 40 cells, such as a person at the edge of the picture.
    ("camera_flow", "inliers_mean"): ComparedMeasure("share of the border that moves as one", False, 0.1),
    # Share of the frame pairs: 1 in 20.
    ("camera_flow", "unusable_share"): ComparedMeasure("share of frame pairs without camera motion", True, 0.05),
    # In picture widths per s: less than half of what a smoothly following camera has (see SHAKE); a tripod had .0009.
    ("camera_flow", "shake"): ComparedMeasure("jitter of the camera", True, 0.05),
}
"""Quality measures to compare with training, each with the reason for its floor."""

MARGIN = 0.5
"""A measure is flagged if it is worse than the worst of training by more than its floor and this share of the training
range."""


def quality_ranges(each: Sequence[Quality]) -> Ranges:
    """Smallest and largest value of every quality measure over performances, by stage and name."""
    ranges: dict[str, dict[str, tuple[float, float]]] = {}
    for quality in each:
        for stage, measures in quality.items():
            for name, value in measures.items():
                if isinstance(value, (int, float)):
                    low, high = ranges.setdefault(stage, {}).get(name, (float(value), float(value)))
                    ranges[stage][name] = min(low, float(value)), max(high, float(value))
    return ranges


@dataclass(frozen=True)
class Facts:
    """Inputs of the checks for one video; None and empty values are unknown."""

    quality: Quality = field(default_factory=dict)  # measures by stage and name, as in the cache
    training: Ranges = field(default_factory=dict)  # `quality_ranges` of the training performances
    duration: float | None = None  # seconds
    lengths: tuple[float, float] | None = None  # shortest and longest training performance in seconds
    usual_length: float = 0.0  # median of a data set's videos in seconds, before training
    distance: tuple[float, str] | None = None  # `Novelty.ratios`: distance in limits, and the most distant block
    software: Sequence[str] = ()  # packages whose versions differ from those of training, one line each
    uncalibrated: str | None = None  # why scores have no intervals
    levels_missing: Sequence[int] = ()  # levels in per cent whose intervals need more training performances
    independent: int = 0  # number of independent training performances
    camera_agent: bool = False  # the camera's motion is one of the model's agents
    trained_on: bool | None = None  # whether a file of the performance was in the training part
    accuracy: Accuracy | None = None  # of the model on held-out performances
    difficulty: tuple[float | None, float, float] | None = None  # announced; least and most in training
    phases: tuple[float, float] | None = None  # uncertainty in s of phases by alignment, and its limit

    @property
    def names(self) -> dict[str, str]:
        """The names of the agents that are people, such as {"primary": "left athlete"}."""
        return of_agents(self.quality.get("timesteps", {}), NAME)

    def measure(self, stage: str, name: str) -> float | None:
        """A numeric quality measure; None if unknown."""
        value = self.quality.get(stage, {}).get(name)
        return float(value) if isinstance(value, (int, float)) else None

    def name_of(self, agent: Agent) -> str:
        """The name of an agent's person, else "primary agent" or "secondary agent"."""
        return self.names.get(agent, f"{agent} agent")


def find_flags(facts: Facts, names: Sequence[str] = ()) -> tuple[tuple[Flag, ...], tuple[str, ...]]:
    """Flags, the worst first, and the names of the checks that ran; `names` chooses among `CHECKS`, default all."""
    found: dict[str, list[Flag]] = {}
    for name in names or CHECKS:
        needed, check = CHECKS[name]
        value = needed(facts)
        if value is not None:
            found[name] = [*check(facts, value)]
    flags = [flag for of_check in found.values() for flag in of_check]
    trained = facts.lengths is not None or facts.distance is not None
    signs = [worst_first(found[name])[0] for name in KIND_OF_VIDEO if trained and found.get(name)]
    if len(signs) > 1 and all(flag.level != "bad" for flag in flags):
        titles = " and ".join(flag.title for flag in signs[:2])
        flags.insert(0, Flag("bad", "not such a performance", f"Two signs of another kind of video: {titles}."))
    return worst_first(flags), tuple(found)


def _measures(facts: Facts, *measures: tuple[str, str]) -> Known | None:
    """The known measures among (stage, name); None if none is known."""
    return {measure: value for measure in measures if (value := facts.measure(*measure)) is not None} or None


def _detection(facts: Facts, rate: float) -> Flags:
    if rate < 0.5:
        detail = f"The people whom the model needs were all detected in only {100 * rate:.0f} % of the frames."
        yield Flag("bad" if rate < 0.25 else "warn", "people rarely detected", detail)
    gap = facts.measure("pose", "longest_gap_s")
    if gap is not None and facts.duration and gap > 0.25 * facts.duration:
        missing, total = apart(gap, facts.duration)
        detail = f"A person was not detected for {missing} s in a row, of {total} s."
        yield Flag("warn", "long gap in the pose", detail)


def _damage(_: Facts, counts: Known) -> Flags:
    packets, hidden = (max((n for (_, key), n in counts.items() if key == name), default=0.0) for name in _DAMAGE_KEYS)
    if packets > 0:
        detail = f"The video has {counted(int(packets), 'damaged packet')}: frames may be missing."
        yield Flag("warn", "damaged stream", detail)
    if hidden > 0:
        detail = f"The file has {counted(int(hidden), 'frame')} outside the time that it shows"
        yield Flag("warn", "hidden frames", f"{detail}: it was trimmed, or its table of times is damaged.")


def _person(_: Facts, rival: float) -> Flags:
    if rival > RIVAL:
        detail = "Another person stands out at least half as much as the followed one, in size and visibility"
        fix = "For two who perform together, set pose.agents=2; else choose one by pose.region or pose.tracks."
        yield Flag("warn", PROMINENT, f"{detail}. {fix}")


def _frame_rate(facts: Facts, rates: Known) -> Flags:
    (stage, name), rate = next(iter(rates.items()))
    low, high = facts.training.get(stage, {}).get(name, FRAMERATES)
    if not FRAMERATES[0] <= rate <= FRAMERATES[1]:
        slow = "time may be stretched; if it is slow motion, set frames.fps to the rate of the camera."
        fault = slow if rate > FRAMERATES[1] else "fast movement is lost; film at 25 or more."
        yield Flag("warn", "implausible frame rate", f"The video has {significant(rate)} frames per second: {fault}")
    elif not low / RATE_MARGIN <= rate <= high * RATE_MARGIN:
        others = significant(low) + (f" to {significant(high)}" if high > low else "")
        detail = f"The video has {significant(rate)} frames per second, others have {others}"
        yield Flag("warn", "another frame rate", f"{detail}: film all at one rate, or convert this one.")


def _pause(facts: Facts, pause: float) -> Flags:
    if pause > PAUSE_S and facts.duration and pause > PAUSE_SHARE * facts.duration:
        detail = f"For {significant(pause)} s of {significant(facts.duration)} s the file has no frame or row"
        yield Flag("bad", "pause in the recording", f"{detail}: its clock jumped, or parts are missing.")


def _cuts(_: Facts, counts: Known) -> Flags:
    if not (cuts := max(counts.values())) < 1:
        detail = f"The video has {'one cut' if cuts == 1 else f'{cuts:.0f} cuts'}: it shows more than one shot."
        yield Flag("warn" if cuts == 1 else "bad", "cut in the video", detail)


def _steps(facts: Facts, shares: Mapping[Agent, float]) -> Flags:
    for agent, share in shares.items():
        if share > 0.2:
            name = facts.name_of(agent)
            detail = f"In {100 * share:.0f} % of the time steps the {name} was not detected for long enough."
            yield Flag("bad" if share > 0.5 else "warn", "agent missing", detail, agent, f"{name} missing")


def _camera_measured(facts: Facts) -> tuple[float, bool] | None:
    shake, moving = facts.measure("camera_flow", "shake"), facts.quality.get("camera_flow", {}).get("moving")
    return None if shake is None or moving is None else (shake, bool(moving))


def _camera(facts: Facts, measured: tuple[float, bool]) -> Flags:
    shake, moving = measured
    if shake > SHAKE:
        yield Flag("warn", "shaking camera", f"The camera jitters by {shake:.2f} picture widths per second.")
    trained = facts.training.get("camera_flow", {}).get("moving")
    if not moving and (trained is None or trained[0] > 0):
        always = trained is not None
        why = ", and the model uses the camera's motion" if facts.camera_agent else ""
        why += ", but followed every training performance" if always else ""
        level: Level = "warn" if facts.camera_agent or always else "info"
        yield Flag(level, "static camera", f"The camera hardly moves{why}.")
    unusable = facts.measure("camera_flow", "unusable_share")
    if unusable is not None and unusable > 0.3:
        detail = f"In {100 * unusable:.0f} % of the frame pairs the camera's motion could not be measured."
        yield Flag("warn", "camera motion unknown", detail)


def _kinematics(_: Facts, measures: Measures) -> Flags:
    if measures.get("video_mismatch"):
        yield Flag("warn", "kinematics and video differ", "The recording and the video differ in length.")


def _comparable(facts: Facts) -> list[tuple[ComparedMeasure, float, Sequence[float]]] | None:
    """Each quality measure that training also has, with its value and range in training; None without any."""
    values = _measures(facts, *COMPARED) or {}
    limits = {(stage, name): facts.training.get(stage, {}).get(name) for stage, name in values}
    return [
        (COMPARED[measure], values[measure], limit) for measure, limit in limits.items() if limit is not None
    ] or None


def _against_training(_: Facts, measured: Sequence[tuple[ComparedMeasure, float, Sequence[float]]]) -> Flags:
    worse = []
    for measure, value, (low, high) in measured:
        slack = max(MARGIN * (high - low), measure.floor)
        if (value > high + slack) if measure.more_is_worse else (value < low - slack):
            worse.append(f"{measure.text} {significant(value)}, in training {significant(low)} to {significant(high)}")
    if worse:
        yield Flag("warn", "poorer features than in training", f"{'; '.join(worse).capitalize()}.")


def _length(facts: Facts, duration: float) -> Flags:
    shortest, longest = facts.lengths or (SHORTEST_S, float("inf"))
    if facts.lengths and max(shortest - duration, duration - longest) < LENGTH_FLOOR_S:
        return
    if duration < shortest * (1 - LENGTH_MARGIN if facts.lengths else 1):
        than = "the shortest training performance" if facts.lengths else "but should last at least"
        has, expected = apart(duration, shortest)
        detail = f"The video lasts {has} s, {than} {expected} s."
        yield Flag("bad" if duration < 0.5 * shortest else "warn", "too short", detail)
    elif duration > longest * (1 + LENGTH_MARGIN):
        has, most = apart(duration, longest)
        detail = f"The video lasts {has} s, the longest training performance {most} s."
        yield Flag("bad" if duration > 2 * longest else "warn", "too long", detail)
    elif duration < facts.usual_length / SHORT:
        has, usual = apart(duration, facts.usual_length)
        yield Flag("warn", "too short", f"The video lasts {has} s, half of the videos {usual} s or more.")


def _distance(facts: Facts, distance: tuple[float, str]) -> Flags:
    ratio, block = distance
    if not ratio <= 1:
        detail = f"The distance of this video to the training performances is {apart(ratio, 1)[0]} times the limit"
        level: Level = "warn" if ratio <= FAR else "bad"
        agent = AGENT_OF_BLOCK.get(block, "")
        part = f"the {facts.name_of(agent)}" if agent in facts.names else block
        yield Flag(
            level,
            "unlike the training performances",
            f"{detail}, most in {part}.{' Scores of such videos can be further off.' * (level == 'warn')}",
            agent,
        )


def _phases(_: Facts, uncertainty: tuple[float, float]) -> Flags:
    widest, limit = uncertainty
    if widest > limit:
        here, usual = apart(widest, limit)
        detail = f"The most similar annotated performances place an edge {here} s apart, usually {usual} s or less"
        mend = "drag the edges on the page, and put phases.csv beside the video"
        yield Flag("warn", "uncertain phases", f"{detail}: {mend}.")


def _settings(facts: Facts, _: bool) -> Flags:
    if facts.software:
        more = len(facts.software) - 3
        lines = "; ".join(facts.software[:3]) + (f"; and {more} more" if more > 0 else "")
        yield Flag("info", "other software versions", f"Package versions differ from training: {lines}.")


def _intervals(facts: Facts, _: bool) -> Flags:
    if facts.uncalibrated is not None:
        yield Flag("warn", "no intervals", f"The uncertainty of the score is unknown: {facts.uncalibrated}.")
    elif facts.levels_missing:
        which = " and ".join(f"{level} %" for level in facts.levels_missing)
        have = f"{facts.independent} independent training performances are too few"
        detail = f"An interval of {which} cannot be given: {have}."
        yield Flag("info", "no interval", detail, title=f"no {which} interval")


def _trained_on(_: Facts, trained_on: bool) -> Flags:
    if trained_on:
        detail = "The model has learned from a file of this performance, so its own score proves nothing."
        yield Flag("warn", TRAINED_ON, detail)


def _accuracy(_: Facts, accuracy: Accuracy) -> Flags:
    if not accuracy.better:
        yield Flag("bad", GUESSING, f"{accuracy.errors[0].upper()}{accuracy.errors[1:]}.")


def _difficulty(_: Facts, given: tuple[float | None, float, float]) -> Flags:
    announced, least, greatest = given
    if announced is None:
        detail = "A score is this times the announced difficulty, which this video lacks. Give it and score again"
        fix = "in the field on the page of all videos, with --difficulty, or in the column difficulty of labels.csv"
        yield Flag("info", EXECUTION_ALONE, f"{detail}: {fix}.", title=PER_DIFFICULTY)
    elif not least <= announced <= greatest:
        detail = f"It is {announced:g}, {least:g} to {greatest:g} in the training performances. Check it"
        yield Flag("warn", "unusual difficulty", f"{detail}.")


_DAMAGE_KEYS = ("damaged_packets", "hidden_frames")
_DAMAGE = tuple((stage, key) for stage in ("clips", "pose", "camera_flow") for key in _DAMAGE_KEYS)
RATES = (("clips", "frames_per_s"), ("pose", "frames_per_s"))

CHECKS: Mapping[str, tuple[Callable[[Facts], Any], Callable[[Facts, Any], Iterable[Flag]]]] = {
    "stream": (lambda facts: _measures(facts, *_DAMAGE), _damage),
    "people detected": (lambda facts: facts.measure("pose", "found_rate_all"), _detection),
    "right person": (lambda facts: facts.measure("pose", "rival"), _person),
    "cuts": (lambda facts: _measures(facts, ("pose", "cuts"), ("camera_flow", "cuts")), _cuts),
    "agents in every step": (
        lambda facts: of_agents(facts.quality.get("timesteps", {}), "masked_steps") or None,
        _steps,
    ),
    "camera": (_camera_measured, _camera),
    "kinematics": (lambda facts: facts.quality.get("kinematics") or None, _kinematics),
    "quality against training": (_comparable, _against_training),
    "frame rate": (lambda facts: _measures(facts, *RATES), _frame_rate),
    "pauses": (lambda facts: facts.measure("timesteps", "longest_pause_s"), _pause),
    "length": (lambda facts: facts.duration, _length),
    "distance to the training performances": (lambda facts: facts.distance, _distance),
    "phases": (lambda facts: facts.phases, _phases),
    "training videos": (lambda facts: facts.trained_on, _trained_on),
    "accuracy": (lambda facts: facts.accuracy, _accuracy),
    "difficulty": (lambda facts: facts.difficulty, _difficulty),
    "settings": (lambda _: True, _settings),
    "calibration": (lambda _: True, _intervals),
}
"""Checks by the names in reports, two functions each. The first gives the check's input from the facts, or None if it
cannot run. The second gives the flags from facts and input."""
