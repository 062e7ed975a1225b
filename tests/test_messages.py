"""What a message names can be read after a plain installation, which brings no pages."""

import ast

from data import errors
from data.errors import AimError, install_line
from pipeline.settings.settings_table import OWNERS, setting_rows
from tests.helpers.checkout import ROOT


def nodes():
    """Every node of the program's source with its file; no docstrings."""
    for path in (path for name in ("data", "extractors", "models", "pipeline") for path in (ROOT / name).rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) not in bare or isinstance(node, ast.Call):
                yield path, node


def test_every_error_says_what_to_do_next_and_no_text_names_what_an_installation_lacks():
    names = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, AimError)}
    calls, faults = 0, []
    for path, node in nodes():
        fault = False
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            fault = any(text in node.value for text in ("docs/", "install -e .", 'install -e "'))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
            calls += 1
            fault = "fix" not in {keyword.arg for keyword in node.keywords}
        if fault:
            faults.append(f"{path}:{node.lineno}")
    assert faults == []
    assert calls > 300


def test_the_table_of_settings_has_every_key_once_with_its_meaning():
    rows = {row.key: row for row in setting_rows()}
    assert len(setting_rows()) == len(rows) > 100
    assert all(row.meaning and row.belongs_to in OWNERS.values() for row in rows.values())
    owners = {
        "work.workers": "machine", "pose.device": "machine", "pose.stride": "method", "train.epochs": "method",
        "clips.weights": "method, by content", "dataset.root": "data set", "pose.region": "videos",
        "frames.fps": "videos",
    }  # fmt: skip
    assert {key: rows[key].belongs_to for key in owners} == owners
    assert rows["train.epochs"].default == "100 (paper 3000, tools 300)"
    assert [row.key for row in setting_rows("pose.import")] == ["pose.import.layout", "pose.import.dir"]


def test_an_extra_is_installed_into_a_checkout_and_into_an_installed_program(tmp_path, monkeypatch):
    assert install_line("ray") == f'python -m pip install -e "{ROOT}[ray]"'
    monkeypatch.setattr(errors, "__file__", str(tmp_path / "site-packages/data/errors.py"))
    assert install_line("ray") == 'python -m pip install "aim-pipeline[ray]"'
    assert install_line() == 'python -m pip install "aim-pipeline"'
    stand_ins = '"CHECKOUT/stand_ins/chumpy" "CHECKOUT/stand_ins/xtcocotools"'
    assert install_line("mmpose").endswith(f' -e "CHECKOUT[mmpose]" {stand_ins}')
