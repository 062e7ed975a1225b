"""One person in the keypoint files of every tool: as its writer makes them, else in the form of its files."""

import csv
import json
import pickle
import warnings
from datetime import datetime, timezone

import h5py
import numpy as np
import pytest

from data.keypoints.skeletons import BY_NUMBER, COCO17, SKELETONS, coco_joint

SIZE, FRAMES, FPS = (640, 360), 3, 25.0
POSE = np.column_stack([np.linspace(100, 260, 17), np.linspace(40, 300, 17), np.full(17, 0.8)])
"""(17, 3) the person in COCO-17."""

MEDIAPIPE = SKELETONS["MediaPipe"]


def of_joints(joints):
    """The person in another skeleton: 0, 0, 0 where COCO has no such joint."""
    return [POSE[COCO17.index(j)].tolist() if (j := coco_joint(name)) else [0.0, 0.0, 0.0] for name in joints]


def flat(rows):
    return [value for row in rows for value in row]


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def result(frame, count=17, **more):
    rows = POSE.tolist() + [[0.0, 0.0, 0.0]] * (count - 17)
    return {"image_id": frame, "category_id": 1, "keypoints": flat(rows), "score": 0.6} | more


def instance(**more):
    given = {"keypoints": POSE[:, :2].tolist(), "keypoint_scores": POSE[:, 2].tolist(), "bbox": [[1, 2, 3, 4]]}
    return {**given, "bbox_score": 0.7, **more}


def table(individuals=(), likelihood=0.8, last="likelihood"):
    """DeepLabCut's rows; the last individual is missing in frame 1. `triangulate` writes z in place of a likelihood."""
    joints = [name for name in COCO17 if "ear" not in name] + ["tail_base"]
    names = {"x": "x", "y": "y", "l": last}
    columns = [(who, joint, axis) for who in individuals or ("",) for joint in joints for axis in names]
    rows = [["scorer", *["DLC_resnet50"] * len(columns)]]
    rows += [["individuals", *[who for who, _, _ in columns]]] if individuals else []
    rows += [["bodyparts", *[j for _, j, _ in columns]], ["coords", *[names[a] for _, _, a in columns]]]
    for frame in range(FRAMES):
        row = [str(frame)]
        for who, joint, axis in columns:
            point = dict(zip("xyl", [*of_joints([joint])[0][:2], likelihood], strict=True))
            gone = individuals and who == individuals[-1] and frame == 1
            row.append("" if gone else repr(float(point[axis])))
        rows.append(row)
    return rows


def put_csv(path, rows, delimiter=","):
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


def put_h5(path, rows, names=None, protocol=0):
    """The file as `DataFrame.to_hdf(key="df_with_missing", format="table")` lays it out."""
    heads = len([row for row in rows if not row[0].isdigit()])
    columns = list(zip(*(row[1:] for row in rows[:heads]), strict=True))
    values = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[heads:]])
    made = np.zeros(len(values), dtype=[("index", "i8"), ("values_block_0", "f8", (values.shape[1],))])
    made["index"], made["values_block_0"] = range(len(values)), values
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.create_dataset("table", data=made, chunks=(1,))
        group.attrs["non_index_axes"] = np.bytes_(names or pickle.dumps([(1, columns)], protocol))
    return path


def marks(scale=SIZE):
    rows = of_joints(MEDIAPIPE)
    return [{"x": x / scale[0], "y": y / scale[1], "z": 0.0, "visibility": v} for x, y, v in rows]


def wide(names, frames, scale=SIZE):
    """MediaPipe's table with a row a frame, whose columns have joints, or numbers from 0 or 1; without frames three."""
    axes = {"x": "x", "y": "y", "z": "z", "v": "visibility"}
    head = [
        f"{joint}_{name}" if names == "joint" else f"{axis}{place + int(names)}"
        for place, joint in enumerate(MEDIAPIPE)
        for axis, name in axes.items()
    ]
    row = [repr(mark[name]) for mark in marks(scale) for name in axes.values()]
    return [head, row, row, row] if frames is None else [["frame", *head], *([f"{f}", *row] for f in frames)]


def long(frames, first=0, scale=SIZE):
    """MediaPipe's table with a row a landmark, counted from `first`."""
    rows = [["frame", "landmark", "x", "y", "visibility"]]
    places = list(enumerate(marks(scale), start=first))
    return rows + [[f"{f}", f"{place}", repr(m["x"]), repr(m["y"]), "0.8"] for f in frames for place, m in places]


