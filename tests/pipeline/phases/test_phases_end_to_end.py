"""From marks in a table to scores by phase: training on annotated performances, scoring of others by alignment."""

import csv
import io
import json

import numpy as np
import pytest

from data.keypoints.skeletons import COCO17
from pipeline import api
from pipeline.score.score_tables import csv_text, scores_as_json
from tests.helpers.watching import Watching

STANDING = np.random.default_rng(5).normal(size=(17, 3)) + np.linspace(0, 2, 17)[:, None]
NAMES = ("run", "flight", "entry")


def write(path, edges, quality, seed):
    """A CSV of a body that moves in another way in each phase; worse ones bend in the flight."""
    rng, rows = np.random.default_rng(seed), int(edges[-1] * 30)
    time = (np.arange(rows) + 0.5) / 30
    part = np.searchsorted(edges, time, side="right").clip(0, 2)
    share = (time - np.r_[0, edges[:-1]][part]) / np.diff(np.r_[0, edges])[part]
    ways = np.random.default_rng(6).normal(size=(3, 2, 17, 3))
    bend = ways[part, 0] * np.sin(np.pi * share)[:, None, None] + ways[part, 1]
    bend *= np.where(part == 1, 0.2 + 0.4 * (1 - quality), 0.3)[:, None, None]
    points = STANDING + bend + 0.01 * rng.normal(size=bend.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([f"{name}_{axis}" for name in COCO17 for axis in "xyz"])
        writer.writerows(points.reshape(rows, -1))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Twelve performances of uneven tempo, nine of them marked; their run, and settings without the method."""
    root, rng = tmp_path_factory.mktemp("phases"), np.random.default_rng(0)
    scores, marks = ["video,score"], ["video,phase,start_s,end_s"]
    for number in range(12):
        edges, quality = np.cumsum(rng.uniform(0.6, 1.8, 3)).round(2), float(rng.uniform())
        write(root / f"set/{number:02d}.csv", edges, quality, number)
        scores.append(f"{number:02d}.csv,{10 * quality:.2f}")
        if number < 9:
            ends = zip(NAMES, (0.0, *edges), edges, strict=False)
            marks += [f"{number:02d}.csv,{name},{start},{end}" for name, start, end in ends]
    (root / "set/scores.csv").write_text("\n".join(scores))
    (root / "phases.csv").write_text("\n".join(marks))
    ours = {
        "dataset.root": root / "set", "dataset.phases": root / "phases.csv", "cache": root / "cache", "work.workers": 0,
    }  # fmt: skip
    settings = ours | {
        "timesteps.bounds": NAMES, "timesteps.steps": 7, "train.epochs": 2, "train.networks": 1, "combined": False,
    }  # fmt: skip
    done = api.extract(config="skeletons", overrides=settings)
    assert [result.record.name for result in done.failed] == ["09.csv", "10.csv", "11.csv"]
    api.train(config="skeletons", overrides=settings, out=root / "run", folds=0)
    return root, ours


def test_unmarked_performances_get_phases_and_parts_that_sum_to_the_score(
    trained,
):
    root, ours = trained
    rows = api.score(model=root / "run", config="skeletons", overrides=ours)
    assert all(row.score is not None for row in rows)
    assert [row.carried is None for row in rows] == [True] * 9 + [False] * 3
    assert [step.phase for step in rows[0].steps] == ["run"] * 3 + ["flight"] * 2 + ["entry"] * 2
    rng = np.random.default_rng(0)
    for row in rows:
        edges, _ = np.cumsum(rng.uniform(0.6, 1.8, 3)), rng.uniform()
        assert [phase.name for phase in row.phases] == list(NAMES)
        np.testing.assert_allclose(
            [phase.end for phase in row.phases], edges, atol=0.05 if row.carried is None else 0.2
        )
    for row, shown in zip(rows, scores_as_json(rows), strict=True):
        parts = [shown["constant"], *(phase["score"] for phase in shown["phases"]), shown["other_share"] or 0.0]
        assert sum(parts) == pytest.approx(shown["score"], abs=1e-9)
        assert (shown["phase_range_s"] is None) == (row.carried is None)
        assert len(shown["phase_range_s"] or range(4)) == 4
    json.dumps(scores_as_json(rows), allow_nan=False)
    cells = next(csv.DictReader(io.StringIO(csv_text(rows))))
    assert float(cells["phase run"]) == pytest.approx(sum(float(cells[f"step_{n}"]) for n in (1, 2, 3)))
    assert "phases" in rows[-1].checked
    assert "phases" not in rows[0].checked
    page = api.compare(
        "00.csv", "11.csv", model=root / "run", config="skeletons", overrides=ours, out=root / "page.html"
    )
    assert page.read_text().count("<b>flight</b>") == 2, "one of them was marked, the other one aligned"


def test_each_bad_mark_fails_its_performance_alone_with_one_line(tmp_path):
    """All performances last 3 s."""
    marks = {
        "good": "run 0 1 flight 1 2 entry 2 3", "gap": "run 0 1 flight 1.5 2", "unknown": "run 0 1 twist 1 3",
        "beyond": "run 0 1 flight 1 9", "order": "flight 0 1 run 1 3",
    }  # fmt: skip
    rows = ["video,phase,start_s,end_s"]
    for name, text in marks.items():
        write(tmp_path / f"set/{name}.csv", np.array([1.0, 2.0, 3.0]), 0.5, 0)
        words = text.split()
        rows += [f"{name}.csv,{','.join(words[place : place + 3])}" for place in range(0, len(words), 3)]
    (tmp_path / "marks.csv").write_text("\n".join(rows))
    settings = {
        "dataset.root": tmp_path / "set", "dataset.phases": tmp_path / "marks.csv", "cache": tmp_path / "cache",
        "work.workers": 0, "timesteps.bounds": NAMES, "timesteps.steps": 6,
    }  # fmt: skip
    done = api.extract(config="skeletons", overrides=settings, observer=(notes := Watching()))
    unused = "its phases are not used: 'run' and 'flight' leave a gap of 0.50 s"
    assert {result.record.name: result.failed["timesteps"].cause for result in done.failed} == {
        "gap.csv": unused,
        "unknown.csv": "its phases run, twist are not among run, flight, entry, in this order",
        "order.csv": "its phases flight, run are not among run, flight, entry, in this order",
        "beyond.csv": "'flight' is marked until 9.00 s, and the video ends at 3.00 s",
    }
    assert f"note: gap.csv: {unused}" in notes.lines
