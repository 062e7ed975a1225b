"""Layouts in JSON: OpenPose, COCO results and annotations, MMPose, AlphaPose, MediaPipe, MPII, Ultralytics."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import DataError
from data.keypoints.entries import Bodies, Field, Keypoints, Skeleton, keypoint_error
from data.keypoints.skeletons import BY_NUMBER, COCO17, SKELETONS
from data.keypoints.ultralytics import ULTRALYTICS
from data.store.arrays import Floats

MEDIAPIPE = SKELETONS["MediaPipe"]

LANDMARKS = ("pose_landmarks", "landmarks", "poseLandmarks")
BEGIN_WITH_COCO17 = [name for name in BY_NUMBER.values() if SKELETONS[name] == COCO17]
FRAMES = ("frame", "frame_id", "frame_index", "frame_number")


def of_folder(folder: Path, stem: str, contents: Mapping[Path, Any]) -> Keypoints:
    """The bodies in a folder with one file per frame, by OpenPose, MMPose or Ultralytics.

    OpenPose writes `<video>_000000000012_keypoints.json`, Pose2Sim `<video>.0012.json`. If some files begin with the
    video's name, others are skipped.
    """
    of_video = re.compile(re.escape(stem) + r"[_.][0-9]{1,15}(_keypoints)?")
    bodies = Bodies(folder)
    bodies.complete = True
    for path in [path for path in contents if of_video.fullmatch(path.stem)] or list(contents):
        content, frame = Field(contents[path], path), _frame_of(path)
        if content.has("people"):
            _openpose(bodies, content, frame)
        elif isinstance(content.value, list):
            people = Field(content.value, path, f"frame {frame}")
            (_ultralytics if _is_ultralytics(people) else _instances)(bodies, people, frame)
        else:
            raise _unknown(content)
    return bodies.keypoints()


def of_file(path: Path, value: Any) -> Keypoints:
    """The bodies of one file for the whole video. Raises DataError: an unknown layout."""
    bodies, content = Bodies(path), Field(value, path)
    items = value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else None
    first = items[0] if items else {}
    if content.has("people"):
        _openpose(bodies, content, _frame_of(path))
    elif isinstance(value, dict) and any(content.get(name).has("people") for name in value):
        for name in value:  # AlphaPose with --format open
            _openpose(bodies, content.get(name), Field(name, path, "image").frame())
    elif content.has("instance_info"):  # mmpose's demo scripts count frames from 1
        meta = value.get("meta_info")
        names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
        _mmpose(bodies, content.get("instance_info"), 1, names)
    elif content.has("images") and content.has("annotations"):
        _annotations(bodies, content)
    elif isinstance(value, list) and value and all(isinstance(element, list) for element in value):
        bodies.complete = True
        for frame, people in enumerate(content.items()):
            _ultralytics(bodies, people, frame)
    elif content.has("frames") and isinstance(value["frames"], list):
        _mediapipe(bodies, content.get("frames"))
    elif items is not None and (not items or "image_id" in first):
        _results(bodies, content)
    elif "joints_vis" in first:  # as FineDiving-Pose has MPII's joints
        for item in content.items():
            _instance(bodies, item, item.get("image").frame(), SKELETONS["MPII"])
    elif "instances" in first:
        _mmpose(bodies, content, 0)
    elif any(name in first for name in LANDMARKS):
        _mediapipe(bodies, content)
    else:
        raise _unknown(Field(items[0] if items else value, path))
    return bodies.keypoints()


def _frame_of(path: Path) -> int:
    # `Field.frame` removes one suffix; without `.json` it would remove the number in `cam01.0012`.
    return Field(f"{path.stem.removesuffix('_keypoints')}{path.suffix}", path, "file name").frame()


def _unknown(content: Field) -> DataError:
    value = content.value
    keys = ", ".join(str(key) for key in list(value)[:6]) if isinstance(value, dict) else type(value).__name__
    fix = "Known: OpenPose, COCO results, MMPose, AlphaPose, MediaPipe, MPII and Ultralytics JSON"
    return keypoint_error(content.path, f"unknown layout of keypoints (at the top: {keys})", fix)


def _id(value: Any) -> str:
    """A person's number or name; empty for -1 and for an empty list."""
    while isinstance(value, list) and value:
        value = value[0]
    named = isinstance(value, (int, float, str)) and not isinstance(value, bool) and value != -1
    return f"{value:g}" if named and isinstance(value, float) else str(value)[:64] if named else ""