def openpose(count=25, name="dive_{:012d}_keypoints.json", first=0):
    """OpenPose's three files by name; nobody is in the second."""
    joints = SKELETONS[BY_NUMBER[count]]
    joints += ("other",) * (count - len(joints))
    person = {"person_id": [-1], "pose_keypoints_2d": flat(of_joints(joints)), "face_keypoints_2d": []}
    people = ([person], [], [person])
    return {name.format(frame): {"version": 1.3, "people": each} for frame, each in enumerate(people, start=first)}


def ultralytics_line(confidence, track):
    """The line of the person, as `Results.save_txt` writes it."""
    values = [0, 0.28, 0.47, 0.25, 0.72, *(POSE / [*SIZE, 1]).ravel(), *[0.7] * confidence, *[3] * track]
    return " ".join(f"{value:.6g}" for value in values) + "\n"


def ultralytics_json():
    """The person, as `Results.summary` returns it."""
    x, y, visible = POSE.round(5).T.tolist()
    return [{"name": "person", "class": 0, "confidence": 0.7, "keypoints": {"x": x, "y": y, "visible": visible}}]


def trc(path, points, names=COCO17, unit="m", first=0):
    """(frame, marker, 3) as `make_trc_with_trc_data` of Sports2D 0.8.34 writes it: m for pixels too, and z is 0."""
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "\t".join(map(str, [FPS, FPS, len(points), len(names), unit, FPS, 0, len(points)])),
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t\t",
        "\t\t" + "\t".join(f"X{k + 1}\tY{k + 1}\tZ{k + 1}" for k in range(len(names))),
    ]
    for row, values in enumerate(points.reshape(len(points), -1)):
        cells = ["" if value != value else str(value) for value in values]
        lines.append("\t".join([str(row), str((first + row) / FPS), *cells]))
    return put(path, "\n".join(lines) + "\n")


def c3d(path, points, names=COCO17, unit="mm"):
    """A C3D file by ezc3d; its NaN are missing markers."""
    pytest.importorskip("c3d", reason="needs the extra c3d")
    ezc3d = pytest.importorskip("ezc3d", reason="needs: python -m pip install ezc3d")
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["RATE"]["value"], point["LABELS"]["value"], point["UNITS"]["value"] = [FPS], [*names], [unit]
    file["data"]["points"] = np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2).transpose(2, 1, 0)
    file.write(str(path))
    return path


def c3d_from_0(path, *args, **kwargs):
    """The file of `c3d` with a header as kineticstoolkit's real files have it: from frame 0, and without a rate."""
    content = bytearray(c3d(path, *args, **kwargs).read_bytes())
    content[6:8], content[20:24] = bytes(2), bytes(4)
    path.write_bytes(content)
    return path


def qualisys(path, points):
    """(frame, marker, 3) mm, as the manual of Qualisys Track Manager describes its export, with frames and times."""
    head = {
        "NO_OF_FRAMES": len(points),
        "NO_OF_MARKERS": 17,
        "FREQUENCY": FPS,
        "TIME_STAMP": "2026-01-01",
        "DATA_INCLUDED": "3D",
    }
    lines = [
        "\t".join(map(str, line)) for line in (*head.items(), ("MARKER_NAMES", *COCO17), ("Frame", "Time", "nose X"))
    ]
    for row, values in enumerate(points.reshape(len(points), -1)):
        lines.append("\t".join(map(str, (row + 1, row / FPS, *values))))
    return put(path, "\r\n".join(lines))


def arrays(path):
    """The person in every frame: by NumPy, or as an annotation of MMAction2."""
    people = np.tile(POSE, (FRAMES, 1, 1))
    if path.suffix == ".pkl":
        made = {"keypoint": people[None, ..., :2], "keypoint_score": people[None, ..., 2].astype(np.float16)}
        made |= {"total_frames": FRAMES, "img_shape": SIZE[::-1]}
        annotations = [{**made, "frame_dir": name, "label": 3} for name in ("dive", "other")]
        path.write_bytes(pickle.dumps({"split": {"train": ["dive"]}, "annotations": annotations}))
    elif path.suffix == ".npz":
        np.savez(path, keypoints=people[:, None, ::-1], joints=COCO17[::-1])
    else:
        np.save(path, people)
    return path


