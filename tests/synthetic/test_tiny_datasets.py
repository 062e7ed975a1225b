"""Synthetic data sets: read back by the listers of the real ones, with the planted relation."""

import numpy as np
import pytest

from data.datasets.jigsaws_kinematics import parse_kinematics
from data.datasets.listing import list_records
from data.video.decoder import probe
from synthetic.planted_relation import Relation, follow
from synthetic.tiny_jigsaws import make_jigsaws, official_trials


@pytest.fixture(scope="module")
def jigsaws(tmp_path_factory):
    return make_jigsaws(tmp_path_factory.mktemp("made"), trials=4, rows=45)


def test_synthetic_jigsaws_has_the_official_layout_and_its_traps(jigsaws):
    listing = list_records("jigsaws", jigsaws)
    assert len(listing.records) == 3 * 4 * 2
    assert listing.problems == ()
    assert listing.doubts == ("Knot_Tying: 1 kinematics file without a score: Knot_Tying_H002",)
    record = listing.records[0]
    assert record.path is not None
    rows = parse_kinematics(record.sidecars["kinematics"])
    _, times = probe(record.path)
    assert 2 <= len(times) - len(rows) <= 20
    assert record.sidecars["transcription"].read_text().split()[2::3] == ["G1", "G2"]
    assert b"\r\n" in (jigsaws / "Knot_Tying" / "meta_file_Knot_Tying.txt").read_bytes()
    assert [len(official_trials(task)) for task in ("Suturing", "Needle_Passing", "Knot_Tying")] == [39, 28, 36]


def planted(symmetric, count=200):
    """Mean leader and follower (performance, channel) and quality of many performances."""
    relation = Relation.draw(6, 0, symmetric=symmetric)
    quality = np.linspace(0, 1, count)
    pairs = [follow(np.random.default_rng([1, i]), relation, float(q), 60, 30.0) for i, q in enumerate(quality)]
    leader, follower = (np.array([pair[side].mean(axis=0) for pair in pairs]) for side in (0, 1))
    return leader, follower, quality


def explained(*parts):
    """Share of the quality's variance that a linear fit on the first half explains on the second."""
    *features, quality = parts
    inputs = np.concatenate([*features, np.ones((len(quality), 1))], axis=1)
    train, test = slice(0, None, 2), slice(1, None, 2)
    fit = np.linalg.lstsq(inputs[train], quality[train], rcond=None)[0]
    rest = quality[test] - inputs[test] @ fit
    return 1 - float(rest.var() / quality[test].var())


@pytest.mark.parametrize("symmetric", [False, True])
def test_only_both_agents_together_show_the_quality(symmetric):
    """Their plain difference shows it only where the roles are equal."""
    leader, follower, quality = planted(symmetric)
    assert explained(leader, follower, quality) > 0.9
    assert max(explained(leader, quality), explained(follower, quality)) < 0.5
    difference = explained(leader - follower, quality)
    assert difference > 0.9 if symmetric else difference < 0.5
