"""The rendered dives: real files, honest labels, a truth that fits the pictures, equal seeds equal bytes."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import av
import numpy as np
import pytest

from data.synthetic.dives import COLUMNS, plan_dives, read_truth, render_dives


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dives and their mirrored copies, short and small."""
    folder = tmp_path_factory.mktemp("dives")
    render_dives(folder, 2, 5, frames=20, size=(224, 128), mirrored_copies=True)
    return folder


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_equal_seed_gives_equal_bytes(made: Path, tmp_path: Path) -> None:
    render_dives(tmp_path, 2, 5, frames=20, size=(224, 128), mirrored_copies=True)
    assert digest(made) == digest(tmp_path)
    assert not list(tmp_path.rglob(".part*"))


def test_videos_have_the_frames_and_the_size_asked_for(made: Path) -> None:
    with av.open(str(made / "videos" / "dive_000.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 20
    assert frames[0].shape == (128, 224, 3)


def test_labels_follow_the_formula(made: Path) -> None:
    with (made / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert [row["video"] for row in rows] == [f"videos/dive_00{n}{m}.mp4" for m in ("", "_mirrored") for n in (0, 1)]
    for row in rows:
        total = float(row["execution"]) + float(row["synchronisation"])
        assert float(row["final"]) == pytest.approx(0.6 * float(row["difficulty"]) * total, abs=0.006)
        assert (made / row["video"]).exists()


def test_truth_has_two_divers_inside_the_picture(made: Path) -> None:
    truth = read_truth(made / "truth" / "dive_000.npz")
    assert truth.keypoints.shape == (20, 2, 17, 2)
    assert truth.visible.shape == (20, 2, 17)
    assert truth.visible[:-3].mean() > 0.99


def test_mirrored_copy_swaps_sides_and_shares_the_original(made: Path) -> None:
    plain, mirrored = (read_truth(made / "truth" / f"dive_000{tail}.npz") for tail in ("", "_mirrored"))
    left_wrist, right_wrist = 9, 10
    np.testing.assert_allclose(224 - plain.keypoints[:, 0, left_wrist, 0], mirrored.keypoints[:, 1, right_wrist, 0])


def test_longer_data_set_contains_the_shorter_one() -> None:
    short, long = plan_dives(5, 3), plan_dives(9, 3)
    assert [dive.shape for dive in short] == [dive.shape for dive in long[:5]]
    assert [dive.scores for dive in short] == [dive.scores for dive in long[:5]]
