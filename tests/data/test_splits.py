"""Protocols keep performances together, and the audit finds everything that is on both sides."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from data.errors import DataError, UsageError
from data.leaks import audit
from data.splits import JIGSAWS_4FOLD, Fold, holdout, kfold, make_folds, tied, unsplit_groups
from data.video.records import Record


def jigsaws():
    """All 206 scored views, from the list of folds."""
    folds = json.loads(JIGSAWS_4FOLD.read_text())["folds"]
    trials = sorted(trial for parts in folds.values() for part in parts for trial in part)
    return [
        Record(
            f"{trial[:-5]}/video/{trial}_capture{view}.avi",
            None,
            task=trial[:-5],
            groups={
                "trial": trial,
                "subject": trial[-4],
                "supertrial": str(int(trial[-3:])),
                "view": f"capture{view}",
            },
        )
        for trial in trials
        for view in (1, 2)
    ]


def plain(n, **groups):
    return [Record(f"{i:03d}.mp4", None, groups=groups) for i in range(n)]


@pytest.mark.parametrize(("protocol", "count"), [("4fold", 4), ("louo", 8), ("loso", 5)])
def test_jigsaws_protocols_cover_everything_once_and_do_not_leak(protocol, count):
    records = jigsaws()
    folds = make_folds(protocol, records)
    assert len(folds) == count
    tested = [name for fold in folds for name in fold.test]
    assert sorted(tested) == sorted(record.id for record in records)
    report = audit(folds, records, forbid=unsplit_groups(protocol))
    report.require()
    assert report.untested == ()
    assert "view" not in report.shared
    per_task = {task: sum(r.task == task for r in records) for task in ("Suturing", "Needle_Passing", "Knot_Tying")}
    assert per_task == {"Suturing": 78, "Needle_Passing": 56, "Knot_Tying": 72}
    assert protocol != "louo" or [fold.name for fold in folds] == list("BCDEFGHI"), "a surgeon in no task"


def test_4fold_leaves_absent_trials_out_and_refuses_unlisted_ones(tmp_path):
    records = jigsaws()
    assert [len(fold.test) for fold in make_folds("4fold", records[:20])] == [4, 2, 8, 6]
    odd = replace(records[0], id="x", groups={"trial": "Suturing_Z001"})
    with pytest.raises(DataError, match="Suturing_Z001"):
        make_folds("4fold", [*records, odd])
    path = tmp_path / "folds.json"
    for text in ("[]", "{", '{"folds": {"a": 3}}', '{"folds": []}', "[" * 100_000):
        path.write_text(text)
        with pytest.raises(DataError, match="not a list of folds"):
            make_folds("4fold", records, folds_file=path)
    path.write_text('{"folds": {"a": [["Suturing_B001"], ["Suturing_B001"]]}}')
    with pytest.raises(DataError, match="appears twice"):
        make_folds("4fold", records, folds_file=path)


def test_fixed_split():
    records = [replace(record, split="test" if i < 2 else "train") for i, record in enumerate(plain(5))]
    (fold,) = make_folds("fixed", records)
    assert fold.test == ("000.mp4", "001.mp4")
    assert len(fold.train) == 3
    with pytest.raises(DataError, match=r"such as 000\.mp4"):
        make_folds("fixed", plain(2))
    with pytest.raises(DataError, match="no test part"):
        make_folds("fixed", [replace(record, split="train") for record in plain(2)])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 30)), min_size=6, max_size=60),
    st.integers(2, 4),
    st.integers(0, 5),
)
def test_grouped_folds_never_leak(groups, k, seed):
    records = [
        Record(f"{i:03d}", None, groups={"original": str(o), "group": str(g)}) for i, (g, o) in enumerate(groups)
    ]
    if len(tied(records)) < k:
        with pytest.raises(DataError):
            kfold(records, k, seed)
        return
    folds = kfold(records, k, seed)
    assert audit(folds, records).ok
    assert sorted(name for fold in folds for name in fold.test) == [record.id for record in records]
    again = {fold.name: set(fold.test) for fold in kfold(records[::-1], k, seed)}
    assert again == {fold.name: set(fold.test) for fold in folds}
    assert audit(holdout(records, seed), records).ok


def test_folds_are_balanced_and_seeded_and_indices_follow_the_given_order():
    records = plain(20)
    assert [len(fold.test) for fold in kfold(records, 4, seed=1)] == [5] * 4
    assert kfold(records, 4, seed=1) == kfold(records, 4, seed=1) != kfold(records, 4, seed=2)
    assert len(holdout(records)[0].test) == 5
    fold = Fold("1", ("b", "a"), ("c",))
    assert [part.tolist() for part in fold.indices(["a", "b", "c"])] == [[1, 0], [2]]
    with pytest.raises(DataError, match="such as c"):
        fold.indices(["a", "b"])


def test_wrong_names_are_explained():
    with pytest.raises(UsageError, match="did you mean 'louo'"):
        make_folds("luoo", [])
    with pytest.raises(DataError, match="have no subject"):
        make_folds("louo", plain(3))
    with pytest.raises(DataError, match="at least two"):
        make_folds("louo", plain(3, subject="B"))
    with pytest.raises(UsageError):
        kfold(plain(3), k=1)


@pytest.mark.parametrize("kind", ["trial", "original", "group", "subject", "supertrial"])
def test_a_planted_leak_is_found_and_named(kind):
    records = [Record(f"{i}.mp4", None, groups={kind: f"{i % 4}"}) for i in range(5)]
    fold = Fold("1", ("0.mp4", "1.mp4"), ("2.mp4", "3.mp4", "4.mp4"))
    report = audit([fold], records, forbid=(kind,))
    with pytest.raises(DataError, match=f"{kind} '0' trains as 0.mp4 and tests as 4.mp4"):
        report.require()
    assert [(leak.train, leak.test) for leak in report.leaks] == [(("0.mp4",), ("4.mp4",))]
    allowed = audit([fold], records, forbid=())
    assert (report.ok, allowed.ok, allowed.shared) == (False, True, {kind: 1})


def test_equal_content_and_repeated_records_are_always_leaks():
    records = plain(4)
    fold = Fold("1", ("000.mp4", "001.mp4"), ("002.mp4", "003.mp4"))
    prints = {"000.mp4": ["aa"], "001.mp4": ["bb", "cc"], "002.mp4": ("cc", "dd"), "003.mp4": {"ee"}}
    assert audit([fold], records, fingerprints=prints, forbid=()).lines == [
        "leak audit: 1 leak(s); kept apart: nothing; contents compared",
        "leak: fold 1: content 'cc' trains as 001.mp4 and tests as 002.mp4",
    ]
    assert not audit([Fold("1", ("000.mp4",), ("000.mp4",))], records, forbid=()).ok
    assert len(audit([Fold("1", ("000.mp4",), ("001.mp4",))], records).untested) == 3
    with pytest.raises(DataError, match="unknown record"):
        audit([Fold("1", ("x",), ("000.mp4",))], records)


def test_hostile_names_come_out_printable():
    records = [Record(name, None, groups={"trial": "\x1b"}) for name in ("<script>\n\x1b\udcff.mp4", "b")]
    report = audit([Fold("1", (records[0].id,), ("b",))], records)
    assert all(str(leak).isprintable() for leak in report.leaks)


@given(st.integers(0, 9999), st.integers(1, 25))
@settings(max_examples=40, deadline=None)
def test_bundles_are_the_connected_components_of_shared_groups(seed, count):
    rng, kinds = np.random.default_rng(seed), ("trial", "group")
    drawn = [{kind: f"{rng.integers(8)}" for kind in (*kinds, "other") if rng.random() < 0.6} for _ in range(count)]
    records = [Record(f"r{i}", None, groups=groups) for i, groups in enumerate(drawn)]
    shared = np.array([[any(a.get(kind, 8) == b.get(kind, 9) for kind in kinds) for a in drawn] for b in drawn])
    _, labels = connected_components(shared)
    expected = {frozenset(records[i].id for i in np.flatnonzero(labels == label)) for label in set(labels)}
    assert {frozenset(bundle) for bundle in tied(records, kinds)} == expected
    assert tied([records[i] for i in rng.permutation(count)], kinds) == tied(records, kinds)
