"""The sentences on agreement: the verdict, and no number where none can be right."""

import numpy as np

from models.agreement import agreement
from pipeline.label.pair_consistency import PairFit
from pipeline.label.verdicts import pair_lines, right_order, score_lines, verdict
from tests.helpers.approved import steady


def test_the_share_in_the_right_order_is_that_of_normal_truth_and_error():
    """The shares are those of a million simulated pairs."""
    for reliability, share in ((0.0, 50), (0.5, 75), (0.8, 85), (1.0, 100)):
        assert f" in {share} of 100 cases" in right_order(reliability)


def fit(chance, groups=1):
    misfits = {"raters": {"Eva": 0.4}, "random": ("Eva",), "videos": {"x.mp4": 2.1}, "misfits": ("x.mp4",)}
    return PairFit(chance, 0.83, **misfits, same=5, common=9, groups=groups)


def scores(noise, seed):
    """(20, 3): three raters of 20 videos, whose own differences have a deviation of 3; infinite noise: chance alone."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(20, 1)) * (0 if noise == np.inf else 3) + rng.normal(size=(20, 3))


def test_what_is_said_of_the_agreement(snapshot):
    """The verdict comes first; no number where none can be right; no name of a rater."""
    gaps = scores(1, 1)
    gaps[7:, 2] = np.nan
    said = {
        **{f"chance {c}, reliability {r}, raters {n}": verdict(c, r, n)
           for c, r, n in [(0.05, 0.95, 2), (0.01, 0.2, 2), (0.01, 0.5, 1), (0.01, 0.8, 2), (0.01, 0.9, 2)]},
        "pairs of chance": pair_lines(fit(0.4), 2),
        "pairs": pair_lines(fit(0.01, groups=3), 2),
        "no pairs": pair_lines(None, 0),
        "random scores": score_lines(agreement(scores(np.inf, 0))),
        "good scores": score_lines(agreement(scores(1, 0))),
        "seven videos judged by all": score_lines(agreement(gaps)),
        "five videos": score_lines(agreement(scores(1, 290)[:5])),
        "equal scores": score_lines(agreement(np.ones((5, 2)))),
    }  # fmt: skip
    assert {name: steady(str(lines)) for name, lines in said.items()} == snapshot
    assert "Eva" not in str(said)
