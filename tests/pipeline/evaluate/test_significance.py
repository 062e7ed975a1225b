"""Which rows the data separate from the reference, in which direction, and the sentence on it."""

import numpy as np
import pytest

from data.splits import Fold, kfold
from models.estimate import Estimate
from pipeline.checks.paired_test import Lead, paired_test
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.evaluate.evaluation_results import Leads
from pipeline.evaluate.significance import separation_line
from tests.helpers.folds import knowing
from tests.helpers.made_features import made_features, with_records
from tests.helpers.made_results import made_results, system
from tests.pipeline.evaluate.test_rank_intervals import rows


def compared(**leads):
    """Results in which the reference is `ours`, and the leads have these intervals."""
    made = {name: Lead(Estimate(0.0, *(ends or (None, None))), 0.5) for name, ends in leads.items()}
    systems = {name: system(Estimate(0.5)) for name in ("ours", *leads)}
    return made_results(systems, comparison=Leads("ours", 60, made))


def test_the_sentence_says_which_side_ranks_better():
    line = separation_line(compared(mean=(-0.5, -0.1), noise=(0.1, 0.3), tie=(-0.1, 0.1)))
    ours = "ours ranks better than 'noise'; 'mean' ranks better than ours; ours is not separated from 'tie' ("
    assert line.startswith(ours)
    assert "at 5 % for all 3 rows at once" in line
    assert separation_line(compared(a=(-1, -0.1), b=(-1, -0.1))).startswith("'a', 'b' rank better than ours; none")
    assert "no row is separated from ours (" in separation_line(compared(a=(-1, 1), b=(0, 1)))
    assert "60 performances are too few to separate 2 rows from ours" in separation_line(compared(a=None, b=None))
    assert separation_line(made_results({"ours": system(Estimate(0.5))})) == ""


def test_a_worse_reference_is_named_as_worse():
    features = made_features(60, channels=2, scene=2)
    noise = np.random.default_rng(0).normal(0, 50, 60)
    systems = [
        knowing("combined", features, lambda scores: scores + noise),
        knowing("subject mean", features),
        knowing("constant", features, lambda scores: 0 * scores),
    ]
    protocol = Protocol(kfold(features.records, k=3))
    results, again = (cross_validate(features, protocol, systems, against="combined") for _ in range(2))
    assert set(results.comparison.rows) == {"subject mean"}, "a constant prediction has no correlation"
    assert results.comparison.rows["subject mean"].difference.high < 0
    assert separation_line(results).startswith("'subject mean' ranks better than combined; none is a tie")
    assert again.comparison == results.comparison, "permutations are the same again"


def test_an_interval_excludes_zero_where_the_corrected_p_value_is_small():
    """On exact permutations and random ones, for leads around the border."""
    rng = np.random.default_rng(0)
    for count in (9, 30):
        true = rng.normal(size=count)
        ours = rows(true + 0.3 * rng.normal(size=count), true)
        made = {f"{i}": [rows(true + 0.3 * i * rng.normal(size=count), true)] for i in range(1, 9)}
        comparison = Leads("ours", *paired_test({"ours": [ours], **made}, "ours"))
        for lead in comparison.rows.values():
            if lead.difference.interval is None:
                assert count == 9
            else:
                assert (lead.corrected < 0.05) == (lead.verdict != "tie")


def test_fold_means_that_were_removed_do_not_make_differences_look_larger():
    """Half an interval is 1.96 deviations of the difference of equal systems, in folds of four too."""
    rng, fold, squares = np.random.default_rng(3), np.arange(36) % 9, []
    for _ in range(250):
        true, shared = rng.normal(size=(2, 36))
        one, other = 0.6 * true + 0.8 * (0.5**0.5 * shared + 0.5**0.5 * rng.normal(size=(2, 36)))
        given = {"ours": [rows(one, true, fold)], "other": [rows(other, true, fold)]}
        difference = paired_test(given, "ours")[1]["other"].difference
        squares.append((difference.value / (difference.high - difference.value)) ** 2)
    assert np.mean(squares) == pytest.approx(1 / 1.96**2, rel=0.15), "a third more without the widening"


def test_views_of_one_performance_are_no_further_evidence():
    """Copies of five performances separate nothing: 4 of 32 exchanges are as extreme; the middle one changes none."""
    features = made_features(60, channels=2, scene=2)
    features = with_records(features, lambda _, i: {"groups": {"original": f"o{i % 5}"}})
    systems = [knowing("ours", features), knowing("reversed", features, lambda scores: -scores)]
    results = cross_validate(
        features, Protocol([Fold("f", features.ids[:10], features.ids[10:])]), systems, against="ours"
    )
    assert results.comparison.units == 5
    assert results.comparison.rows["reversed"].corrected == pytest.approx(4 / 32)
    assert "5 performances are too few to separate 1 row from ours" in separation_line(results)


def test_where_folds_are_users_their_predictions_are_exchanged_together():
    """Of 2 ** 6 ways to exchange six users, two are as extreme as a reversed ranking."""
    true, user = np.random.default_rng(1).normal(size=30), np.arange(30) % 6
    given = {"ours": [rows(true, true, user)], "reversed": [rows(-true, true, user)]}
    for users, units, p in ((True, 6, 2 / 64), (False, 30, 1 / 5000)):
        leads = Leads("ours", *paired_test(given, "ours", users=users))
        assert (leads.units, leads.rows["reversed"].verdict) == (units, "worse")
        assert leads.rows["reversed"].corrected == pytest.approx(p)
