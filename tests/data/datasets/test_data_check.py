"""`data check`: it recognises the set in a folder, and compares counts, hashes and files with the published set."""

import hashlib
import json
import pickle
import shutil
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from data.datasets import KINDS, check_data, kind_of, listing
from data.datasets.diving_scores import award_doubts
from data.errors import UsageError
from data.video import Labels, Record
from run_pipeline import app
from synthetic.tiny_datasets import make_aqa7
from synthetic.tiny_jigsaws import make_jigsaws
from synthetic.tiny_published import PUBLISHED, make_finediving, make_lists, make_mtl_aqa, make_unlv


def publish(monkeypatch, kind, **fields):
    """Change the known counts or hashes of a published set."""
    monkeypatch.setattr(listing, "KINDS", {**KINDS, kind: replace(KINDS[kind], **fields)})


@pytest.mark.parametrize("kind", [kind for kind in PUBLISHED if kind != "fis-v"])
def test_a_synthetic_set_is_recognised_and_compared_with_the_published_one(kind, tmp_path, snapshot):
    root = PUBLISHED[kind](tmp_path / "set", frames=8)
    assert kind_of(root) == kind_of(tmp_path) == (kind, root)
    done = CliRunner().invoke(app, ["data", "check", str(tmp_path), "--json"])
    assert (done.exit_code, done.stdout.replace(str(tmp_path), "HERE")) == snapshot
    report = json.loads(done.stdout)
    assert {name: published for name, *_, published in report["counts"] if published} == KINDS[kind].counts


def test_hashes_decide_where_names_do_not(tmp_path, monkeypatch):
    make_lists("fis-v", tmp_path / "skating", count=4, frames=2)
    path = tmp_path / "skating/train_dataset.txt"
    with pytest.raises(UsageError, match="shows no known layout"):
        kind_of(path.parent)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    publish(monkeypatch, "fis-v", hashes={"train_dataset.txt": (digest,), "test_dataset.txt": ("0",)})
    assert kind_of(path.parent) == kind_of(tmp_path) == ("fis-v", path.parent)


def test_a_published_copy_is_complete(tmp_path, monkeypatch):
    make_lists("fis-v", tmp_path, count=4, frames=2)
    path = tmp_path / "train_dataset.txt"
    (tmp_path / "test_dataset.txt").write_text("")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))  # the last performance has no video
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    publish(monkeypatch, "fis-v", counts={"all": 3, "train": 3}, hashes={"train_dataset.txt": ("0", digest[:8])})
    report = check_data("fis-v", tmp_path, {})
    assert report.counts == (("all", 3, 3, 3), ("train", 3, 3, 3), ("skating", 3, 3, None))
    assert report.files == (("train_dataset.txt", "agrees"),)
    assert report.ok
    path.write_text(path.read_text() + "\n")
    assert check_data("fis-v", tmp_path, {}).files == (("train_dataset.txt", "differs"),)


def test_judges_that_do_not_give_the_score_are_named(tmp_path):
    make_finediving(tmp_path, count=8, frames=12)
    for score in ("", "execution"):
        assert check_data("finediving", tmp_path, {"score": score}).doubts == ()
    path = tmp_path / "Annotations/FineDiving_coarse_annotation.pkl"
    given = pickle.loads(path.read_bytes())
    given["MadeWorldCup_1", 0]["judge_scores"] = [9.0, 9.0, 9.0]
    path.write_bytes(pickle.dumps(given))
    report = check_data("finediving", tmp_path, {})
    (doubt,) = report.doubts
    assert doubt.startswith("MadeWorldCup_1/000: score ")
    assert "but the judges 9 9 9 give 86.4; the score is impossible" in doubt


def dives(*lines):
    """Dives by lines of name, score, difficulty and the judges' scores."""
    made = []
    for name, *cells in map(str.split, lines):
        score, difficulty, *judges = map(float, cells)
        labels = Labels(score, difficulty=difficulty, judges=tuple(judges))
        made.append(Record(name, None, task="diving", labels=labels))
    return made


def test_two_divers_count_by_six_tenths_and_other_rules_are_no_doubt():
    good = dives("a 49.8 2 8 8.5 8 8.5 8.5", "b 48 2 6 7.5 8 8 8 8 9", "c 51 2 8 8.5 9")
    wrong = dives("d 50 2 8 8 8", "e 50 2 8 8 8")
    said = "d: score 50, but the judges 8 8 8 give 48; the judges' scores are off by 1"
    assert award_doubts([*good, wrong[0]]) == [said]
    assert award_doubts([good[1], *wrong]) == [], "their judges follow another rule"


@pytest.mark.parametrize("odd", ["89.1 3.4 9 9 9", "71.4 3.4 9 9 9", "90.1 3.4 9 9 9", "90.65 3.4 9 9 9", "90.65 3.4"])
def test_the_odd_one_of_score_difficulty_and_judges_is_named(odd, snapshot):
    whole = [f"{name} 54 2{judges}" for judges in (" 9 9 9", "") for name in "abc"]
    assert award_doubts(dives(*whole, f"x {odd}")) == snapshot


def test_kinematics_of_another_length_than_the_video_are_a_doubt(tmp_path):
    root = make_jigsaws(tmp_path, trials=2, rows=60)
    assert not [doubt for doubt in check_data("jigsaws", root, {}).doubts if "rows of kinematics" in doubt]
    path = sorted((root / "Suturing/kinematics/AllGestures").glob("*.txt"))[0]
    rows = len(path.read_bytes().splitlines())
    path.write_bytes(path.read_bytes() * 2)
    (doubt,) = [doubt for doubt in check_data("jigsaws", root, {}).doubts if "rows of kinematics" in doubt]
    assert doubt.startswith(f"{path.stem}: {2 * rows} rows of kinematics for ")


def test_unlv_is_complete_with_one_of_its_folders(tmp_path, monkeypatch):
    make_unlv(tmp_path, count=4, frames=2)
    publish(monkeypatch, "unlv", counts={"diving": 4, "vault": 4})
    assert check_data("unlv", tmp_path, {}).ok
    shutil.rmtree(tmp_path / "gymnastic_vault")
    report = check_data("unlv", tmp_path, {})
    assert report.ok
    assert report.counts == (("all", 4, 4, None), ("diving", 4, 4, 4), ("test", 1, 1, None), ("train", 3, 3, None))
    next(tmp_path.rglob("*.avi")).unlink()
    assert not check_data("unlv", tmp_path, {}).ok
    shutil.rmtree(tmp_path / "diving")
    assert not check_data("unlv", tmp_path, {}).ok


def test_an_unreadable_copy_is_a_problem_and_several_sets_are_an_error(tmp_path):
    make_aqa7(tmp_path / "a", count=3, frames=2)
    (tmp_path / "a/Split_4/split_4_test_list.mat").unlink()
    report = check_data("aqa7", tmp_path / "a", {})
    assert any("split_4_test_list.mat" in line for line in report.problems)
    make_mtl_aqa(tmp_path / "b", count=4, frames=2)
    with pytest.raises(UsageError, match="could be aqa7 in a or mtl-aqa in b"):
        kind_of(tmp_path)
