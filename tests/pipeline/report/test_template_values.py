"""The sentence above a video agrees with its numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag import Flag, Level
from pipeline.checks.flag_checks import GUESSING
from pipeline.report import ReportData, render_report, template_values
from pipeline.report.page_data import BatchSection, Traces, TrainingSteps, VideoSection
from pipeline.report.template_values import why
from pipeline.score.model_card import LIMITS
from pipeline.score.score import NO_JUDGEMENT, Score, ScoreParts, StepScore
from pipeline.score.score_tables import csv_text, scores_as_json
from tests.helpers import report_samples

MEAN = 2.0
TRAINING = TrainingSteps(((MEAN, 0.5),) * 5, tuple(np.linspace(-1.0, -0.05, 20).tolist()), ((0.5, 0.6),) * 5)


def video(*gaps: float, training: TrainingSteps | None = TRAINING, curves: tuple[Traces, ...] = ()) -> VideoSection:
    """Five steps of one second, with these differences from the mean in points."""
    steps = tuple(StepScore(i, i + 1, MEAN + gap, 0.45, 0.55) for i, gap in enumerate(gaps))
    return VideoSection(
        "v", Score("v", score=20.0, steps=steps, duration=float(len(gaps))), training=training, difference=curves
    )


def curve(raised: float, name: str = "hips", **more: object) -> Traces:
    """A curve of 0.1 with a ripple, raised in the steps 3 and 4."""
    time = np.arange(0, 5, 0.05)
    values = 0.1 + 0.01 * np.sin(9 * time) + np.where((time >= 2) & (time < 4), raised, 0.0)
    return Traces("Difference between the two", "torso lengths", time, {name: values}, **more)  # type: ignore[arg-type]


def test_the_lowest_steps_and_the_curve_that_stands_out() -> None:
    phrases = {"hips": "the hips of the two have moved against each other by"}
    shown = why(video(0.1, 0.0, -1.2, -0.9, -0.2, curves=(curve(0.31, phrases=phrases), curve(0.0, "arms"))))
    assert shown == (
        "Lowest against training: steps 3–4, 2.00–4.00 s, −2.10 points (none of 20 training videos has a step as far "
        "below as step 3); the hips of the two have moved against each other by 0.41 torso lengths there on average, "
        "0.1 in the other steps."
    )


def test_curves_of_tools_are_named_with_their_unit_and_a_flat_curve_is_not_named() -> None:
    speed = Traces("Speed of the tools", "m/s", curve(0.5).time, curve(0.5, "left master").series)
    assert why(video(0, 0, -1.2, -0.9, 0, curves=(speed,))).endswith(
        "; the speed of the tools (left master) is 0.6 m/s there on average, 0.1 in the other steps."
    )
    assert why(video(0, 0, -1.2, -0.9, 0, curves=(curve(0.0),))).endswith("; no curve of this page stands out there.")
    assert why(video(0, 0, -1.2, -0.9, 0)).endswith("as step 3).")


def test_a_lower_curve_is_no_reason_and_gaps_do_not_count() -> None:
    low = curve(-0.09)
    assert "no curve" in why(video(0, 0, -1.2, -0.9, 0, curves=(low,)))
    empty = replace(low, series={"hips": np.full(len(low.time), np.nan)})
    assert "no curve" in why(video(0, 0, -1.2, -0.9, 0, curves=(empty,)))


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        (
            (0.1, 0.0, -0.5, 0.0, 0.0),
            "No step is unusual. Lowest against training: step 3, 2.00–3.00 s, −0.50 points (11 of 20 training videos "
            "have a step as far below).",
        ),
        ((0.1, 0.0, 0.2, 0.0, 0.0), "No step is below the mean of the training videos."),
        (
            (0.1, 0.0, -0.96, 0.0, 0.0),
            "Lowest against training: step 3, 2.00–3.00 s, −0.96 points (1 of 20 training videos has a step as far "
            "below).",
        ),
    ],
)
def test_the_sentence_names_a_step_only_where_it_is_unusual(gaps: tuple[float, ...], expected: str) -> None:
    assert why(video(*gaps)) == expected


def test_without_training_videos_nothing_is_called_unusual() -> None:
    alone = why(video(0.0, 0.0, -1.0, 0.0, 0.0, training=None))
    assert alone.startswith("Lowest in this video, without training videos to compare with: step 3, 2.00–3.00 s, −0.80")
    assert why(video(0.0, 0.0, 0.0, 0.0, 0.0, training=None)) == "All steps have the same score."
    assert why(VideoSection("v", Score("v", score=1.0))) == ""
    assert why(video(float("nan"), 0, 0, 0, 0)) == ""


def test_the_limits_of_step_scores_are_beside_them_in_the_words_of_the_model_card() -> None:
    assert NO_JUDGEMENT in LIMITS
    for gaps in ((0.0, 0.0, -1.2, 0.0, 0.0), (0.1, 0.1, 0.1, 0.1, 0.1)):
        page = render_report(ReportData("t", videos=(video(*gaps),)))
        assert NO_JUDGEMENT.replace("'", "&#39;") in page
    assert NO_JUDGEMENT.replace("'", "&#39;") not in render_report(
        ReportData("t", videos=(VideoSection("v", Score("v")),))
    )


def test_only_a_step_that_the_words_call_unusual_has_the_full_colour() -> None:
    for gap in np.arange(-1.1, 1.1, 0.05).round(2):
        shown = video(0.1, 0.0, float(gap), -0.1, 0.0)
        strongest = min(step.quality for step in template_values.drawn_steps(shown))
        assert ("unusual" in why(shown) or "below the mean" in why(shown)) == (strongest > -1.0), gap
        assert strongest == -1.0 or strongest >= -template_values.PALE


def test_colour_and_number_are_on_one_scale() -> None:
    """A step that is further below has never the paler colour, even where its deviation in training is larger."""
    training = replace(TRAINING, scores=((MEAN, 0.02), (MEAN, 0.5), (MEAN, 0.5), (MEAN, 0.5), (MEAN, 0.5)))
    steps = template_values.drawn_steps(video(-0.05, -0.11, 0.2, 0.0, 5.0, training=training))
    by_number = sorted(steps, key=lambda step: step.shown_gap)
    assert [step.quality for step in by_number] == sorted(step.quality for step in steps)
    reach = template_values.colour_reach(video(0, 0, 0, 0, 0, training=training))
    assert steps[0].quality == pytest.approx(-template_values.PALE * 0.05 / reach)
    assert steps[4].quality == template_values.PALE


def accurate(shown: VideoSection, within: float) -> VideoSection:
    """The video, scored by a model with this error."""
    accuracy = Accuracy(38, 0.5, within / 2, within, within, True)
    return replace(shown, result=replace(shown.result, accuracy=accuracy))


def test_where_most_steps_are_low_the_whole_performance_is_called_low() -> None:
    low = video(0.1, -0.28, -0.3, -0.28, -0.25, training=replace(TRAINING, lowest=(-0.1,) * 20))
    assert why(low) == "The whole performance is below usual: −1.01 points against the training videos."
    assert why(accurate(low, 18.3)) == (
        "The whole performance is below usual: −1.01 points against the training videos, less than the model's usual "
        "error of ±18.3."
    )
    assert why(accurate(low, 0.5)) == why(low)


def test_the_scale_of_the_colours_ends_at_what_is_unusual() -> None:
    page = render_report(ReportData("t", videos=(video(-0.28, -0.28, -0.28, -0.28, -0.28),)))
    limit = f"{-sorted(TRAINING.lowest)[2]:.2f}"
    assert f"<span>−{limit}</span><i></i><span>+{limit}</span>" in page


def test_attention_is_drawn_against_its_usual_range() -> None:
    shown = video(0, 0, 0, 0, 0)
    strip = template_values.attention(shown, template_values.drawn_steps(shown))
    assert strip is not None
    axis, steps = strip
    assert 0.48 < axis.low < 0.5
    assert 0.6 < axis.high < 0.62
    assert all(step.position == pytest.approx(50) for step in steps)
    assert all(step.usual == pytest.approx((100 / 12, 1000 / 12), abs=0.1) for step in steps)
    alone = video(0, 0, 0, 0, 0, training=None)
    bare = template_values.attention(alone, template_values.drawn_steps(alone))
    assert bare is not None
    axis, steps = bare
    assert (axis.low, axis.high, steps[0].usual) == (0.0, 1.0, None)
    assert template_values.attention(shown, []) is None


def test_a_page_of_a_model_that_guesses_is_about_movement() -> None:
    """No number of the model is on it; the videos are in the order of the judges."""
    guesses = (Flag("bad", GUESSING),)
    labels = {"low.mp4": 2.5, "high.mp4": 8.25}
    rows = [replace(video(0, 0, -1.2, 0, 0), name=name, truth={"score": label}) for name, label in labels.items()]
    rows = [
        replace(row, result=Score(row.name, score=31.7, steps=row.result.steps, flags=guesses, duration=2.0))
        for row in rows
    ]
    data = ReportData("t", videos=tuple(rows), batch=BatchSection(tuple(rows), training_scores=(1.0, 2.0)))
    page = render_report(data)
    assert "This page is about movement" in page
    assert '<a href="#batch">Movement</a>' in page
    assert page.count(">Videos</h2>") == 1
    assert not [word for word in (">31.7", 'class="steps"', 'id="distribution"', "Attention to the") if word in page]
    assert page.index("high.mp4") < page.index("low.mp4")
    assert [name for _, name in template_values.comparable(data)] == ["low.mp4", "high.mp4"], (
        "side by side, without scores"
    )


def test_phases_sum_their_steps_and_name_them() -> None:
    plain = video(0.1, 0.0, -1.2, -0.9, 0.3)
    names = ("run", "run", "flight", "flight", "entry")
    named = report_samples.in_phases(plain, names)
    parts = ScoreParts.of(named.result, 2)
    assert parts is not None
    assert {name: float(share) for name, share in parts.phases.items()} == {"run": 4.1, "flight": 1.9, "entry": 2.3}
    assert sum(parts.phases.values()) == sum(s.share or 0 for s in template_values.drawn_steps(named))
    assert why(named).startswith("Lowest against training: steps 3–4 (flight), 2.00–4.00 s")
    assert plain.result.phases == ()
    page = render_report(ReportData("t", videos=(named,)))
    assert "<b>flight</b> 1.90 <small>\N{MINUS SIGN}2.10</small>" in page
    assert 'data-phase="flight" data-seek="2" style="left:40.0%;width:40.0%"' in page
    assert "Step 3 · flight" in page


@pytest.mark.parametrize("level", ["bad", "warn"])
def test_a_performance_without_steps_of_a_score_has_its_phases(level: Level) -> None:
    """A flag of level "bad" forbids a score; a model that guesses has no steps."""
    plain = report_samples.in_phases(video(0.1, 0.0, -1.2, -0.9, 0.3), ("run", "run", "flight", "flight", "entry"))
    steps = tuple(step.unscored() for step in plain.result.steps)
    score = Score("v", score=3.0, flags=(Flag(level, "odd"),), steps=steps, duration=5.0)
    page = render_report(ReportData("t", videos=(replace(plain, result=score),)))
    assert "<figcaption>Phases</figcaption>" in page
    assert page.count("data-phase=") == 3
    assert "<b>flight</b></button>" in page
    (shown,) = scores_as_json([score])
    assert shown["phases"][1] == {"name": "flight", "start": 2.0, "end": 4.0, "score": None}
    assert "phase flight" in csv_text([score]).partition("\n")[0]
