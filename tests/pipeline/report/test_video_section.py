"""A video's section from stage outputs: curves that mean what they say."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.store.arrays import Array, StageOutput
from data.video import Labels, Record
from extractors.timesteps.roles import parse_role
from pipeline.movement import Trained, better_ranges, movement, steps_of
from pipeline.report import ReportData, render_report
from pipeline.report.page_data import VideoReport
from pipeline.report.video_section import ModelFacts, batch_row, video_report
from pipeline.results import Score, StepScore
from tests.helpers import report_samples
from tests.helpers.made_outputs import STANDING
from tests.helpers.report_samples import pose_output


def flow_output(motions: np.ndarray, step: float = 0.04) -> StageOutput:
    """A `camera_flow` output with these motions of consecutive frames."""
    start = np.arange(len(motions)) * step
    return StageOutput(
        {
            "time": Array(np.stack([start, start + step], 1), ("pair", "frame"), "s"),
            "motion": Array(motions, ("pair", "motion"), "1/s"),
        }
    )


def two_bodies() -> np.ndarray:
    """(30, 2, 17, 3): two equal standing bodies of torso length 45, the second 100 px to the right."""
    points = np.zeros((30, 2, 17, 3))
    points[..., 2] = 0.9
    points[:, :, :, :2] = STANDING + 200
    points[:, 1, :, 0] += 100
    return points


def section(clip: Path, outputs: dict[str, StageOutput], page: Path, steps: int = 10, **options: Any) -> VideoReport:
    """The section of a video whose time steps last .2 s each."""
    scored = tuple(StepScore(0.2 * i, 0.2 * (i + 1), 1.0) for i in range(steps))
    record = Record(id=clip.name, path=clip)
    return video_report(Score(clip.name, clip, score=1.0, steps=scored), record, outputs, page=page, **options)


def test_a_section_from_a_video_and_its_outputs(tmp_path: Path) -> None:
    clip = report_samples.dive_video(tmp_path / "videos" / "dive.mp4")
    outputs = {
        "pose": pose_output(report_samples.keypoints()),
        "camera_flow": flow_output(np.zeros((50, 4))),
    }
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


def test_a_damaged_video_costs_the_picture_and_not_the_report(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    video = section(broken, {"pose": pose_output(two_bodies())}, tmp_path / "r.html")
    assert video.media is None
    assert video.duration == pytest.approx(2.0)
    assert video.difference
    assert "No video in this report." not in render_report(ReportData("t", videos=(video,)))


def test_a_line_of_the_batch_holds_labels_and_the_length_of_the_steps() -> None:
    record = Record(id="a", path=None, labels=Labels(score=3.0), task="dive")
    row = batch_row(Score("a", steps=(StepScore(0.0, 1.5, 1.0),)), record, name="first")
    assert (row.name, row.truth, row.duration, row.task) == ("first", {"score": 3.0}, 1.5, "dive")
    assert (row.media, row.key_frames, row.difference) == (None, (), ())


def better_than(clip: Path, page: Path, change: float, count: int = 30) -> VideoReport:
    """A section of two standing bodies, held against `count` training videos whose trunks are `change` degrees off."""
    outputs = {"pose": pose_output(two_bodies())}
    moved, bounds = movement(outputs["pose"]), np.array([(0.2 * i, 0.2 * (i + 1)) for i in range(5)])
    own = steps_of(moved, bounds)
    videos = []
    for number in range(count):
        figures = {key: [value + 0.0001 * number for value in values] for key, values in own.items()}
        figures["1.trunk"] = [value + change for value in figures["1.trunk"]]
        videos.append(Trained(f"train_{number}.mp4", "10 m", float(number), figures))
    scored = tuple(StepScore(0.2 * i, 0.2 * (i + 1), 1.0) for i in range(5))
    result = Score(clip.name, clip, score=1.0, steps=scored, quality={"timesteps": {"observed_primary": 1.0}})
    roles = tuple(map(parse_role, ("pose:0", "pose:1")))
    record = Record(id=clip.name, path=clip)
    return video_report(result, record, outputs, page=page, facts=ModelFacts(None, better_ranges(videos), roles))


def test_a_section_says_what_differs_from_the_better_videos(tmp_path: Path) -> None:
    clip = report_samples.dive_video(tmp_path / "dive.mp4")
    made = better_than(clip, tmp_path / "page.html", 38.0)
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", render_report(ReportData("t", videos=(made,))))).split())
    assert re.search(
        r"Right athlete: trunk 38 degrees closer to upright at 0\.\d0 s "
        r"than in 9 of 10 of the 10 better training videos",
        text,
    )
    assert "The 10 better training videos are the best by the judges' score of 30." in text
    assert "An observation, no cause of the score." in text
    assert "The best of training is train_29.mp4 (29.00)." in text


def test_a_section_without_differences_says_so(tmp_path: Path) -> None:
    clip = report_samples.dive_video(tmp_path / "dive.mp4")
    page = render_report(ReportData("t", videos=(better_than(clip, tmp_path / "page.html", 0.0),)))
    assert "No movement figure is outside the range of the better training videos" in page


def test_quality_measures_name_people_and_no_agents(tmp_path: Path) -> None:
    clip = report_samples.dive_video(tmp_path / "dive.mp4")
    result = better_than(clip, tmp_path / "page.html", 0.0).result
    assert result.quality == {"timesteps": {"observed (left athlete)": 1.0}}
