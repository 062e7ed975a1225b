"""The sentence above a video agrees with its numbers."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.report import template_values
from pipeline.report.page_data import TrainingSteps, VideoSection
from pipeline.report.template_values import why
from pipeline.score.video_score import Score, StepScore
from tests.helpers import report_samples

MEAN = 2.0
TRAINING = TrainingSteps(((MEAN, 0.5),) * 5, tuple(np.linspace(-1.0, -0.05, 20).tolist()), ((0.5, 0.6),) * 5)


def video(*gaps, training=TRAINING):
    """Five steps of one second, with these differences from the mean in points."""
    steps = tuple(StepScore(i, i + 1, MEAN + gap, 0.45, 0.55) for i, gap in enumerate(gaps))
    return VideoSection("v", Score("v", score=20.0, steps=steps, duration=float(len(gaps))), training=training)


LOW = (0.1, 0.0, -1.2, -0.9, -0.2)
USUAL = replace(TRAINING, lowest=(-0.1,) * 20)

SENTENCES = {
    "two low steps": video(*LOW),
    "no step is unusual": video(0.1, 0.0, -0.5, 0.0, 0.0),
    "no step is below the mean": video(0.1, 0.0, 0.2, 0.0, 0.0),
    "one training video is as low": video(0.1, 0.0, -0.96, 0.0, 0.0),
    "without training videos": video(0.0, 0.0, -1.0, 0.0, 0.0, training=None),
    "equal steps": video(0.0, 0.0, 0.0, 0.0, 0.0, training=None),
    "no steps": VideoSection("v", Score("v", score=1.0)),
    "no finite step": video(float("nan"), 0, 0, 0, 0),
    "the whole is low": video(0.1, -0.28, -0.3, -0.28, -0.25, training=USUAL),
    "phases": report_samples.in_phases(video(*LOW), ("run", "run", "flight", "flight", "entry")),
}


def test_the_sentence_above_a_video(snapshot):
    assert {name: why(shown) for name, shown in SENTENCES.items()} == snapshot


def test_only_a_step_that_the_words_call_unusual_has_the_full_colour():
    for gap in np.arange(-1.1, 1.1, 0.05).round(2):
        shown = video(0.1, 0.0, float(gap), -0.1, 0.0)
        strongest = min(step.quality for step in template_values.drawn_steps(shown))
        assert ("not unusual" in why(shown) or "below the mean" in why(shown)) == (strongest > -1.0), gap
        assert strongest == -1.0 or strongest >= -template_values.PALE


def test_colour_and_number_are_on_one_scale():
    """A step that is further below has never the paler colour, even where its deviation in training is larger."""
    training = replace(TRAINING, scores=((MEAN, 0.02), (MEAN, 0.5), (MEAN, 0.5), (MEAN, 0.5), (MEAN, 0.5)))
    steps = template_values.drawn_steps(video(-0.05, -0.11, 0.2, 0.0, 5.0, training=training))
    by_number = sorted(steps, key=lambda step: step.shown_gap)
    assert [step.quality for step in by_number] == sorted(step.quality for step in steps)
    reach = template_values.colour_reach(video(0, 0, 0, 0, 0, training=training))
    assert steps[0].quality == pytest.approx(-template_values.PALE * 0.05 / reach)
    assert steps[4].quality == template_values.PALE


def test_attention_is_drawn_against_its_usual_range():
    axis = template_values.attention_axis(video(0, 0, 0, 0, 0))
    assert (axis.low, axis.high) == pytest.approx((0.49, 0.61), abs=0.01)
    assert axis.span((0.5, 0.6)) == pytest.approx((100 / 12, 1000 / 12), abs=0.1)
    bare = template_values.attention_axis(video(0, 0, 0, 0, 0, training=None))
    assert bare == template_values.Scale(0.0, 1.0)
    assert template_values.attention_axis(VideoSection("v", Score("v"))) is None
