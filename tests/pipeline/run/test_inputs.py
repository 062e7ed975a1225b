"""Shards of the videos, as `--shard` and the script for Slurm name them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data.errors import UsageError
from data.video.records import Record
from pipeline.api import status
from pipeline.cli.command_tree import app
from pipeline.observer import SILENT, Observer
from pipeline.run import feasible_config, list_inputs, shard_of
from pipeline.settings.config import load_config
from synthetic.tiny_jigsaws import make_jigsaws
from tests.helpers.checkout import ROOT


def test_shards_divide_the_videos():
    records = tuple(Record(f"{number}.mp4", None) for number in range(3))
    assert [[r.id for r in records[shard_of(f"{part}/2")]] for part in (1, 2)] == [["0.mp4", "2.mp4"], ["1.mp4"]]
    assert records[shard_of("")] == records


def test_stages_that_need_a_video_are_left_out_where_no_record_has_one():
    notes = []
    observer = Observer()
    observer.note = notes.append  # type: ignore[method-assign]
    tools = Record("tools", None, sidecars={"kinematics": Path("tools.txt")})
    filmed = Record("filmed", Path("a.avi"), sidecars={"kinematics": Path("a.txt")})
    config = load_config("jigsaws")
    fewer = feasible_config([tools], config, observer)
    assert (fewer.method.stages, fewer.method.stage("timesteps").scene) == (("kinematics", "timesteps"), "")  # type: ignore[attr-defined]
    assert notes == ["note: no performance has a video, so clips is left out; the rest is used"]
    assert feasible_config([tools, filmed], config, SILENT) is config
    assert feasible_config([], config, SILENT) is config
    assert feasible_config([tools], fewer, SILENT) is fewer
    for needed in ("model.variant=scene", "timesteps.primary=pose:0", "stages=[clips]"):
        needing = load_config(config, [needed])
        assert feasible_config([tools], needing, SILENT) is needing, (
            "an agent, the network or every stage needs a video"
        )


@pytest.mark.parametrize("videos", [True, False])
def test_a_folder_of_a_data_set_is_that_data_set_in_every_command(tmp_path, monkeypatch, videos):
    """Also where it has no videos."""
    monkeypatch.chdir(tmp_path)
    make_jigsaws(Path("J"), trials=4, tasks=["Suturing", "Knot_Tying"], rows=45, videos=videos)
    options = ["--config", "jigsaws", "--set", "timesteps.scene=", "--set", "work.workers=0"]

    def printed(*words):
        done = CliRunner().invoke(app, [*words, *options, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def rows(*words):
        return {(row["video"], row["stage"], row["state"]) for row in printed("status", *words)["rows"]}

    (tmp_path / "plain").mkdir()
    named = ("--set", "dataset.root=J")
    assert all(not row["failed"] for row in printed("extract", "J")["results"])
    assert rows("J") == rows(*named) != set()
    assert {state for _, _, state in rows("J")} == {"fresh"}
    assert rows("J/Suturing") == {row for row in rows("J") if "Suturing" in row[0]} != set()
    assert printed("cache", "prune", "J")["files"] == []
    with pytest.raises(UsageError, match="no video in this folder"):
        status("plain", config="jigsaws")


@pytest.mark.slow
def test_the_slurm_script_divides_the_videos(make_video, tmp_path):
    for number in range(3):
        make_video(tmp_path / f"in/{number}.mp4", size=(128, 96), frames=3)
    (tmp_path / "config.yaml").write_text("stages: [camera_flow]\n")
    arguments = [str(tmp_path / "in"), str(tmp_path / "config.yaml"), str(tmp_path / "cache")]
    (tmp_path / "run_pipeline.py").symlink_to(ROOT / "run_pipeline.py")
    counts = []
    for task in ("1", "2"):
        array = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": "2"}
        folder = str(Path(sys.executable).parent)
        environment = {**os.environ, **array, "SLURM_CPUS_PER_TASK": "1", "PATH": f"{folder}:{os.environ['PATH']}"}
        command = ["bash", str(ROOT / "docs/slurm.sh"), *arguments]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=120)
        logged = json.loads((tmp_path / f"extract-{task}.json").read_text())
        counts.append([row["video"] for row in logged["results"] if row["done"]])
    assert counts == [["0.mp4", "2.mp4"], ["1.mp4"]]


def test_a_fault_in_the_table_of_scores_is_told_before_hours_of_work(make_video, tmp_path):
    make_video(tmp_path / "a.mp4")
    for text, told in (("a.mp4,high", "high"), ("b.mp4,7.5", "no video 'b.mp4'")):
        (tmp_path / "scores.csv").write_text(f"video,score\n{text}\n")
        listing, _ = list_inputs([tmp_path], load_config("folder"), SILENT)
        assert [record.id for record in listing.records] == ["a.mp4"]
        assert told in listing.problems[0]
