"""Layouts in JSON: OpenPose, COCO results and annotations, MMPose, AlphaPose, MediaPipe, Ultralytics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.keypoints.entries import Entries, Field, Person, refuse
from data.keypoints.skeletons import BEGINS_WITH_COCO17, COCO17, MEDIAPIPE, OPENPOSE

OPENPOSE_FORMS = {25: ("BODY_25", OPENPOSE[25]), 18: ("COCO-18", OPENPOSE[18])} | {
    count: (name, COCO17) for count, name in BEGINS_WITH_COCO17.items()
}
"""Skeletons in OpenPose's files by their number of joints; Pose2Sim writes those that begin with COCO-17."""

LANDMARKS = ("pose_landmarks", "landmarks", "poseLandmarks")
FRAMES = ("frame", "frame_id", "frame_index", "frame_number")


def of_folder(folder: Path, stem: str, contents: Mapping[Path, Any]) -> Entries:
    """The entries of files of one frame: OpenPose's `<video>_000000000012_keypoints.json`, MMPose's, Ultralytics'.

    Pose2Sim writes `<video>.0012.json`. If files begin with the video's name, the others are left out.
    """
    of_video = re.compile(re.escape(stem) + r"[_.][0-9]{1,15}(_keypoints)?")
    entries = Entries(folder, complete=True)
    for path in [path for path in contents if of_video.fullmatch(path.stem)] or list(contents):
        content, index = Field(contents[path], path), _index_of(path)
        if content.has("people"):
            _openpose(entries, content, index)
        elif isinstance(content.value, list):
            people = Field(content.value, path, f"frame {index}")
            (_ultralytics if _is_ultralytics(people) else _instances)(entries, people, index)
        else:
            raise _unknown(content)
    return entries


def of_file(path: Path, value: Any) -> Entries:
    """The entries of one file for the whole video. Raises DataError: an unknown layout."""
    entries, content = Entries(path), Field(value, path)
    items = value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else None
    first = items[0] if items else {}
    if content.has("people"):
        _openpose(entries, content, _index_of(path))
    elif content.has("instance_info"):  # mmpose's demo scripts count frames from 1
        meta = value.get("meta_info")
        names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
        _mmpose(entries, content.get("instance_info"), 1, names)
    elif content.has("images") and content.has("annotations"):
        _annotations(entries, content)
    elif isinstance(value, list) and value and all(isinstance(one, list) for one in value):
        entries.complete = True
        for index, people in enumerate(content.items()):
            _ultralytics(entries, people, index)
    elif content.has("frames") and isinstance(value["frames"], list):
        _mediapipe(entries, content.get("frames"))
    elif items is not None and (not items or "image_id" in first):
        _results(entries, content)
    elif "instances" in first:
        _mmpose(entries, content, 0)
    elif any(name in first for name in LANDMARKS):
        _mediapipe(entries, content)
    else:
        raise _unknown(Field(items[0] if items else value, path))
    return entries


def _index_of(path: Path) -> int:
    # `Field.frame` removes one suffix: without `.json`, it would remove the number of `cam01.0012`.
    return Field(f"{path.stem.removesuffix('_keypoints')}{path.suffix}", path, "file name").frame()


def _unknown(content: Field) -> DataError:
    value = content.value
    keys = ", ".join(str(key) for key in list(value)[:6]) if isinstance(value, dict) else type(value).__name__
    fix = "Known: OpenPose, COCO results, MMPose, AlphaPose, MediaPipe and Ultralytics JSON"
    return refuse(content.path, f"unknown layout of keypoints (at the top: {keys})", fix)


def _id(value: Any) -> str:
    """A person's number or name; empty for -1 and for an empty list."""
    while isinstance(value, list) and value:
        value = value[0]
    named = isinstance(value, (int, float, str)) and not isinstance(value, bool) and value != -1
    return f"{value:g}" if named and isinstance(value, float) else str(value)[:64] if named else ""


def _openpose(entries: Entries, content: Field, index: int) -> None:
    group = entries.new_frame(index, Field(None, content.path, "file name"))
    for person in content.get("people").items():
        field = person.get("pose_keypoints_2d")
        values = field.numbers()
        count = len(values) // 3
        if len(values) % 3 or count not in OPENPOSE_FORMS:
            forms = ", ".join(f"{3 * joints} ({name})" for joints, (name, _) in OPENPOSE_FORMS.items())
            raise field.refuse(f"{len(values)} numbers, not {forms}")
        name, joints = OPENPOSE_FORMS[count]
        entries.use(f"OpenPose {name}", joints, field)
        group.append(Person(values.reshape(-1, 3)[: len(joints)], id=_id(person.get("person_id").value)))


def _flat(entries: Entries, item: Field, layout: str, flags: bool = False) -> Person:
    """A person whose keypoints are a flat list of x, y, score (`flags`: the score is COCO's visibility 0, 1, 2)."""
    field = item.get("keypoints")
    values = field.numbers()
    count = len(values) // 3
    if len(values) % 3 or count not in BEGINS_WITH_COCO17:
        raise field.refuse(f"{len(values)} numbers, not {', '.join(str(3 * joints) for joints in BEGINS_WITH_COCO17)}")
    entries.use(f"{layout}, {BEGINS_WITH_COCO17[count]}", COCO17, field)
    points = values.reshape(-1, 3)[:17]
    if flags:
        points[:, 2] /= 2
    score = item.get("score").number()
    return Person(points, None if np.isnan(score) else score, _id(item.get("idx", "track_id", "person_id").value))


