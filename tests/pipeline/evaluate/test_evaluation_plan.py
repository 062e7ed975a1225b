"""`evaluate` on a made JIGSAWS copy: protocols, audit, baselines, the paper's row; and the paper's own averages."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from data.datasets.listing import list_records
from data.errors import DataError
from models.aim_config import AimConfig
from models.metrics import fisher_average
from pipeline.cache.output_cache import Cache
from pipeline.evaluate import evaluate_features, results_as_json
from pipeline.evaluate.evaluation_notes import evaluation_notes
from pipeline.evaluate.evaluation_plan import RequestedRows, protocol_folds, protocol_systems
from pipeline.evaluate.leaderboard import OURS, all_systems
from pipeline.evaluate.paper_tables import TABLES
from pipeline.evaluate.results_tables import fold_table, main_table
from pipeline.folds import COMBINED
from pipeline.folds.rows import CHOSEN, ORACLE
from pipeline.observer import Observer
from pipeline.pack.labelled_features import gather_features
from pipeline.report.evaluation_section import section_of_evaluation
from pipeline.run import Planner, run_extract
from pipeline.settings.config import load_config, validate
from pipeline.settings.train_config import TrainConfig
from pipeline.systems.aim_system import AimSystem
from synthetic.tiny_jigsaws import make_jigsaws
from tests.helpers.made_features import with_records


def run_protocol(config, features, **options):
    with TemporaryDirectory() as folder:
        return evaluate_features(
            features, config, Cache(Path(folder) / "cache"), Path(folder), RequestedRows(**options)
        ).results


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("jigsaws")
    make_jigsaws(root / "set", trials=12, tasks=("Suturing",), rows=60, videos=False)
    config = validate(
        {
            "name": "jigsaws",
            "stages": ["kinematics", "timesteps"],
            "cache": str(root / "cache"),
            "protocol": "4fold",
            "work": {"workers": 0},
            "dataset": {"kind": "jigsaws", "root": str(root / "set")},
            "timesteps": {"primary": "kinematics:master", "secondary": ["kinematics:slave"], "scene": ""},
            "train": {"networks": 2, "epochs": 3},
        }
    )
    cache = Cache(config.machine.cache)
    records = list_records("jigsaws", root / "set", tasks=("Suturing",)).records
    assert run_extract(Planner(config, cache).plan_all(records), config.machine, cache).ok
    return config, gather_features(records, config, cache, Observer())


@pytest.mark.parametrize("protocol", ["4fold", "louo", "loso", "kfold"])
def test_every_protocol_gives_a_table_with_baselines(made, protocol):
    config, features = made
    results = run_protocol(load_config(config, {"protocol": protocol, "combined": False}), features)
    assert results.audit.ok
    assert {prediction.id for prediction in results.predictions} == set(features.ids)
    table, louo = main_table(results), protocol == "louo"
    folds = ("within users", "between users") if louo else ("per fold",)
    assert table.columns == ("rho", "95 % interval", *folds, "MAE", f"beside {OURS}")
    assert (f"interval over {len(results.folds)} users" in table.note) == louo
    names = {row.name for row in table.rows if row.kind != "paper"}
    assert {OURS, f"{OURS}, {CHOSEN}", "training mean", "duration", "random"} <= names
    assert ("subject mean" in names) != louo, "it is the training mean of new users"
    assert not {COMBINED, f"{OURS}, {ORACLE}"} & names
    assert any("paper" in row.name for row in table.rows) == (protocol in ("4fold", "louo"))
    json.dumps(results_as_json(results), allow_nan=False)
    page = section_of_evaluation(results)
    assert page.rho == results.systems[OURS].average.rho
    assert OURS in page.rho_of, "the model that `train` makes"
    checks = {name: passed for name, passed, _ in page.leaks}
    assert all(checks[f"{kind} on both sides"] for kind in (*results.audit.forbid, "performance"))
    assert False not in checks.values()
    assert f"the protocol {protocol} " in results.methods_text


def test_the_headline_is_of_a_system_that_learns(made):
    config, features = made
    config = load_config(config, {"protocol": "kfold", "split.folds": 2, "combined": False, "train.epochs": 1})
    methods = run_protocol(config, features, systems="all", only="USDL", quick=True)
    assert methods.against == "USDL"
    assert "The system is USDL." in methods.methods_text
    scene = run_protocol(load_config(config, {"model.variant": "no_aim"}), features, quick=True)
    assert scene.against == "w/o AIM"
    assert OURS not in scene.systems


def test_a_regression_is_the_same_system_beside_a_combination_and_alone(made):
    """Its constants are chosen on folds that keep apart what the protocol keeps apart."""
    asked, identities = RequestedRows("all", quick=True), []
    for combined in (True, False):
        method = load_config(made[0], {"protocol": "louo", "combined": combined}).method
        rows = {row.name: row for row in protocol_systems(method, made[1], asked)}
        (system,) = rows["descriptors, SVR"].systems
        identities.append(system.identity())
    assert identities[0] == identities[1]
    assert "subject" in identities[0][1]["unsplit"]


def test_rows_of_the_paper_keep_their_networks(made):
    for system in ("aim", "no_aim", "scene"):
        rows = all_systems(made[1], AimConfig(variant=system, width=4), TrainConfig())
        networks = {name: row.model.variant for name, row in rows.items() if isinstance(row, AimSystem)
                    and isinstance(row.model, AimConfig)}  # fmt: skip
        assert networks[OURS] == networks["exchanged roles"] == "aim"
        assert networks["w/o AIM"] == "no_aim"


def test_new_users_have_their_correlations_and_the_papers_row(made):
    """Leave-one-user-out: the mean over users beside the result, and the systems that each fold averages."""
    config, features = made
    results = run_protocol(load_config(config, {"protocol": "louo"}), features)
    assert results.against == COMBINED
    suturing = results.systems[OURS].tasks["Suturing"]
    rows = {row.name: row.values for row in main_table(results).rows}
    assert rows[OURS][0] == suturing.rho.value
    assert rows[OURS][2] == suturing.per_fold.arithmetic, "three a user are too few for Fisher's z"
    assert rows["AIM (paper, table 3)"][2] == pytest.approx(0.45)
    assert results.users == len(results.folds)
    folds = [choice.fold for choice in results.systems[COMBINED].chosen if choice.task == "Suturing"]
    assert folds == [size.fold for size in results.folds]
    table = fold_table(results)
    assert [row.name for row in table.rows] == folds
    assert table.columns[2:] == (COMBINED, f"{OURS}, {CHOSEN}")


def test_the_papers_averages_follow_from_its_rows(snapshot):
    """They are the printed ones: 2 digits of most tables, 4 of table 7."""
    averages = {
        f"table {number}, {row}": round(fisher_average([value / 100 for value in values if value is not None]), 4)
        for number, table in TABLES.items()
        for row, values in table.rows.items()
    }
    assert averages == snapshot


def test_equal_kinematics_of_two_people_are_a_leak(made, tmp_path):
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


def test_the_audit_says_that_contents_were_not_compared(made):
    config, features = made
    bare = with_records(features, lambda *_: {"path": None, "sidecars": {}})
    config = load_config(config, {"combined": False, "train.epochs": 1})
    results = run_protocol(config, bare, quick=True)
    assert not results.audit.content_checked
    assert results.audit.lines[0].endswith("; contents not compared, because some files are absent")
    checks = section_of_evaluation(results).leaks
    assert [passed for name, passed, _ in checks if name == "equal files"] == [None]


def test_a_task_with_too_few_performances_is_named(made):
    config, features = made
    results = run_protocol(config, with_records(features, lambda r, i: {"task": r.task if i else "rare"}))
    assert [(one.task, one.train, one.test) for one in results.left_out] == [("rare", 0, 1)]
    line = str(evaluation_notes(results, config, RequestedRows(), {})[1])
    assert line.startswith("note: fold ")
    assert line.endswith(" of rare is not evaluated: 0 to train on, 1 to test")


def test_the_seed_draws_the_folds(made):
    for protocol in ("holdout", "kfold"):
        given = [load_config(made[0], {"protocol": protocol, "split.seed": seed}).method for seed in (0, 5)]
        first, second = (protocol_folds(method, made[1]) for method in given)
        assert first != second
