"""A video's section from stage outputs, and its differences from the better videos."""

import html
import re
from dataclasses import replace

import numpy as np
import pytest

from data.video import Labels, Record
from pipeline.checks.flag import Flag
from pipeline.checks.flag_checks import GUESSING
from pipeline.report import ReportData, render_report
from pipeline.report.movement_section import gap
from pipeline.report.video_section import ModelFacts, section_of_video
from pipeline.score.movement import Difference, better_ranges, movement, steps_of
from pipeline.score.video_score import Score, StepScore
from tests.helpers import report_samples
from tests.helpers.approved import page_text
from tests.helpers.made_outputs import STANDING, pose_output


def two_bodies():
    """(30, 2, 17, 3): two equal standing bodies of torso length 45, the second 100 px to the right."""
    points = np.zeros((30, 2, 17, 3))
    points[..., 2] = 0.9
    points[:, :, :, :2] = STANDING + 200
    points[:, 1, :, 0] += 100
    return points


def section(clip, outputs, page, steps=10, **options):
    """The section of a video whose time steps last .2 s each."""
    parts = tuple(StepScore(0.2 * i, 0.2 * (i + 1), 1.0) for i in range(steps))
    record = Record(id=clip.name, path=clip)
    scored = Score(clip.name, clip, score=1.0, steps=parts, duration=0.2 * steps)
    return section_of_video(scored, record, outputs, page=page, **options)


def test_a_section_from_a_video_and_its_outputs(tmp_path):
    clip = report_samples.dive_video(tmp_path / "videos" / "dive.mp4")
    outputs = {"pose": pose_output(report_samples.keypoints(), size=report_samples.SIZE)}
    page = tmp_path / "out" / "report.html"
    video = section(clip, outputs, page)
    assert video.media.link == "../videos/dive.mp4"
    assert video.media.uri.startswith("data:video/mp4")
    assert video.duration == pytest.approx(2.04)
    assert [frame.time for frame in video.key_frames] == pytest.approx([0.2 * i + 0.1 for i in range(10)], abs=1e-3)
    assert len(section(clip, outputs, page, steps=0).key_frames) == 8
    linked = section(clip, outputs, page, limit_bytes=0)
    assert linked.media.uri is None
    assert 'data-src="../videos/dive.mp4"' in render_report(ReportData("t", videos=(linked,)))


def test_a_damaged_video_has_a_section_without_a_player(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    video = section(tmp_path / "broken.mp4", {"pose": pose_output(two_bodies())}, tmp_path / "r.html")
    assert (video.media, video.duration) == (None, pytest.approx(2.0))
    assert video.difference


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return report_samples.dive_video(tmp_path_factory.mktemp("clip") / "dive.mp4")


def better_than(clip, change, count=30, labelled=0, flags=()):
    """The section of two standing bodies beside training videos whose second trunk differs by `change` degrees."""
    bounds = np.array([(0.2 * i, 0.2 * (i + 1)) for i in range(5)])
    outputs = {"pose": pose_output(two_bodies())}
    own = steps_of(movement(outputs["pose"]), bounds)
    videos = []
    for number in range(count):
        variables = own.each(lambda values, number=number: [value + 0.0001 * number for value in values])
        variables.people[1]["trunk"] = [value + change for value in variables.people[1]["trunk"]]
        videos.append((Record(f"train_{number}.mp4", None, task="10 m", labels=Labels(number)), variables))
    scored = tuple(StepScore(0.2 * i, 0.2 * (i + 1), 1.0, phase="run" if i < 3 else "entry") for i in range(5))
    quality = {"timesteps": {"observed_primary": 1.0, "name_primary": "left athlete"}}
    result = Score(clip.name, clip, score=1.0, steps=scored, quality=quality, flags=flags, duration=1.0)
    facts = ModelFacts(None, better_ranges(videos), labelled)
    return section_of_video(result, Record(clip.name, clip), outputs, page=clip.parent / "page.html", facts=facts)


def test_movement_is_compared_where_the_model_guesses_but_not_where_the_video_is_in_doubt(clip):
    guesses = Flag("bad", GUESSING)
    for flags, compared in (((guesses,), True), ((guesses, Flag("bad", "wrong person probable")), False)):
        video = better_than(clip, 38.0, flags=flags)
        page = html.unescape(render_report(ReportData("t", videos=(video,))))
        assert bool(re.search(f"{LARGEST}.*?Right athlete: trunk 38", page, re.DOTALL)) is compared
        assert (video.moved is not None) is compared


LARGEST = "Largest difference from the better videos:"

CASES = {
    "a difference": {"change": 38.0},
    "as many differences as usual": {"change": 38.0},
    "no difference": {"change": 0.0},
    "too few training videos": {"change": 38.0, "count": 9, "labelled": 9},
    "no movement of this group": {"change": 38.0, "count": 9, "labelled": 30},
    "no labels": {"change": 38.0, "count": 9},
}


def test_what_is_said_about_the_better_videos(clip, snapshot):
    said = {}
    for name, case in CASES.items():
        video = better_than(clip, **case)
        if "usual" in name:
            video = replace(video, better=replace(video.better, usual=video.better.count))
        lines = page_text(render_report(ReportData("t", videos=(video,)))).splitlines()
        about = [line for line in lines if re.search("better|stands out|usually|athlete\\)|observ", line)]
        said[name] = [re.sub(r"at [\d.]+ s", "at # s", line) for line in about if not line.startswith("data:")]
        assert video.result.quality == {"timesteps": {"observed (left athlete)": 1.0}}, "no agents"
    assert said == snapshot


@pytest.mark.parametrize(
    ("value", "low", "high", "printed"),
    [(83.4, 106.6, 130.0, "24"), (140.6, 106.0, 130.4, "11"), (34.4, 36.6, 36.6, "3"), (36.6, 34.4, 34.4, "3")],
)
def test_a_gap_is_the_difference_of_the_printed_numbers(value, low, high, printed):
    """83 beside 107 are 24 apart, although 83.4 and 106.6 are 23.2 apart."""
    assert gap(Difference(0, "knee", 0, 1, 0, value, low, high)) == printed
