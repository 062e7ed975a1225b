"""The contract of all readers of files of other people: keypoints, features, labels, phases (`reader_contract`)."""

import io
import re
import time
import tracemalloc
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from data.datasets import KINDS, list_records, with_phases
from data.datasets.jigsaws_kinematics import parse_kinematics
from data.errors import AimError
from data.features import read_features
from data.features.feature_files import array_names
from data.keypoints import read_keypoints, read_motion
from data.keypoints.skeletons import COCO17
from data.splits import jigsaws_4fold
from data.store import write_text
from data.video import Listing, Record
from synthetic.tiny_datasets import make_aqa7, make_tasd2
from synthetic.tiny_jigsaws import make_jigsaws
from synthetic.tiny_published import PUBLISHED, make_finediving, make_kimore, make_ui_prmd
from tests.data.datasets.test_phase_marks import OF_TOOLS, text
from tests.data.features.test_feature_files import WRITERS, named
from tests.helpers.keypoint_files import (
    FRAMES,
    LAYOUTS,
    MARKERS,
    SIZE,
    c3d_from_0,
    nwb,
    placed,
    put_csv,
    qualisys,
    table,
    trc,
)
from tests.helpers.reader_contract import Sample, damaged, facts


def joints_of(read):
    """The joints of a keypoint file as facts; every one is sound."""
    scores = read.points[..., -1]
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.isnan(read.points[scores == 0][:, :-1]).all()
    assert np.isfinite(read.points[scores > 0]).all()
    for row, joint in zip(*np.nonzero(scores), strict=True):
        yield int(joint), *read.points[row, joint, :-1].round(4).tolist()


def in_video(layout):
    """A layout of keypoints as the import of a video reads it; of a folder, its first file is damaged."""

    def make(folder):
        path = placed(folder, layout)
        return min(path.iterdir()) if path.is_dir() else path

    def read(folder, path):
        keypoints = read_keypoints(path.parent if path.parent != folder else path, "dive", SIZE, FRAMES)
        assert ((keypoints.scores >= 0) & (keypoints.scores <= 1)).all()
        return joints_of(keypoints)

    return Sample(make, read)


def in_time(make, **beside):
    def read(folder, path):
        given = {kind: next(folder.rglob(name)) for kind, name in beside.items()}
        return joints_of(read_motion(path, **given))  # type: ignore[arg-type]

    return Sample(make, read)


def arrays(path):
    for name in array_names(path):
        yield from (tuple(row) for row in read_features(path, name).tolist())


def phases(folder, path):
    listing = with_marks(path)
    return ((record.id, round(phase.start, 6)) for record in listing.records for phase in record.phases)


def with_marks(path):
    listing = with_phases(Listing((Record("day/a.mp4", None), Record("b.mp4", None))), path)
    assert all(line.isprintable() for line in listing.problems)
    return listing


def written(name, write):
    def make(folder):
        write(folder / name)
        return folder / name

    return make


ROWS = "\n".join(" ".join(f"{value:.6f}" for value in np.linspace(-1, 1, 76) + row) for row in range(4)) + "\n"
STO = "name a.sto\nendheader \ntime\tknee\thip\t\n      0.00000000\t 10.5\t -3\t\n      0.04000000\t 11\t -2.5\t\n"
"""As OpenCap's `numpy2storage` writes it: a tab ends every line."""
IN_DEPTH = np.add(MARKERS, [0, 0, 3])

SAMPLES = {
    **{layout: in_video(layout) for layout in LAYOUTS},
    "TRC in 3-D": in_time(written("a.trc", lambda path: trc(path, IN_DEPTH, unit="mm"))),
    "Qualisys": in_time(written("a.tsv", lambda path: qualisys(path, IN_DEPTH))),
    "DeepLabCut in 3-D": in_time(written("a.csv", lambda path: put_csv(path, table(last="z")))),
    "C3D in 3-D": in_time(written("a.c3d", lambda path: c3d_from_0(path, IN_DEPTH))),
    "NWB over time": in_time(written("a.nwb", lambda path: nwb(path, rate=25.0))),
    "UI-PRMD, positions": in_time(
        lambda folder: next(make_ui_prmd(folder, count=1, frames=5).rglob("*_positions.txt")), angles="*_angles.txt"
    ),
    "KIMORE": in_time(
        lambda folder: next(make_kimore(folder, count=1, frames=8).rglob("JointPosition*.csv")),
        time_stamps="TimeStamp*.csv",
    ),
    **{name: Sample(written(name, lambda path, write=write: write(path, named())), lambda _, path: arrays(path))  # type: ignore[misc]
       for name, write in WRITERS},
    "motion table": Sample(written("a.sto", partial(write_text, text=STO)), lambda _, path: arrays(path)),
    **{f"phases, {name}": Sample(written(name, partial(write_text, text=text(name))), phases)
       for name in OF_TOOLS if not name.startswith(("boris_offset", "boris_points", "label_studio_frames"))},
    "kinematics": Sample(
        written("a.txt", partial(write_text, text=ROWS)), lambda _, path: map(tuple, parse_kinematics(path).tolist())
    ),
}  # fmt: skip


