"""`evaluate` on a made JIGSAWS copy: protocols, audit, baselines, the paper's row; and the paper's own averages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from data.datasets.listing import list_records
from data.errors import DataError
from data.splits import forbidden
from models.metrics import fisher_average
from pipeline.cache.local_cache import Cache
from pipeline.evaluate import Results, evaluate_features
from pipeline.evaluate.leaderboard import OURS
from pipeline.evaluate.paper_tables import TABLES
from pipeline.evaluate.protocols import (
    CENTRED,
    FORMS,
    INTERVAL,
    PER_USER,
    SINGLE_RUNS,
    Asked,
    audit_lines,
    interval_text,
    protocol_folds,
    results_rows,
    results_tables,
)
from pipeline.observer import Observer
from pipeline.pack.feature_source import gather
from pipeline.report.evaluation_section import evaluation_report
from pipeline.run.batch import run_extract
from pipeline.run.plan import Planner
from pipeline.settings.config import Config, load_config, validate
from pipeline.systems.combination import COMBINED
from pipeline.systems.inner_folds import InnerSplit
from pipeline.systems.selection import CHOSEN, ORACLE
from pipeline.train.features import FeatureSet
from synthetic.tiny_jigsaws import make_jigsaws

pytestmark = pytest.mark.usefixtures("few_draws")


def run_protocol(config: Config, features: FeatureSet, **options: Any) -> Results:
    with TemporaryDirectory() as folder:
        return evaluate_features(
            features, config, Cache(Path(folder) / "cache"), Path(folder), Asked(**options)
        ).results


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, FeatureSet]:
    root = tmp_path_factory.mktemp("jigsaws")
    make_jigsaws(root / "set", trials=12, tasks=("Suturing",), rows=60, videos=False)
    config = validate(
        {
            "name": "jigsaws",
            "stages": ["kinematics", "timesteps"],
            "cache": str(root / "cache"),
            "protocol": "4fold",
            "run": {"workers": 0},
            "dataset": {"kind": "jigsaws", "root": str(root / "set")},
            "timesteps": {"primary": "kinematics:master", "secondary": ["kinematics:slave"], "scene": ""},
            "train": {"runs": 2, "epochs": 3},
        }
    )
    cache = Cache(config.machine.cache)
    planner = Planner(config, cache)
    records = list_records("jigsaws", root / "set", tasks=("Suturing",)).records
    assert run_extract(records, planner).ok
    return config, gather(records, planner, Observer())


@pytest.mark.parametrize("protocol", ["4fold", "louo", "loso", "kfold"])
def test_every_protocol_gives_a_table_with_baselines(made: tuple[Config, FeatureSet], protocol: str) -> None:
    config, features = made
    results = run_protocol(load_config(config, {"protocol": protocol}), features)
    assert results["audit"]["ok"]
    assert {entry["id"] for entry in results["predictions"]} == set(features.ids)
    tables = results_tables(results)
    assert [title.split(",")[0] for title, _, _ in tables][:1] == [FORMS["together"].split(",")[0]], (
        "no table per fold of three"
    )
    assert len(tables) == (2 if protocol == "louo" else 1)
    count, users = len(features), len(results["protocol"]["folds"])
    own = [f"{PER_USER} (n {users})"] if protocol == "louo" else []
    heads = [f"Suturing (n {count})", *own, f"{CENTRED} (n {count})"]
    assert tables[0][1] == ("system", *(head for name in heads for head in (name, INTERVAL)), "MAE")
    assert tables[0][0].endswith(f"; intervals over {users} users") == (protocol == "louo")
    assert re.fullmatch(r"-?[01].\d\d to -?[01].\d\d", next(row[2] for row in tables[0][2] if row[0] == OURS))
    (mean, value), (tile, all_value), (apart, apart_value), *_ = evaluation_report(results).summary.items()
    assert mean == f"Spearman's rho, arithmetic mean over folds, Suturing, 95 % interval, n {count}"
    assert tile == mean.replace("arithmetic mean over folds", "all ranked together")
    assert apart == tile.replace(", Suturing", ", fold means removed")
    values = (value, all_value, apart_value)
    shown = (re.fullmatch(r"(-?[01]\.\d{3}) \(-?[01]\.\d\d to -?[01]\.\d\d\)", each) for each in values)
    ours = results["systems"][COMBINED if COMBINED in results["systems"] else OURS]["tasks"]["Suturing"]
    over = ours["over_folds"]
    expected = (over["arithmetic"]["value"], ours["together"]["spearman"], over["centred"])
    assert [match and match[1] for match in shown] == [f"{value:.3f}" for value in expected]
    more = [
        {**entry, "performance": f"{entry['performance']} {i}"} for entry in results["predictions"] for i in range(5)
    ]
    enough = {**results, "predictions": results["predictions"] + more}
    assert [" per " in title.split(",")[0] for title, _, _ in results_tables(enough)][:2] == [True, False]
    forms = [name.split(", ")[1] for name in [*evaluation_report(enough).summary][:2]]
    assert forms == ["Fisher average over folds", "all ranked together"]
    rows = tables[0][2]
    names = [row[0] for row in rows]
    assert {OURS, f"{OURS}, {CHOSEN}", "training mean", "duration", "subject mean", "random"} <= set(names)
    assert not any("oracle" in name for name in names)
    assert (COMBINED in names) == (protocol == "louo")
    assert any("paper" in name for name in names) == (protocol == "louo"), "the paper's values are per fold"
    per_fold = [row[0] for row in results_tables(enough)[0][2]]
    assert any("paper" in name for name in per_fold) == (protocol in ("4fold", "louo"))
    assert all(len(row) == len(columns) for _, columns, rows in tables for row in rows)
    json.dumps(results, allow_nan=False)
    page = evaluation_report(results)
    assert page.leaks
    assert all(check.passed for check in page.leaks if "equal files" not in check.name)


def test_both_forms_of_the_correlation_are_in_results_and_tables(made: tuple[Config, FeatureSet]) -> None:
    """Leave-one-user-out: per user, then averaged; and all held-out predictions ranked together."""
    config, features = made
    results = run_protocol(load_config(config, {"protocol": "louo"}), features)
    suturing = results["systems"][OURS]["tasks"]["Suturing"]
    (title, heads, together), (_, columns, choice) = results_tables(results)
    row, other = (next(row for row in rows if row[0] == OURS) for rows in (results_rows(results)[1], together))
    assert row[1] == suturing["over_folds"]["fisher"]["value"]
    assert other[1] == suturing["together"]["spearman"] == suturing["over_folds"]["together"]
    assert row[1] != other[1]
    assert other[-3] == pytest.approx(suturing["over_folds"]["centred"])
    people = len(results["protocol"]["folds"])
    assert f"over {people} users" in title
    mean = results["systems"][OURS]["average"]["folds_arithmetic"]["arithmetic"]
    assert other[3:5] == (mean["value"], interval_text(mean["interval"]))
    assert heads[3] == f"{PER_USER} (n {people})"
    assert suturing["interval"]["clusters"] == people
    inner = results["systems"][COMBINED]["inner"]
    assert [one["fold"] for one in inner] == [fold["name"] for fold in results["protocol"]["folds"]]
    assert all(set(one["used"]) <= set(one["names"]) == set(one["tests"]) for one in inner)
    assert columns == ("system", "rho", "p", f"averaged in (of {people})")
    averaged = {row[0]: row[3] for row in choice}
    assert averaged == {name: sum(name in one["used"] for one in inner) for name in inner[0]["names"]}
    assert sum(averaged.values()) >= people
    tables = evaluation_report(results).tables
    assert len(tables) == 2
    assert together[-1][0].endswith("(paper, table 3)")
    assert together[-1][1:5] == (None, None, pytest.approx(0.45), None)
    for table in tables:
        for column, better in zip(table.columns, table.better, strict=True):
            good = "low" if column == "MAE" else "high"
            assert better == ("neither" if column in ("p", f"averaged in (of {people})", INTERVAL) else good)


def test_the_oracle_is_in_the_output_only_when_asked_for(made: tuple[Config, FeatureSet]) -> None:
    config, features = made
    assert f"{OURS}, {ORACLE}" in run_protocol(config, features, oracle=True)["systems"]
    assert not any("oracle" in name for name in run_protocol(config, features)["systems"])


@pytest.mark.parametrize(
    ("number", "row", "average"),
    [
        ("2", "AIM", 0.71),
        ("2", "JR-GCN", 0.57),
        ("2", "ST-GCN", 0.43),
        ("2", "TSN", 0.46),
        ("2", "Baseline", 0.08),
        ("2", "Baseline+Kinetic", 0.46),
        ("3", "DTC+DFT+ApEn", 0.41),
        ("3", "AIM", 0.47),
        ("4", "AIM, multi-task", 0.89),
        ("4", "AIM, single-task", 0.87),
        ("4", "I3D-SVR-L", 0.75),
        ("5", "w/o AIM", 0.40),
        ("5", "w/o attention fusion", 0.67),
        ("5", "exchanged roles", 0.67),
        ("5", "w/o transformation", 0.68),
        ("5", "w/o difference", 0.68),
        ("7", "AIM", 0.7789),
        ("7", "JR-GCN", 0.7849),
        ("7", "ST-GCN", 0.4433),
        ("7", "C3D-LSTM", 0.6165),
        ("7", "C3D-SVR", 0.6937),
    ],
)
def test_the_papers_averages_follow_from_its_rows(number: str, row: str, average: float) -> None:
    rounding = 1e-4 if number == "7" else 1e-2  # entries and averages of the others are printed with two digits
    combined = fisher_average([value / 100 for value in TABLES[number].rows[row] if value is not None])
    assert combined.value == pytest.approx(average, abs=rounding)


def test_the_papers_rows_have_our_task_names() -> None:
    from data.datasets.aqa7 import ACTIONS
    from data.datasets.jigsaws import TASKS
    from data.datasets.tasd2 import EVENTS

    names = {"jigsaws": TASKS, "aqa7": ACTIONS, "tasd2": EVENTS.values()}
    for table in TABLES.values():
        assert set(table.tasks) == set(names[table.kind])


def test_a_table_of_the_paper_is_reproduced_beside_its_rows(made: tuple[Config, FeatureSet]) -> None:
    config, features = made
    results = run_protocol(config, features, systems="5")
    rows = {row[0]: row[1:] for row in results_rows(results)[1]}
    names = list(rows)
    single = [task["runs"]["folds_fisher"]["mean"] for task in results["systems"][OURS]["tasks"].values()]
    assert list(rows[SINGLE_RUNS][: len(single)]) == single, "the paper averages over single networks too"
    assert rows[SINGLE_RUNS] != rows[OURS]
    assert names.index(SINGLE_RUNS) == min(i for i, name in enumerate(names) if "paper" in name) - 1
    assert {OURS, "w/o AIM", "exchanged roles", "w/o difference", "w/o AIM (paper, table 5)", "random"} <= set(names)
    assert evaluation_report(results).predictions


def test_equal_kinematics_of_two_people_are_a_leak(made: tuple[Config, FeatureSet], tmp_path: Path) -> None:
    config, features = made
    files = {record.id: record.sidecars["kinematics"] for record in features.records}
    by_user = {record.groups["subject"]: files[record.id] for record in features.records}
    first, second, *_ = by_user.values()
    kept = second.read_bytes()
    try:
        second.write_bytes(first.read_bytes())
        with pytest.raises(DataError, match=r"content .* trains as .* and tests as"):
            run_protocol(load_config(config, {"protocol": "louo"}), features)
    finally:
        second.write_bytes(kept)


def test_the_audit_says_that_contents_were_not_compared(made: tuple[Config, FeatureSet]) -> None:
    config, features = made
    bare = [replace(record, path=None, sidecars={}) for record in features.records]
    results = run_protocol(config, replace(features, records=tuple(bare)))
    assert not results["audit"]["content_checked"]
    assert "leak audit: contents not compared, because some files are absent" in audit_lines(results["audit"])
    page = evaluation_report(results)
    assert page.leaks is not None
    assert [check.passed for check in page.leaks if check.name == "equal files"] == [None]


def test_a_task_with_too_few_performances_is_named(made: tuple[Config, FeatureSet]) -> None:
    config, features = made
    records = [replace(r, task="rare" if i == 0 else r.task) for i, r in enumerate(features.records)]
    results = run_protocol(config, replace(features, records=tuple(records)))
    assert [(entry["task"], entry["train"], entry["test"]) for entry in results["left_out"]] == [("rare", 0, 1)]
    line = audit_lines(results["audit"], results["left_out"])[-1]
    assert line.startswith("note: rare, fold")
    assert line.endswith("is not evaluated: 0 to train on, 1 to test")


def test_the_protocol_and_the_seed_cut_the_inner_folds(
    made: tuple[Config, FeatureSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    features, splits = made[1], list[InnerSplit]()

    def rows_of(features: Any, parts: Any, split: InnerSplit) -> None:
        splits.append(split)
        raise StopIteration  # before any training

    monkeypatch.setattr("pipeline.evaluate.cross_validation.fold_rows", rows_of)
    config = validate({**made[0].dump(), "protocol": "kfold", "split": {"folds": 6}})
    for seed in (0, 5):
        given = validate({**config.dump(), "split": {"seed": seed}})
        with pytest.raises(StopIteration):
            run_protocol(given, features)
        held = tuple(frozenset(fold.test) for fold in protocol_folds(given, features))
        assert splits[-1] == InnerSplit(forbidden("kfold"), seed, held)
    at_random = [[part.test.tolist() for part in replace(one, folds=()).inner(features)] for one in splits]
    assert at_random[0] != at_random[1]
    split = load_config(config, {"protocol": "holdout"})
    folds = [protocol_folds(validate({**split.dump(), "split": {"seed": seed}}), features) for seed in (0, 5)]
    assert folds[0] != folds[1]