def sleap(path, *, frames=(0, 2), videos=1):
    """Anna and Ben, 20 pixels beside her; in the last frame a user has corrected Ben by one pixel."""
    sio = pytest.importorskip("sleap_io", reason="needs the extra sleap")
    skeleton, tracks, labelled = sio.Skeleton(list(COCO17), name="person"), [sio.Track("Anna"), sio.Track("Ben")], []
    for number in range(videos):
        video = sio.Video(filename=f"dive{number or ''}.mp4", open_backend=False)
        for frame in frames:
            people = [
                sio.PredictedInstance.from_numpy(
                    POSE[:, :2] + [20 * k, 0], skeleton=skeleton, point_scores=POSE[:, 2], score=0.7, track=track
                )
                for k, track in enumerate(tracks)
            ]
            if frame == 2:
                by_hand = sio.Instance.from_numpy(POSE[:, :2] + 21, skeleton=skeleton, track=tracks[1])
                by_hand.from_predicted = people[1]
                people.append(by_hand)
            labelled.append(sio.LabeledFrame(video=video, frame_idx=frame, instances=people))
    labels = sio.Labels(labelled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if path.suffix == ".slp":
            labels.save(str(path), embed=False, verbose=False)
        elif path.suffix == ".nwb":
            sio.save_nwb(labels, str(path), nwb_format="predictions")
        else:
            sio.save_analysis_h5(labels, str(path))
    if path.name.endswith("old.h5"):  # without scores
        with h5py.File(path, "a") as file:
            del file["point_scores"], file["instance_scores"]
    return path


def nwb(path, *, rate=None, times=(), people=1):
    """An NWB file by pynwb and ndx-pose."""
    pynwb = pytest.importorskip("pynwb", reason="needs the extra sleap")
    pose = pytest.importorskip("ndx_pose", reason="needs the extra sleap")
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    file = pynwb.NWBFile(session_description="a dive", identifier="dive", session_start_time=start)
    module = file.create_processing_module("behavior", "poses")
    skeleton = pose.Skeleton(name="person", nodes=list(COCO17), edges=np.array([[0, 1]], "uint8"))
    module.add(pose.Skeletons(skeletons=[skeleton]))
    clock = {"rate": rate} if rate else {"timestamps": np.array(times or np.arange(FRAMES) / FPS)}
    for person in range(people):
        series = [
            pose.PoseEstimationSeries(
                name=joint, description="", unit="pixels", reference_frame="top left", confidence=np.full(FRAMES, 0.8),
                data=np.tile(POSE[k, :2] + [20 * person, 0], (FRAMES, 1)), **clock,
            )
            for k, joint in enumerate(COCO17)
        ]  # fmt: skip
        made = {"name": f"Person{person}", "pose_estimation_series": series, "skeleton": skeleton}
        module.add(pose.PoseEstimation(**made, source_software="DeepLabCut"))
    with pynwb.NWBHDF5IO(str(path), "w") as stream:
        stream.write(file)
    return path


MARKERS = np.tile(np.pad(POSE[:, :2], ((0, 0), (0, 1))), (FRAMES, 1, 1))
LAYOUTS = {
    "OpenPose BODY_25": ("files", openpose() | {"other_07_keypoints.json": {"people": []}}),
    "OpenPose BODY_25, one of whom is nobody": (
        "files",
        {name: {"people": [*one["people"], {"pose_keypoints_2d": []}]} for name, one in openpose().items()},
    ),
    "OpenPose COCO-18": ("files", openpose(18)),
    **{f"OpenPose BODY_25, Pose2Sim from {n}": ("files", openpose(25, "dive.{:04d}.json", n)) for n in (0, 1)},
    **{
        f"OpenPose {BY_NUMBER[n]}, as Pose2Sim writes rtmlib's": ("files", openpose(n, "dive_{:06d}.json"))
        for n in (17, 26, 133, 136)
    },
    "COCO results": ("json", [result(0), result(2), result(2)]),
    "COCO annotations": (
        "json",
        {
            "images": [{"id": 70 + i, "file_name": f"dive_{i:06d}.png"} for i in range(FRAMES)],
            "annotations": [{"image_id": 71, "id": 5, "keypoints": flat([x, y, 2] for x, y, _ in POSE.tolist())}],
        },
    ),
    **{
        f"AlphaPose, {n} joints": (
            "json",
            [result(f"{frame}.jpg", n, score=2.9, box=[1, 2, 3, 4], idx=[3]) for frame in range(FRAMES)],
        )
        for n in (17, 26, 136)
    },
    "MMPose, COCO-17, inferencer": ("json", [{"frame_id": i, "instances": [instance()]} for i in range(FRAMES)]),
    "MMPose, named joints": (
        "json",
        {
            "meta_info": {"keypoint_id2name": {str(i): name for i, name in enumerate(COCO17)}},
            "instance_info": [{"frame_id": i + 1, "instances": [instance(track_id=4)]} for i in range(FRAMES)],
        },
    ),
    "MMPose, COCO-17, files": ("files", {f"dive_{i:05d}.json": [instance()] if i else [] for i in range(3)}),
    "DeepLabCut, table": ("csv", table()),
    "DeepLabCut, table of two": ("csv", table(("anna", "bea"))),
    "DeepLabCut, HDF5": ("h5", table()),
    "DeepLabCut, HDF5 of two": ("h5", table(("anna", "bea"))),
    "MediaPipe, by frame": ("json", [{"frame": i, "landmarks": marks()} for i in (0, 2)]),
    "MediaPipe, by place": (
        "json",
        {"frames": [{"pose_landmarks": [marks(), marks()]}, {"pose_landmarks": []}, {"pose_landmarks": None}]},
    ),
    "MediaPipe, in pixels": ("json", [{"landmarks": marks((1, 1))}] * 3),
    **{f"MediaPipe, wide, {names}": ("csv", wide(names, (0, 2))) for names in ("joint", "0", "1")},
    **{f"MediaPipe, wide, all, {names}": ("csv", wide(names, None)) for names in ("joint", "0", "1")},
    "MediaPipe, long": ("csv", long((0, 1))),
    **{
        f"MediaPipe, {form}, in pixels{mark}": (f"csv{mark}", rows)
        for form, rows, mark in (
            *(("wide", wide("1", (1, 2, 3), (1, 1)), mark) for mark in ",;\t"),
            ("long", long((1, 2, 3), 1, (1, 1)), ","),
        )
    },
    **{
        f"Ultralytics, COCO-17, text{' confidence' * sure}{' track' * track}": (
            "files",
            {
                "dive_1.txt": ultralytics_line(sure, track),
                "dive_3.txt": ultralytics_line(sure, track) * 2,
                "dive_other_2.txt": "",
            },
        )
        for sure in (False, True)
        for track in (False, True)
    },
    "Ultralytics, COCO-17, list": ("json", [ultralytics_json(), [], ultralytics_json()]),
    "Ultralytics, COCO-17, files": (
        "files",
        {f"dive_{i}.json": ultralytics_json() if i != 2 else [] for i in (1, 2, 3)},
    ),
    "TRC": ("trc", MARKERS),
    "C3D": ("c3d", MARKERS),
    "AlphaPose, open": (
        "json",
        {f"{frame}.jpg": {"version": "v0.3", "people": openpose(18).popitem()[1]["people"]} for frame in range(FRAMES)},
    ),
    "MPII": (
        "json",
        [
            {"image": f"01/{frame:05d}.jpg", "joints": of_mpii[:, :2].tolist(), "joints_vis": of_mpii[:, 2].tolist()}
            for frame in range(FRAMES)
            for of_mpii in [np.array(of_joints(SKELETONS["MPII"]))]
        ],
    ),
    **{f"arrays, {form}": (form, None) for form in ("npy", "npz", "pkl")},
    "SLEAP, labels": ("slp", None),
    "SLEAP, analysis": ("analysis.h5", None),
    "SLEAP, analysis without scores": ("old.h5", None),
    "NWB": ("nwb", None),
}
"""By name: the form, and the content."""


def placed(folder, layout):
    """A layout's file, or its folder of files."""
    form, content = LAYOUTS[layout]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"dive.{form[:3] if form.startswith('csv') else form}"
    if form == "files":
        for name, inner in content.items():
            put(folder / "dive" / name, inner)
        return folder / "dive"
    if form == "json":
        return put(path, content)
    if form.startswith("csv"):
        return put_csv(path, content, form[3:] or ",")
    if form == "trc":
        return trc(folder / "dive_Sports2D_px_person00.trc", content)
    if form == "c3d":
        return c3d(path, content, unit="px")
    if form in ("npy", "npz", "pkl"):
        return arrays(path)
    return put_h5(path, content) if form == "h5" else nwb(path) if form == "nwb" else sleap(path)