def folder_set(root):
    """Two videos that nobody opens, and a table with every column."""
    for name in ("a.mp4", "day 1/b.mp4"):
        write_text(root / name, "x")
    rows = ("video,score,execution,group,split", "a.mp4,7.5,,g,train", "day 1/b.mp4,-1e2,3,g,test")
    write_text(root / "scores.csv", "\n".join(rows) + "\n")
    return root


def aqa7_set(root):
    """AQA-7 with one compressed list and one plain list, so that damage reaches the parser, not only zlib."""
    make_aqa7(root, count=3, frames=2)
    path, name = root / "Split_4/split_4_train_list.mat", "consolidated_train_list"
    scipy.io.savemat(path, {"before": np.ones((1, 1)), name: scipy.io.loadmat(path)[name]})
    return root


def jigsaws_set(root):
    """Two trials, and a list of folds beside them."""
    make_jigsaws(root, trials=2, rows=4, tasks=("Suturing",))
    write_text(root / FOLDS, '{"folds": {"Suturing": [["Suturing_B001"], ["Suturing_C002"]]}}')
    return root


FOLDS = "folds.json"
SETS = {
    **{kind: partial(make, count=4, frames=2) for kind, make in PUBLISHED.items()},
    "finediving": partial(make_finediving, count=4, frames=8),
    "ui-prmd": partial(make_ui_prmd, count=1, frames=5),
    "kimore": partial(make_kimore, count=2, frames=5),
    "aqa7": aqa7_set,
    "tasd2": partial(make_tasd2, count=2, frames=2),
    "jigsaws": jigsaws_set,
    "folder": folder_set,
}
"""Makers of sets of a few performances."""

LABELS = (".pkl", ".txt", ".mat", ".xlsx", ".csv", ".json")


def labels(kind, root, path):
    """The numbers of a set's labels; the files that stages read are read too."""
    if path.name == FOLDS:
        jigsaws_4fold([], path)
    listing = list_records(kind, root)
    assert all(text.isprintable() for text in (*listing.problems, *listing.doubts))
    for record in listing.records:
        assert record.path is None or record.path.resolve().is_relative_to(root)
        if path == record.sidecars.get("kinematics"):
            parse_kinematics(path)
        if path in record.sidecars.values() and "keypoints" in record.sidecars:
            read_motion(*(record.sidecars.get(beside) for beside in ("keypoints", "angles", "time_stamps")))  # type: ignore[arg-type]
        if record.labels:
            assert record.labels.score is None or np.isfinite(record.labels.score)
            values = {"score": record.labels.score, "difficulty": record.labels.difficulty}
            yield from ((record.id, what, value) for what, value in values.items() if value is not None)


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    """Makes a sample or a set once; of files of a set that are alike, one is damaged."""

    @cache
    def made(name):
        folder = tmp_path_factory.mktemp("sample")
        if sample := SAMPLES.get(name):
            return sample, folder, [sample.make(folder)]
        root = SETS[name](folder)
        paths = [path for path in sorted(root.rglob("*.*")) if path.suffix in LABELS]
        alike = {re.sub(r"\d+", "", f"{path.parent.name}/{path.name}"): path for path in paths}
        return Sample(Path, partial(labels, name)), root, [p for p in alike.values() if "transcriptions" not in p.parts]

    return made


def refused(sample, folder, path):
    """How often a damaged file is refused by its name or says less; it never says anything new."""
    sound, content, count = facts(sample, folder, path), path.read_bytes(), 0
    assert sound is not None
    try:
        for what, other in damaged(path):
            path.write_bytes(other)
            given = facts(sample, folder, path)
            count += given is None or given < sound
            assert given is None or given <= sound, f"{what}: it invents {sorted(given - sound)[:3]}"
    finally:
        path.write_bytes(content)
    return count


@pytest.mark.parametrize("name", [*SAMPLES, *SETS])
def test_a_damaged_file_says_nothing_new_or_is_refused(contract, name):
    sample, folder, paths = contract(name)
    assert sum(refused(sample, folder, path) for path in paths)


