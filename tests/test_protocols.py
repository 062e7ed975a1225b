"""`evaluate` on a made JIGSAWS copy: protocols, audit, baselines, the paper's row; and the paper's own averages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.datasets import list_records
from data.synthetic.jigsaws import make_jigsaws
from pipeline.cache import Cache
from pipeline.config import BaseConfig, validate
from pipeline.extract import run_extract
from pipeline.features import FeatureSet, gather
from pipeline.protocols import OURS, PAPER, evaluation_report, fisher, results_rows, run_protocol
from pipeline.runner import Planner


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[BaseConfig, FeatureSet]:
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
    cache = Cache(config.cache)
    planner = Planner(config, cache)
    records = list_records("jigsaws", root / "set", tasks=("Suturing",)).records
    assert run_extract(records, config, cache, planner).exit_code == 0
    return config, gather(records, planner).features


@pytest.mark.parametrize("protocol", ["4fold", "louo", "loso", "kfold"])
def test_every_protocol_gives_a_table_with_baselines(made: tuple[BaseConfig, FeatureSet], protocol: str) -> None:
    config, features = made
    results = run_protocol(config.model_copy(update={"protocol": protocol}), features)
    assert results["audit"]["ok"]
    assert {entry["id"] for entry in results["predictions"]} == set(features.ids)
    columns, rows = results_rows(results)
    names = [row[0] for row in rows]
    assert names[:5] == [OURS, "training mean", "duration", "subject mean", "random"]
    assert any("paper" in name for name in names) == (protocol in ("4fold", "louo"))
    assert all(len(row) == len(columns) for row in rows)
    json.dumps(results, allow_nan=False)
    page = evaluation_report(results)
    assert page.leaks
    assert all(check.passed for check in page.leaks if "equal files" not in check.name)


def test_two_runs_give_the_same_figures(made: tuple[BaseConfig, FeatureSet]) -> None:
    config, features = made
    first, second = (run_protocol(config, features) for _ in range(2))
    first.pop("created"), second.pop("created")
    assert first == second


@pytest.mark.parametrize(
    ("key", "average"),
    [
        (("jigsaws", "4fold"), 0.712),
        (("jigsaws", "louo"), 0.475),
        (("tasd2", "fixed"), 0.8873),  # printed as 89 %
        (("aqa7", "fixed"), 0.7789),
    ],
)
def test_the_papers_averages_follow_from_its_rows(key: tuple[str, str], average: float) -> None:
    (row,) = PAPER[key].values()
    assert fisher(list(row.values())) == pytest.approx(average, abs=6e-4)


def test_the_papers_rows_have_our_task_names() -> None:
    from data.aqa7 import ACTIONS
    from data.jigsaws import TASKS
    from data.tasd2 import EVENTS

    assert set(next(iter(PAPER["aqa7", "fixed"].values()))) == set(ACTIONS)
    assert set(next(iter(PAPER["jigsaws", "4fold"].values()))) == set(TASKS)
    assert set(next(iter(PAPER["tasd2", "fixed"].values()))) == set(EVENTS.values())


def test_results_lie_where_they_are_read(made: tuple[BaseConfig, FeatureSet], tmp_path: Path) -> None:
    from pipeline.evaluate import read_results, write_results

    config, features = made
    results = run_protocol(config, features)
    write_results(results, tmp_path / "run/results.json")
    assert read_results(tmp_path / "run/results.json") == results
