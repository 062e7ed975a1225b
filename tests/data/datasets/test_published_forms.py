"""Published data sets in the form of their files: names, cell counts, types of keys, and what is odd in them.

Each test writes a few entries by hand, as the repository that the page of docs/datasets names has them.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from data.datasets.listing import list_records


def pickled(path: Path, value: Any, protocol: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=protocol))


def frames(folder: Path, numbers: Iterable[int], name: str = "{:06d}.jpg") -> None:
    """Empty files with the names of frames: a listing opens none."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / name.format(number)).touch()


def mtl_dive(first: int, last: int, **more: Any) -> dict[str, Any]:
    """An entry of MTL-AQA's annotations."""
    return {
        "primary_view": 0, "secondary_view": 0, "start_frame": first, "end_frame": last, "position": 3, "armstand": 0,
        "rotation_type": 1, "ss_no": 9, "tw_no": 0, "difficulty": 3.2, "final_score": 81.6, **more,
    }  # fmt: skip


def test_mtl_aqa_counts_frames_from_one_and_ends_before_its_end(tmp_path: Path) -> None:
    """The publisher's loader takes the pictures at places start_frame ... end_frame - 1, named from 000001.jpg on."""
    labels = tmp_path / "MTL-AQA_split_0_data"
    pickled(labels / "final_annotations_dict.pkl", {(1, 1): mtl_dive(0, 3), (1, 2): mtl_dive(3, 5)})
    pickled(labels / "train_split_0.pkl", [(1, 1)])
    pickled(labels / "test_split_0.pkl", [(1, 2)])
    frames(tmp_path / "whole_videos_frames/01", range(1, 6))
    listing = list_records("mtl-aqa", tmp_path)
    names = [[path.name for path in record.frames.files()] for record in listing.records if record.frames]
    assert names == [["000001.jpg", "000002.jpg", "000003.jpg"], ["000004.jpg", "000005.jpg"]]
    assert not listing.problems
