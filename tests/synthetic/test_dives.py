"""The rendered dives: files, labels by the formula, a truth that fits the pictures, equal bytes for equal seeds."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from synthetic.dives import COLUMNS, Dive, film_of, plan_dives, read_truth, render_dives
from synthetic.pool import look_at
from synthetic.rendering import Options


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dives, short and small."""
    folder = tmp_path_factory.mktemp("dives")
    render_dives(folder, 2, 5, frames=20, size=(224, 128))
    return folder


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_equal_seed_gives_equal_bytes(made: Path, tmp_path: Path) -> None:
    render_dives(tmp_path, 2, 5, frames=20, size=(224, 128))
    assert digest(made) == digest(tmp_path)
    assert {path.parent.name for path in tmp_path.rglob("*") if path.is_file()} == {tmp_path.name, "videos", "truth"}
    assert len(digest(tmp_path)) == 2 + 2 + 1


def test_videos_have_the_frames_and_the_size_asked_for(made: Path) -> None:
    with av.open(str(made / "videos" / "dive_000.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 20
    assert frames[0].shape == (128, 224, 3)


def test_labels_follow_the_formula(made: Path) -> None:
    with (made / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert [row["video"] for row in rows] == ["videos/dive_000.mp4", "videos/dive_001.mp4"]
    for row in rows:
        total = float(row["execution"]) + float(row["synchronisation"])
        assert float(row["final"]) == pytest.approx(0.6 * float(row["difficulty"]) * total, abs=0.006)
        assert (made / row["video"]).exists()


def test_truth_has_two_divers_inside_the_picture(made: Path) -> None:
    truth = read_truth(made / "truth" / "dive_000.npz")
    assert truth.keypoints.shape == (20, 2, 17, 2)
    assert truth.visible.shape == (20, 2, 17)
    assert truth.visible[:-3].mean() > 0.99


def test_longer_data_set_contains_the_shorter_one() -> None:
    short, long = plan_dives(5, 3), plan_dives(9, 3)
    assert [dive.shape for dive in short] == [dive.shape for dive in long[:5]]
    assert [dive.scores for dive in short] == [dive.scores for dive in long[:5]]


def test_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        plan_dives(-1, 0)


def features(dive: Dive) -> NDArray[np.float64]:
    """Means over ten segments of both poses, their speed and their difference."""
    pose = film_of(dive, Options()).truth.keypoints
    hips = pose[:, :, 11:13].mean(axis=2)
    centred = (pose - hips[:, :, None]) / 30.0
    apart = np.concatenate(
        [np.abs(centred[:, 0] - centred[:, 1]).mean(axis=2), (hips[:, 1] - hips[:, 0]) / 30.0], axis=1
    )
    speed = np.abs(np.diff(centred, axis=0, append=centred[-1:]))
    channels = np.concatenate([centred.reshape(len(centred), -1), speed.reshape(len(centred), -1), apart], axis=1)
    return np.concatenate([part.mean(axis=0) for part in np.array_split(channels, 10)])


@pytest.mark.slow
def test_final_score_can_be_learned_from_the_motion() -> None:
    dives = plan_dives(88, 0)
    table = np.stack([features(dive) for dive in dives])
    final = np.array([dive.scores.final for dive in dives])
    train = np.array([dive.split == "train" for dive in dives])
    table = (table - table[train].mean(axis=0)) / (table[train].std(axis=0) + 1e-9)
    kernel = table[train] @ table[train].T + 300.0 * np.eye(int(train.sum()))
    weights = np.linalg.solve(kernel, final[train] - final[train].mean())
    guess = table[~train] @ table[train].T @ weights
    assert spearmanr(guess, final[~train]).statistic > 0.8


def test_keypoints_are_on_the_drawn_bodies() -> None:
    film = film_of(plan_dives(3, 0)[1], Options(frames=50))
    for index, image in enumerate(film.frames()):
        if index % 10:
            continue
        empty = look_at(film.pool, film.truth.camera[index], film.options.size)
        changed = np.abs(image.astype(int) - empty.astype(int)).sum(axis=-1) > 20
        joints = film.truth.keypoints[index, :, 5:].reshape(-1, 2).astype(int)
        assert changed[joints[:, 1], joints[:, 0]].mean() > 0.9
        assert changed.mean() < 0.15
