"""A video's section from stage outputs, and its differences from the better videos."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from data.store.arrays import StageOutput
from data.video import Labels, Record
from pipeline.checks.flag import Flag
from pipeline.checks.flag_checks import GUESSING
from pipeline.report import ReportData, render_report
from pipeline.report.page_data import VideoSection
from pipeline.report.video_section import ModelFacts, batch_row, section_of_video
from pipeline.score.movement import TrainingVideo, better_ranges, movement, steps_of
from pipeline.score.score import Score, StepScore
from tests.helpers import report_samples
from tests.helpers.approved import page_text
from tests.helpers.made_outputs import STANDING, motion_of_camera, pose_output


def two_bodies() -> np.ndarray:
    """(30, 2, 17, 3): two equal standing bodies of torso length 45, the second 100 px to the right."""
    points = np.zeros((30, 2, 17, 3))
    points[..., 2] = 0.9
    points[:, :, :, :2] = STANDING + 200
    points[:, 1, :, 0] += 100
    return points


def section(clip: Path, outputs: dict[str, StageOutput], page: Path, steps: int = 10, **options: Any) -> VideoSection:
    """The section of a video whose time steps last .2 s each."""
    parts = tuple(StepScore(0.2 * i, 0.2 * (i + 1), 1.0) for i in range(steps))
    record = Record(id=clip.name, path=clip)
    scored = Score(clip.name, clip, score=1.0, steps=parts, duration=0.2 * steps)
    return section_of_video(scored, record, outputs, page=page, **options)


def test_a_section_from_a_video_and_its_outputs(tmp_path: Path) -> None:
    clip = report_samples.dive_video(tmp_path / "videos" / "dive.mp4")
    start = np.arange(50) * 0.04
    still = motion_of_camera(np.zeros((50, 4)), np.stack([start, start + 0.04], axis=1))
    outputs = {"pose": pose_output(report_samples.keypoints(), size=report_samples.SIZE), "camera_flow": still}
    video = section(clip, outputs, tmp_path / "out" / "report.html")
    assert video.media is not None
    assert video.media.link == "../videos/dive.mp4"
    assert video.media.uri is not None
    assert video.duration == pytest.approx(2.04)
    assert [round(frame.time, 3) for frame in video.key_frames] == [round(0.2 * i + 0.1, 3) for i in range(10)]
    assert len(section(clip, outputs, tmp_path / "report.html", steps=0).key_frames) == 8
    linked = section(clip, outputs, tmp_path / "out" / "report.html", limit_bytes=0)
    assert linked.media is not None
    assert linked.media.uri is None
    page = render_report(ReportData("t", videos=(linked,)))
    assert 'data-src="../videos/dive.mp4"' in page


def test_a_damaged_video_has_a_section_without_a_player(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    video = section(broken, {"pose": pose_output(two_bodies())}, tmp_path / "r.html")
    assert video.media is None
    assert video.duration == pytest.approx(2.0)
    assert video.difference
    assert "No video in this report." not in render_report(ReportData("t", videos=(video,)))


def test_a_line_of_the_batch_holds_labels_and_the_duration_also_without_a_score() -> None:
    record = Record(id="a", path=None, labels=Labels(score=3.0), task="dive")
    flags = (Flag("bad", "no better than guessing"),)
    row = batch_row(Score("a", score=1.0, flags=flags, duration=1.5), record, name="first")
    assert (row.name, row.truth, row.duration, row.task) == ("first", {"score": 3.0}, 1.5, "dive")
    assert (row.media, row.key_frames, row.difference) == (None, (), ())


def better_than(
    clip: Path, page: Path, change: float, count: int = 30, labelled: int = 0, flags: tuple[Flag, ...] = ()
) -> VideoSection:
    """The section of two standing bodies beside training videos whose second trunk differs by `change` degrees."""
    bounds = np.array([(0.2 * i, 0.2 * (i + 1)) for i in range(5)])
    outputs = {"pose": pose_output(two_bodies())}
    moved = movement(outputs["pose"])
    own = steps_of(moved, bounds)
    videos = []
    for number in range(count):
        variables = own.each(lambda values, number=number: [value + 0.0001 * number for value in values])
        variables.people[1]["trunk"] = [value + change for value in variables.people[1]["trunk"]]
        videos.append(TrainingVideo(f"train_{number}.mp4", "10 m", float(number), variables))
    scored = tuple(StepScore(0.2 * i, 0.2 * (i + 1), 1.0, phase="run" if i < 3 else "entry") for i in range(5))
    measures = {"observed_primary": 1.0, "name_primary": "left athlete"}
    quality = {"timesteps": measures}
    result = Score(clip.name, clip, score=1.0, steps=scored, quality=quality, flags=flags, duration=1.0)
    record = Record(id=clip.name, path=clip)
    facts = ModelFacts(None, better_ranges(videos), labelled)
    return section_of_video(result, record, outputs, page=page, facts=facts)


def test_movement_is_compared_where_the_model_guesses_but_not_where_the_video_is_in_doubt(tmp_path: Path) -> None:
    clip, guesses = report_samples.dive_video(tmp_path / "dive.mp4"), Flag("bad", GUESSING)
    for flags, compared in (((guesses,), True), ((guesses, Flag("bad", "wrong person probable")), False)):
        video = better_than(clip, tmp_path / "page.html", 38.0, flags=flags)
        page = html.unescape(render_report(ReportData("t", videos=(video,))))
        assert (
            bool(
                re.search(
                    r"Largest difference from the better videos:.*?Right athlete: trunk 38 degrees", page, re.DOTALL
                )
            )
            is compared
        )
        assert (video.moved is not None) is compared
        angles = page.split('data-part="angle"')[1].split("</select>")[0]
        assert angles.count("<option") == len(video.angles) > 0
    few = better_than(clip, tmp_path / "page.html", 38.0, 9, 9, (guesses,))
    assert "this model has 9" in few.no_better


CASES: dict[str, dict[str, Any]] = {
    "a difference": {"change": 38.0},
    "as many differences as usual": {"change": 38.0},
    "no difference": {"change": 0.0},
    "too few training videos": {"change": 38.0, "count": 9, "labelled": 9},
    "no movement of this group": {"change": 38.0, "count": 9, "labelled": 30},
    "no labels": {"change": 38.0, "count": 9},
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_about_the_better_videos(name: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    clip = report_samples.dive_video(tmp_path / "dive.mp4")
    video = better_than(clip, tmp_path / "page.html", **CASES[name])
    if video.better and "usual" in name:
        video = replace(video, better=replace(video.better, usual=video.better.count))
    lines = page_text(render_report(ReportData("t", videos=(video,)))).splitlines()
    about = [line for line in lines if re.search("better|stands out|usually|athlete\\)|observ", line)]
    said = [re.sub(r"at [\d.]+ s", "at # s", line) for line in about if not line.startswith("data:")]
    assert said == snapshot
    assert video.result.quality == {"timesteps": {"observed (left athlete)": 1.0}}, "no agents"
