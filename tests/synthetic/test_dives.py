"""The rendered dives: files, labels by the formula, a truth that fits the pictures, equal bytes for equal seeds."""

import csv

import numpy as np
import pytest

from data.video.decoder import decode, probe
from synthetic.dives import COLUMNS, film_of, plan_dives, render_dives
from synthetic.pool import look_at
from synthetic.rendering import Options


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two dives, short and small."""
    folder = tmp_path_factory.mktemp("dives")
    render_dives(folder, 2, 5, frames=20, size=(224, 128))
    return folder


def test_equal_seed_gives_equal_bytes(made, tmp_path):
    render_dives(tmp_path, 2, 5, frames=20, size=(224, 128))
    first, second = ({p.relative_to(f): p.read_bytes() for p in f.rglob("*.*")} for f in (made, tmp_path))
    assert first == second
    assert len(first) == 2 + 2 + 1


def test_labels_follow_the_formula(made):
    with (made / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert [row["video"] for row in rows] == ["videos/dive_000.mp4", "videos/dive_001.mp4"]
    for row in rows:
        total = float(row["execution"]) + float(row["synchronisation"])
        assert float(row["final"]) == pytest.approx(0.6 * float(row["difficulty"]) * total, abs=0.006)
        (_, times), (frame, *_) = probe(made / row["video"]), decode(made / row["video"])
        assert (len(times), frame.image.shape) == (20, (128, 224, 3))


def test_longer_data_set_contains_the_shorter_one():
    short, long = plan_dives(5, 3), plan_dives(9, 3)
    assert [(dive.shape, dive.scores) for dive in short] == [(dive.shape, dive.scores) for dive in long[:5]]


def test_keypoints_are_on_the_drawn_bodies():
    film = film_of(plan_dives(3, 0)[1], Options(frames=50))
    for index, image in enumerate(film.frames()):
        if index % 10:
            continue
        empty = look_at(film.pool, film.truth.camera[index], film.options.size)
        changed = np.abs(image.astype(int) - empty.astype(int)).sum(axis=-1) > 20
        joints = film.truth.keypoints[index, :, 5:].reshape(-1, 2).astype(int)
        assert changed[joints[:, 1], joints[:, 0]].mean() > 0.9
        assert changed.mean() < 0.15
