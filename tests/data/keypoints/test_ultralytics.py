"""Text files of Ultralytics: in the form of `Results.save_txt`, by the tool itself where it is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import DataError
from data.keypoints.keypoint_search import find_keypoints
from tests.helpers.people_of_frames import ImportedKeypoints, read_keypoints

SIZE, FRAMES = (640, 360), 4
PEOPLE = np.stack(
    [
        np.column_stack([np.linspace(100, 260, 17), np.linspace(40, 300, 17), np.full(17, 0.8)]),
        np.column_stack([np.linspace(300, 420, 17), np.linspace(60, 310, 17), np.full(17, 0.6)]),
    ]
)
BOXES = ([100, 40, 260, 300], [300, 60, 420, 310])
CONFIDENCES, TRACKS = (0.91, 0.62), (3, 7)
FORMS = {"plain": (False, False), "confidence": (True, False), "track": (False, True), "both": (True, True)}


def text(confidence: bool, track: bool) -> str:
    """The lines of one frame with two people."""
    lines = []
    for (x1, y1, x2, y2), joints, sure, name in zip(BOXES, PEOPLE, CONFIDENCES, TRACKS, strict=True):
        box = [(x1 + x2) / 2 / SIZE[0], (y1 + y2) / 2 / SIZE[1], (x2 - x1) / SIZE[0], (y2 - y1) / SIZE[1]]
        more = [sure] * confidence + [name] * track
        values = [0, *box, *(joints / [*SIZE, 1]).ravel(), *more]
        lines.append(" ".join(f"{value:g}" for value in values) + "\n")
    return "".join(lines)


def read(folder: Path) -> ImportedKeypoints:
    place = find_keypoints(folder, "dive.mp4")
    assert place is not None
    return read_keypoints(place, "dive", SIZE, FRAMES)


def put(folder: Path, frame: int, content: str, stem: str = "dive") -> Path:
    path = folder / "dive/labels" / f"{stem}_{frame}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


@pytest.mark.parametrize("form", FORMS)
def test_people_are_in_the_frames_that_have_files(tmp_path: Path, form: str) -> None:
    for frame in (1, 4):
        put(tmp_path, frame, text(*FORMS[form]))
    put(tmp_path, 2, "", "dive_other")
    got = read(tmp_path)
    assert [len(one.scores) for one in got.frames] == [2, 0, 0, 2]
    np.testing.assert_allclose(got.frames[3].keypoints, PEOPLE, atol=2e-3)
    expected = CONFIDENCES if FORMS[form][0] else (0.8, 0.6)
    np.testing.assert_allclose(got.frames[0].scores, expected, atol=1e-6)
    assert got.summary == "Ultralytics, COCO-17: 17 joints under their COCO names"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0 1 1 1 1 0.5 0.5", "line 1: 7 numbers, not 56 to 58"),
        (text(True, True) + "0 x " + "1 " * 54, "line 3: 'x' is no number"),
    ],
)
def test_damaged_lines_are_named(tmp_path: Path, content: str, message: str) -> None:
    path = put(tmp_path, 1, content)
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path)
    assert caught.value.where == str(path)


def as_json(confidence: bool, track: bool) -> list[dict[str, Any]]:
    """The people of one frame as `Results.summary` returns them."""
    made = []
    for joints, sure, name in zip(PEOPLE, CONFIDENCES, TRACKS, strict=True):
        x, y, visible = joints.round(5).T.tolist()
        person = {"name": "person", "class": 0, "keypoints": {"x": x, "y": y, "visible": visible}}
        made.append(person | ({"confidence": sure} if confidence else {}) | ({"track_id": name} if track else {}))
    return made


@pytest.mark.parametrize("whole", [True, False], ids=["one list a frame", "one file a frame"])
@pytest.mark.parametrize("form", FORMS)
def test_json_of_results_is_read(tmp_path: Path, form: str, whole: bool) -> None:
    frames = [as_json(*FORMS[form]), [], [], as_json(*FORMS[form])]
    if whole:
        (tmp_path / "dive.json").write_text(json.dumps(frames))
    else:
        (tmp_path / "dive").mkdir()
        for number, people in enumerate(frames, start=1):
            (tmp_path / f"dive/dive_{number}.json").write_text(json.dumps(people))
    got = read(tmp_path)
    assert [len(one.scores) for one in got.frames] == [2, 0, 0, 2]
    np.testing.assert_allclose(got.frames[3].keypoints, PEOPLE, atol=1e-4)
    np.testing.assert_allclose(got.frames[0].scores, CONFIDENCES if FORMS[form][0] else (0.8, 0.6), atol=1e-6)
    assert got.summary == "Ultralytics, COCO-17: 17 joints under their COCO names"


@pytest.mark.parametrize(
    ("joints", "message"),
    [
        ({"x": [1.0] * 17, "y": [1.0] * 16}, r"\[0\]\[0\].keypoints: 17 and 16 numbers, not 17 each"),
        ({"x": [1.0] * 17, "y": ["a"] * 17}, r"\[0\]\[0\].keypoints.y: 'a' is no number"),
        ([1.0] * 51, r"\[0\]\[0\].keypoints: is no object"),
        (None, r"\[0\]\[0\].keypoints: is no object"),
    ],
)
def test_damaged_json_of_results_is_named(tmp_path: Path, joints: Any, message: str) -> None:
    path = tmp_path / "dive.json"
    path.write_text(json.dumps([[{"keypoints": joints}]] * FRAMES))
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path)
    assert caught.value.where == str(path)


def test_a_folder_of_other_videos_is_refused(tmp_path: Path) -> None:
    put(tmp_path, 1, text(True, True), "vault")
    with pytest.raises(DataError, match=r"no file dive_<frame>.txt"):
        read(tmp_path)
    put(tmp_path, 5, text(True, True))
    with pytest.raises(DataError, match="has frame 4"):
        read(tmp_path)


@pytest.mark.parametrize("form", FORMS)
def test_files_of_the_tool_itself_are_the_same(tmp_path: Path, form: str) -> None:
    results = pytest.importorskip("ultralytics.engine.results", reason="needs: python -m pip install ultralytics")
    import torch

    confidence, track = FORMS[form]
    sure = zip(BOXES, TRACKS, CONFIDENCES, strict=True)
    boxes = torch.tensor([[*box, *([name] if track else []), score, 0] for box, name, score in sure])
    joints = torch.tensor(PEOPLE, dtype=torch.float32)
    picture = np.zeros((*SIZE[::-1], 3), np.uint8)
    one = results.Results(picture, path="dive.mp4", names={0: "person"}, boxes=boxes, keypoints=joints)
    path = tmp_path / "dive_1.txt"
    one.save_txt(path, save_conf=confidence)
    assert path.read_text("utf-8") == text(confidence, track)
    for written, ours in zip(json.loads(one.to_json()), as_json(True, track), strict=True):
        assert written.keys() - {"box"} == ours.keys()
        np.testing.assert_allclose(written["keypoints"]["x"], ours["keypoints"]["x"], atol=1e-4)