NUMBERS = (b"nan", b"inf", b"-inf", b"1e999", b"1_0", b"0x1p3", b"--1", b"1e", b".", b"-0", b"9" * 5000, b"\xd9\xa1")

HOSTILE = (
    *(b'"', b"'", b",", b";", b"\t", b"\r", b"\n", b"\r\n", b"{", b"[", b"null", b"video"),
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\xe2\x80\xa8", b"\x1b[2J"),
    *(b"../../x", b"/etc", b"C:\\x", b"\\\\h\\s", b"Suturing_B001", b"Knot_Tying_Z999"),
)
"""Bytes that parsers stumble over: delimiters, encodings, control characters, paths, names."""

REST, CELL = 1 << 30, -1

EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 12) | st.sampled_from([CELL, CELL, REST]),
        st.binary(max_size=4) | st.sampled_from(NUMBERS) | st.sampled_from(HOSTILE),
    ),
    min_size=1,
    max_size=3,
)
"""Changes of a file: (place as a share of its length, number of bytes that go, bytes that come)."""


def edited(content, edits):
    """`content` after `edits`; CELL bytes are those of the cell at the place."""
    for share, gone, new in edits:
        place = int(share * len(content))
        if gone == CELL:
            cells = [cell.span() for cell in re.finditer(rb"[^\s,;]+", content) if cell.end() > place]
            place, end = cells[0] if cells else (place, place)
            gone = end - place
        content = content[:place] + new + content[place + gone :]
    return content


@pytest.mark.parametrize("name", [*SAMPLES, *SETS])
@given(edits=EDITS, which=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_any_file_is_read_or_refused_by_name(contract, name, edits, which):
    sample, folder, paths = contract(name)
    path = paths[which % len(paths)]
    sound = path.read_bytes()
    path.write_bytes(edited(sound, edits))
    try:
        facts(sample, folder, path)
    finally:
        path.write_bytes(sound)


COLUMNS = ",".join(f"{joint}_{axis}" for joint in COCO17 for axis in "xy")
MANY = "video,phase,start_s\n" + "".join(f"day/a.mp4,p{n},{n}\n" for n in range(5_000))
DEEP, LONG = "[" * 100_000, "9" * 400


def header(shape):
    """The header of a `.npy` of this shape."""
    np.lib.format.write_array_header_1_0(made := io.BytesIO(), {"descr": "<f8", "fortran_order": False, "shape": shape})
    return made.getvalue().decode("latin-1")


ATTACKS = {
    "JSON in JSON": ("a.json", DEEP, read_motion),
    "frames far apart": (
        "a.csv",
        f"frame,{COLUMNS}\n0{',1' * 34}\n4999999{',1' * 34}",
        read_motion,
    ),
    "marker files far apart": ("a.trc", "", lambda path: read_motion(trc(path, IN_DEPTH, first=10**9))),
    "people of different joints": (
        "a.trc",
        "",
        lambda path: read_motion(trc(path, np.ones((5, 1500, 3)), [f"p{n}:j{n}" for n in range(1500)])),
    ),
    "a long header": ("a.csv", "behavior " * 20_000 + "\n", with_marks),
    "many phases": ("a.csv", MANY, with_marks),
    "ELAN of long numbers": ("a.eaf", text("elan_origin.eaf", ("600", LONG)), with_marks),
    "Label Studio of long numbers": ("a.json", text("label_studio_seconds.json", ("2.6", LONG)), with_marks),
    "VIA of long numbers": ("a.json", text("via_options.json", ("2.6", LONG)), with_marks),
    "Label Studio without a name": ("a.json", '[{"data": {}, "annotations": []}]', with_marks),
    "a long number in a table": ("a.csv", f"video,phase,start_s\nday/a.mp4,run,{LONG}\n", with_marks),
    "an array of no people in many frames": ("a.npy", header((1 << 40, 0, 17, 3)), read_motion),
    "brackets in a header": ("a.npy", "\x93NUMPY\1\0(#" + "(" * 9000, read_features),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_small_file_takes_little_time_and_memory(tmp_path, name):
    file, content, read = ATTACKS[name]
    path = tmp_path / file
    path.write_bytes(content.encode("latin-1"))
    tracemalloc.start()
    start = time.process_time()
    with suppress(AimError):
        read(path)
    used, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 10, "of a tracer that slows it down"
    assert peak < 100 << 20


def test_every_kind_with_labels_of_its_own_is_tried():
    assert set(SETS) == set(KINDS) - {"skeletons", "rendered"}
