"""Motion files as Sports2D writes them, as features of performances, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.features import named_features, read_features, with_features
from data.video import Listing, Record

HEAD = """Coordinates
version=1
nRows=3
nColumns=2
inDegrees=yes

Units are S.I. units

endheader
time\tright knee\tleft knee
"""


def mot(path: Path, rows: str = "0.0\t10.5\t-3\n0.04\t11\t-2.5\n0.08\t12\t0\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + rows, "utf-8")
    return path


def test_the_angles_of_sports2d_belong_to_its_video(tmp_path: Path) -> None:
    path = mot(tmp_path / "dive_Sports2D/dive_Sports2D_angles_person00.mot")
    mot(tmp_path / "vault.mot")
    listing = with_features(
        Listing((Record("dive.mp4", None), Record("vault.mp4", None))), named_features([f"primary={tmp_path}"])
    )
    assert [record.sidecars["primary features"].name for record in listing.records] == [path.name, "vault.mot"]
    rows = read_features(path, listing.records[0].entries["primary features"])
    np.testing.assert_array_equal(rows, np.array([[10.5, -3], [11, -2.5], [12, 0]], np.float32))


@pytest.mark.parametrize(("part", "person"), [("primary", "00"), ("secondary", "01"), ("scene", "00")])
def test_of_two_people_of_a_video_the_secondary_agent_is_the_second(tmp_path: Path, part: str, person: str) -> None:
    for number in ("00", "01", "02"):
        mot(tmp_path / f"dive_Sports2D/dive_Sports2D_angles_person{number}.mot")
    mot(tmp_path / "vault_Sports2D/vault_Sports2D_angles_person00.mot")
    listing = with_features(
        Listing((Record("dive.mp4", None), Record("vault.mp4", None))), named_features([f"{part}={tmp_path}"])
    )
    names = [record.sidecars[f"{part} features"].name for record in listing.records]
    assert names == [f"dive_Sports2D_angles_person{person}.mot", "vault_Sports2D_angles_person00.mot"]
    assert not listing.problems
