"""The sentences on agreement: the verdict, and no number where none can be right."""

from __future__ import annotations

import numpy as np
import pytest

from models.agreement import agreement
from pipeline.label.pair_consistency import Misfit, PairFit
from pipeline.label.verdicts import pair_lines, right_order, score_lines, verdict


@pytest.mark.parametrize(
    ("chance", "reliability", "said"),
    [
        (0.05, 0.95, "agree no better than chance"),
        (0.01, 0.2, "better than chance, but too little to rank"),
        (0.01, 0.5, "tell good from bad, not to rank"),
        (0.01, 0.8, "rank, not to tell neighbours apart"),
        (0.01, 0.9, "rank all but close neighbours"),
    ],
)
def test_the_verdict_follows_from_chance_and_reliability(chance: float, reliability: float, said: str) -> None:
    assert verdict(chance, reliability, 2).startswith("The raters agree ")
    assert verdict(chance, reliability, 1).startswith("The rater's answers agree ")
    assert said in verdict(chance, reliability, 2)


def test_the_share_in_the_right_order_is_that_of_normal_truth_and_error() -> None:
    rng = np.random.default_rng(0)
    for reliability in (0.0, 0.5, 0.8, 1.0):
        truth = rng.normal(size=(2, 40_000))
        label = np.sqrt(reliability) * truth + np.sqrt(1 - reliability) * rng.normal(size=truth.shape)
        share = 100 * np.mean((truth[0] > truth[1]) == (label[0] > label[1]))
        said = float(right_order(reliability).split(" in ")[1].split(" ")[0])
        assert said == pytest.approx(share, abs=1)


def fit(chance: float, groups: int = 1) -> PairFit:
    misfits = (Misfit("rater", "Eva", 1.7), Misfit("video", "x.mp4", 2.1))
    return PairFit(chance, 0.83, {"Eva": 1.7}, {"x.mp4": 2.1}, misfits, same=5, common=9, groups=groups)


def test_pairs_that_are_chance_have_a_verdict_and_no_scale() -> None:
    said = pair_lines(fit(0.4), 2)
    assert said[0] == "The raters agree no better than chance: these labels say nothing yet"
    assert not any("reliability" in line or "infit" in line for line in said)


def test_pairs_that_are_none_have_the_usual_numbers_and_no_name_of_a_rater() -> None:
    said = "\n".join(pair_lines(fit(0.01, groups=3), 2))
    assert "scale separation reliability 0.83: of two videos, the better one has the higher label in 86" in said
    assert "answers on x.mp4 contradict the scale (infit 2.1)" in said
    assert "same answer on 5 of 9 pairs" in said
    assert "no answer connects 3 groups of videos" in said
    assert "Eva" not in said
    assert pair_lines(None, 0) == ("The agreement is unknown until pairs are judged",)


def test_random_scores_are_called_chance_and_good_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    random = score_lines(agreement(rng.normal(size=(20, 3))))
    assert random[0].startswith("The raters agree no better than chance")
    assert "reliability" not in " ".join(random)
    good = score_lines(agreement(rng.normal(size=(20, 1)) * 3 + rng.normal(size=(20, 3))))
    assert "well enough to rank" in good[0]
    assert "Krippendorff's alpha 0.9" in good[1]
    assert "unknown while all scores are equal" in score_lines(agreement(np.ones((5, 2))))[0]


def test_the_icc_says_on_how_many_videos_it_is() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(20, 1)) * 3 + rng.normal(size=(20, 3))
    scores[7:, 2] = np.nan
    said = score_lines(agreement(scores))
    assert "3 raters, 20 videos judged by two or more" in said[1]
    assert next(line for line in said if "ICC" in line).startswith(
        "on the 7 videos that all of them judged, with 95 % intervals"
    )