def _results(entries: Entries, content: Field) -> None:
    for item in content.items():
        frame = item.get("image_id")
        named = item.has("box") or item.has("idx") or isinstance(frame.value, str)
        group = entries.frames.setdefault(frame.frame(), [])
        group.append(_flat(entries, item, "AlphaPose" if named else "COCO results"))


def _annotations(entries: Entries, content: Field) -> None:
    numbered = {}
    for image in content.get("images").items():
        frame = image.get("file_name", "id")
        index = numbered[_id(image.get("id").value)] = frame.frame()
        entries.new_frame(index, frame)
    for item in content.get("annotations").items():
        field = item.get("image_id")
        image_id = _id(field.value)
        if image_id not in numbered:
            raise field.refuse(f"no image has the id {image_id}")
        entries.frames[numbered[image_id]].append(_flat(entries, item, "COCO annotations", flags=True))


def _mmpose(entries: Entries, content: Field, first: int, names: Any = None) -> None:
    entries.complete = True
    joints = tuple(str(name) for name in names.values()) if isinstance(names, dict) else ()
    for item in content.items():
        index = item.get("frame_id").frame() - first
        _instances(entries, item.get("instances"), index, joints)


def _instances(entries: Entries, content: Field, index: int, joints: tuple[str, ...] = ()) -> None:
    group = entries.new_frame(index, content)
    for item in content.items():
        fields = item.get("keypoints").items()
        pairs, scores = [field.numbers() for field in fields], item.get("keypoint_scores").numbers()
        if len(scores) != len(pairs) or not (len(joints) == len(pairs) if joints else len(pairs) in BEGINS_WITH_COCO17):
            expected = str(len(joints)) if joints else ", ".join(str(count) for count in BEGINS_WITH_COCO17)
            raise item.refuse(f"{len(pairs)} keypoints and {len(scores)} scores, not {expected} of each")
        for field, pair in zip(fields, pairs, strict=True):
            if len(pair) != 2:
                raise field.refuse(f"{len(pair)} numbers, not x and y")
        entries.use(f"MMPose, {'named joints' if joints else BEGINS_WITH_COCO17[len(pairs)]}", joints or COCO17, item)
        points = np.column_stack([np.stack(pairs), scores])[: len(joints or COCO17)]
        given = item.get("bbox_score")
        score = None if given.value is None else given.number()
        group.append(Person(points, score, _id(item.get("track_id").value)))


def _is_ultralytics(people: Field) -> bool:
    """Whether a list of people has the joints of each as an object of lists."""
    return any(person.has("keypoints") and person.get("keypoints").has("x") for person in people.items())


def _ultralytics(entries: Entries, people: Field, index: int) -> None:
    """The people of a frame as `Results.to_json` writes them, in pixels or in parts of the picture."""
    entries.normalised = True  # reading decides by the size of the numbers
    group = entries.new_frame(index, people)
    for item in people.items():
        joints = item.get("keypoints")
        names = ("x", "y", "visible") if joints.has("visible") else ("x", "y")
        columns = [joints.get(name).numbers() for name in names]
        if {len(column) for column in columns} != {len(COCO17)}:
            counts = " and ".join(str(len(column)) for column in columns)
            raise joints.refuse(f"{counts} numbers, not {len(COCO17)} each")
        entries.use("Ultralytics, COCO-17", COCO17, item)
        points = np.column_stack([*columns, np.ones((len(COCO17), 3 - len(columns)))])
        score = item.get("confidence").number()
        group.append(Person(points, None if np.isnan(score) else score, _id(item.get("track_id").value)))


def _mediapipe(entries: Entries, content: Field) -> None:
    entries.normalised = True
    for row, item in enumerate(content.items()):
        frame, people = item.get(*FRAMES), item.get(*LANDMARKS)
        entries.complete |= frame.value is None
        group = entries.new_frame(row if frame.value is None else frame.frame(), frame)
        several = people.items() if people.value else []
        for person in [people] if several and not isinstance(several[0].value, list) else several:
            marks = person.items()
            if len(marks) != len(MEDIAPIPE):
                raise person.refuse(f"{len(marks)} landmarks, not {len(MEDIAPIPE)}")
            entries.use("MediaPipe", MEDIAPIPE, person)
            group.append(Person(np.array([_landmark(mark) for mark in marks])))


def _landmark(mark: Field) -> NDArray[np.float64]:
    """x, y and visibility, which is 1 where the file has none."""
    inner = mark.object()
    if "x" not in inner or "y" not in inner:
        raise mark.refuse("a landmark without x and y")
    values = [mark.get(name).number() for name in ("x", "y", "visibility") if name in inner]
    return np.array(values if "visibility" in inner else [*values, 1.0])
