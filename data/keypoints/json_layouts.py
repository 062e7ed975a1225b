"""Layouts in JSON: OpenPose, COCO results and annotations, MMPose, AlphaPose, MediaPipe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import DataError
from data.keypoints.entries import Entries, Person, frame_number, number, numbers, refuse
from data.keypoints.skeletons import BEGINS_WITH_COCO17, COCO17, MEDIAPIPE, OPENPOSE

LANDMARKS = ("pose_landmarks", "landmarks", "poseLandmarks")
FRAMES = ("frame", "frame_id", "frame_index", "frame_number")


def of_folder(folder: Path, stem: str, contents: Mapping[Path, Any]) -> Entries:
    """One file a frame: OpenPose's `<video>_000000000012_keypoints.json`, MMPose's predictions of single pictures.

    Where files begin with the video's name, the others are left out.
    """
    of_video = re.compile(re.escape(stem) + r"_[0-9]{1,15}(_keypoints)?")
    kept = [path for path in contents if of_video.fullmatch(path.stem)] or list(contents)
    entries = Entries(folder, complete=True)
    for path in kept:
        index, content = _index_of(path), contents[path]
        if isinstance(content, dict) and "people" in content:
            _openpose(entries, path, content["people"], index)
        elif isinstance(content, list):
            _instances(entries, path, content, index, f"frame {index}")
        else:
            raise _unknown(path, content)
    return entries


def of_file(path: Path, content: Any) -> Entries:
    """One file for the whole video."""
    entries = Entries(path)
    if isinstance(content, dict):
        if "people" in content:
            _openpose(entries, path, content["people"], _index_of(path))
        elif "instance_info" in content:  # mmpose's demo scripts count frames from 1
            _mmpose(entries, content["instance_info"], content.get("meta_info"), first=1)
        elif "images" in content and "annotations" in content:
            _annotations(entries, content)
        elif isinstance(content.get("frames"), list):
            _mediapipe(entries, content["frames"])
        else:
            raise _unknown(path, content)
    elif not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise _unknown(path, content)
    elif not content or "image_id" in content[0]:
        _results(entries, content)
    elif "instances" in content[0]:
        _mmpose(entries, content, None, first=0)
    elif any(name in content[0] for name in LANDMARKS):
        _mediapipe(entries, content)
    else:
        raise _unknown(path, content[0])
    return entries


def _index_of(path: Path) -> int:
    return frame_number(path.stem.removesuffix("_keypoints"), path, "file name")


def _unknown(path: Path, content: Any) -> DataError:
    keys = ", ".join(str(key) for key in list(content)[:6]) if isinstance(content, dict) else type(content).__name__
    fix = "Known: OpenPose, COCO results, MMPose, AlphaPose and MediaPipe JSON; docs/extend/keypoints.md"
    return refuse(path, f"unknown layout of keypoints (at the top: {keys})", fix)


def _list(value: Any, path: Path, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise refuse(path, f"{where}: is no list")
    return value


def _dict(value: Any, path: Path, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise refuse(path, f"{where}: is no object")
    return value


def _id(value: Any) -> str:
    """A person's number or name; -1 and an empty list are none."""
    while isinstance(value, list) and value:
        value = value[0]
    named = isinstance(value, (int, float, str)) and not isinstance(value, bool) and value != -1
    return f"{value:g}" if named and isinstance(value, float) else str(value)[:64] if named else ""