def _triples(field: Field, layout: str, skeletons: Collection[str]) -> tuple[Skeleton, Floats]:
    """Skeleton and points of a flat list of x, y, score; its length selects one of these skeletons."""
    values = field.numbers()
    name = BY_NUMBER.get(len(values) // 3, "")
    if len(values) % 3 or name not in skeletons:
        forms = ", ".join(f"{3 * count} ({name})" for count, name in BY_NUMBER.items() if name in skeletons)
        raise field.error(f"{len(values)} numbers, not {forms}")
    joints = SKELETONS[name]
    return (f"{layout}{name}", joints), values.reshape(-1, 3)[: len(joints)]


def _openpose(bodies: Bodies, content: Field, frame: int) -> None:
    bodies.begin(frame, Field(None, content.path, "file name"))
    for person in content.get("people").items():
        field = person.get("pose_keypoints_2d")
        if field.value == []:  # nobody
            continue
        skeleton, points = _triples(field, "OpenPose ", BY_NUMBER.values())
        bodies.add(frame, skeleton, points, field, _id(person.get("person_id").value))


def _add_flat(bodies: Bodies, frame: int, item: Field, layout: str, *, flags: bool = False) -> None:
    """Add a person with its score; `flags`: scores of joints are COCO's visibility 0, 1, 2."""
    field = item.get("keypoints")
    skeleton, points = _triples(field, f"{layout}, ", BEGIN_WITH_COCO17)
    person, score = _id(item.get("idx", "track_id", "person_id").value), item.get("score").number()
    bodies.add(frame, skeleton, points / [1, 1, 2] if flags else points, field, person, score)


def _results(bodies: Bodies, content: Field) -> None:
    for item in content.items():
        frame = item.get("image_id")
        named = item.has("box") or item.has("idx") or isinstance(frame.value, str)
        _add_flat(bodies, frame.frame(), item, "AlphaPose" if named else "COCO results")


def _annotations(bodies: Bodies, content: Field) -> None:
    numbered = {}
    for image in content.get("images").items():
        field = image.get("file_name", "id")
        frame = numbered[_id(image.get("id").value)] = field.frame()
        bodies.begin(frame, field)
    for item in content.get("annotations").items():
        field = item.get("image_id")
        image_id = _id(field.value)
        if image_id not in numbered:
            raise field.error(f"no image has the id {image_id}")
        _add_flat(bodies, numbered[image_id], item, "COCO annotations", flags=True)


def _mmpose(bodies: Bodies, content: Field, first: int, names: Any = None) -> None:
    bodies.complete = True
    joints = tuple(str(name) for name in names.values()) if isinstance(names, dict) else ()
    for item in content.items():
        _instances(bodies, item.get("instances"), item.get("frame_id").frame() - first, joints)


def _instances(bodies: Bodies, content: Field, frame: int, joints: tuple[str, ...] = ()) -> None:
    bodies.begin(frame, content)
    for item in content.items():
        _instance(bodies, item, frame, joints)


def _instance(bodies: Bodies, item: Field, frame: int, joints: tuple[str, ...]) -> None:
    """Add a person whose joints are pairs beside a list of scores."""
    fields = item.get("keypoints", "joints").items()
    pairs, scores = [field.numbers() for field in fields], item.get("keypoint_scores", "joints_vis").numbers()
    counts = [len(joints)] if joints else [count for count, name in BY_NUMBER.items() if name in BEGIN_WITH_COCO17]
    if len(scores) != len(pairs) or len(pairs) not in counts:
        what = f"{len(pairs)} keypoints and {len(scores)} scores, not {', '.join(map(str, counts))} of each"
        raise item.error(what)
    for field, pair in zip(fields, pairs, strict=True):
        if len(pair) != 2:
            raise field.error(f"{len(pair)} numbers, not x and y")
    skeleton = ("named joints", joints) if joints else (f"MMPose, {BY_NUMBER[len(pairs)]}", COCO17)
    points = np.column_stack([np.stack(pairs), scores])[: len(skeleton[1])]
    bodies.add(frame, skeleton, points, item, _id(item.get("track_id").value), item.get("bbox_score").number())


def _is_ultralytics(people: Field) -> bool:
    """Whether each person's joints are an object of lists."""
    return any(person.has("keypoints") and person.get("keypoints").has("x") for person in people.items())


def _ultralytics(bodies: Bodies, people: Field, frame: int) -> None:
    """Add the people of a frame from `Results.to_json`, in pixels or as fractions of the picture size."""
    bodies.normalised = True  # reading decides by the size of the numbers
    bodies.begin(frame, people)
    for item in people.items():
        joints = item.get("keypoints")
        names = ("x", "y", "visible") if joints.has("visible") else ("x", "y")
        columns = [joints.get(name).numbers() for name in names]
        if {len(column) for column in columns} != {len(COCO17)}:
            counts = " and ".join(str(len(column)) for column in columns)
            raise joints.error(f"{counts} numbers, not {len(COCO17)} each")
        points = np.column_stack([*columns, np.ones((len(COCO17), 3 - len(columns)))])
        person, score = _id(item.get("track_id").value), item.get("confidence").number()
        bodies.add(frame, ULTRALYTICS, points, item, person, score)


def _mediapipe(bodies: Bodies, content: Field) -> None:
    bodies.normalised = True
    for row, item in enumerate(content.items()):
        field, people = item.get(*FRAMES), item.get(*LANDMARKS)
        bodies.complete |= field.value is None
        frame = row if field.value is None else field.frame()
        bodies.begin(frame, field)
        several = people.items() if people.value else []
        for person in [people] if several and not isinstance(several[0].value, list) else several:
            marks = person.items()
            if len(marks) != len(MEDIAPIPE):
                raise person.error(f"{len(marks)} landmarks, not {len(MEDIAPIPE)}")
            points = np.array([_landmark(mark) for mark in marks])
            bodies.add(frame, ("MediaPipe", MEDIAPIPE), points, person)


def _landmark(mark: Field) -> Floats:
    """x, y and visibility, which is 1 if missing."""
    inner = mark.object()
    if "x" not in inner or "y" not in inner:
        raise mark.error("a landmark without x and y")
    values = [mark.get(name).number() for name in ("x", "y", "visibility") if name in inner]
    return np.array(values if "visibility" in inner else [*values, 1.0])