def _openpose(entries: Entries, path: Path, people: Any, index: int) -> None:
    group = entries.new_frame(index, "file name", path)
    for row, person in enumerate(_list(people, path, "people")):
        where = f"people[{row}].pose_keypoints_2d"
        person = _dict(person, path, f"people[{row}]")
        values = numbers(person.get("pose_keypoints_2d"), path, where)
        joints = OPENPOSE.get(len(values) // 3, ())
        if len(values) != 3 * len(joints):
            raise refuse(path, f"{where}: {len(values)} numbers, not 75 (BODY_25) or 54 (COCO-18)")
        entries.use("OpenPose BODY_25" if len(joints) == 25 else "OpenPose COCO-18", joints, where, path)
        group.append(Person(values.reshape(-1, 3), id=_id(person.get("person_id"))))


def _flat(entries: Entries, item: dict[str, Any], where: str, layout: str, flags: bool = False) -> Person:
    """A person whose keypoints are x, y, score one after another (flags: COCO's visibility 0, 1, 2 as score)."""
    values = numbers(item.get("keypoints"), entries.path, f"{where}.keypoints")
    count = len(values) // 3
    if len(values) % 3 or count not in BEGINS_WITH_COCO17:
        expected = ", ".join(str(3 * count) for count in BEGINS_WITH_COCO17)
        raise refuse(entries.path, f"{where}.keypoints: {len(values)} numbers, not {expected}")
    entries.use(f"{layout}, {BEGINS_WITH_COCO17[count]}", COCO17, f"{where}.keypoints")
    points = values.reshape(-1, 3)[:17]
    if flags:
        points[:, 2] /= 2
    score = number(item.get("score"), entries.path, f"{where}.score")
    track = item.get("idx", item.get("track_id", item.get("person_id")))
    return Person(points, None if np.isnan(score) else score, _id(track))


def _results(entries: Entries, items: list[dict[str, Any]]) -> None:
    for row, item in enumerate(items):
        where = f"[{row}]"
        index = frame_number(item.get("image_id"), entries.path, f"{where}.image_id")
        layout = "AlphaPose" if "box" in item or "idx" in item or isinstance(item["image_id"], str) else "COCO results"
        entries.frames.setdefault(index, []).append(_flat(entries, item, where, layout))


def _annotations(entries: Entries, content: dict[str, Any]) -> None:
    path, numbered = entries.path, {}
    for row, image in enumerate(_list(content["images"], path, "images")):
        image = _dict(image, path, f"images[{row}]")
        index = frame_number(image.get("file_name", image.get("id")), path, f"images[{row}].file_name")
        numbered[_id(image.get("id"))] = index
        entries.new_frame(index, f"images[{row}].file_name")
    for row, item in enumerate(_list(content["annotations"], path, "annotations")):
        item = _dict(item, path, f"annotations[{row}]")
        image_id = _id(item.get("image_id"))
        if image_id not in numbered:
            raise refuse(path, f"annotations[{row}].image_id: no image has the id {image_id}")
        person = _flat(entries, item, f"annotations[{row}]", "COCO annotations", flags=True)
        entries.frames[numbered[image_id]].append(person)


def _mmpose(entries: Entries, items: Any, meta: Any, first: int) -> None:
    entries.complete = True
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    joints = tuple(str(name) for name in names.values()) if isinstance(names, dict) else ()
    for row, item in enumerate(_list(items, entries.path, "instance_info")):
        item = _dict(item, entries.path, f"[{row}]")
        index = frame_number(item.get("frame_id"), entries.path, f"[{row}].frame_id") - first
        _instances(entries, entries.path, item.get("instances"), index, f"[{row}].instances", joints)


def _instances(entries: Entries, path: Path, items: Any, index: int, where: str, joints: tuple[str, ...] = ()) -> None:
    group = entries.new_frame(index, where, path)
    for row, item in enumerate(_list(items, path, where)):
        field = f"{where}[{row}]"
        item = _dict(item, path, field)
        rows = _list(item.get("keypoints"), path, f"{field}.keypoints")
        pairs = [numbers(pair, path, f"{field}.keypoints[{joint}]") for joint, pair in enumerate(rows)]
        scores = numbers(item.get("keypoint_scores"), path, f"{field}.keypoint_scores")
        if len(scores) != len(pairs) or not (len(joints) == len(pairs) if joints else len(pairs) in BEGINS_WITH_COCO17):
            expected = str(len(joints)) if joints else ", ".join(str(count) for count in BEGINS_WITH_COCO17)
            raise refuse(path, f"{field}: {len(pairs)} keypoints and {len(scores)} scores, not {expected} of each")
        short = next((joint for joint, pair in enumerate(pairs) if len(pair) != 2), None)
        if short is not None:
            raise refuse(path, f"{field}.keypoints[{short}]: {len(pairs[short])} numbers, not x and y")
        layout = f"MMPose, {'named joints' if joints else BEGINS_WITH_COCO17[len(pairs)]}"
        entries.use(layout, joints or COCO17, field, path)
        points = np.column_stack([np.stack(pairs), scores])[: len(joints or COCO17)]
        given = item.get("bbox_score")
        score = None if given is None else number(given, path, f"{field}.bbox_score")
        group.append(Person(points, score, _id(item.get("track_id"))))


def _mediapipe(entries: Entries, items: list[Any]) -> None:
    entries.normalised = True
    path = entries.path
    for row, item in enumerate(items):
        item = _dict(item, path, f"[{row}]")
        named = next((item[name] for name in FRAMES if name in item), None)
        entries.complete |= named is None
        index = row if named is None else frame_number(named, path, f"[{row}].frame")
        people = next((item[name] for name in LANDMARKS if name in item), None) or []
        people = _list(people, path, f"[{row}].landmarks")
        people = [people] if people and not isinstance(people[0], list) else people
        group = entries.new_frame(index, f"[{row}].frame")
        for number_of_person, marks in enumerate(people):
            where = f"[{row}].landmarks[{number_of_person}]"
            marks = _list(marks, path, where)
            if len(marks) != len(MEDIAPIPE):
                raise refuse(path, f"{where}: {len(marks)} landmarks, not {len(MEDIAPIPE)}")
            entries.use("MediaPipe", MEDIAPIPE, where)
            group.append(Person(np.array([_landmark(mark, path, where) for mark in marks])))


def _landmark(mark: Any, path: Path, where: str) -> list[float]:
    """x, y and visibility, which is 1 where the file has none."""
    mark = _dict(mark, path, where)
    if "x" not in mark or "y" not in mark:
        raise refuse(path, f"{where}: a landmark without x and y")
    return [number(mark.get(name, 1.0), path, f"{where}.{name}") for name in ("x", "y", "visibility")]
