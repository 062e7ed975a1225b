"""Phases from the files of labelling tools, and one line for each performance whose marks cannot be used."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.datasets.jigsaws import list_jigsaws
from data.datasets.phase_marks import phases_of, with_phases
from data.errors import UsageError
from data.video import Listing, Phase, Record
from data.video.video_search import find_videos
from tests.helpers.object_store import Bucket

FILES = Path(__file__).parent / "phase_files"

G1_G5 = (Phase("G1", 0.0, 1.0), Phase("G5", 1.0, 2.0))
DIVE = (Phase("take-off", 0.4, 1.0), Phase("flight", 1.0, 2.0), Phase("entry", 2.0, 2.6))

TABLE = "video,phase,start_s,end_s\nday/a.mp4,take-off,0.4,1\nday/a.mp4,flight,1.0,1.95\nday/a.mp4,entry,2,2.6\n"
AGGREGATED = (
    "Observation id,Media file name,FPS (frame/s),Subject,Behavior,Category,Behavior type,Start (s),Stop (s)\n"
    "one,C:\\films\\a.mp4,25,x,take-off,,STATE,0.4,1\none,C:\\films\\a.mp4,25,x,flight,,STATE,1,2\n"
    "one,C:\\films\\a.mp4,25,x,entry,,STATE,2,2.6\n"
)
TABULAR = (
    "Observation id\tone\n\nMedia file(s)\n\n"
    "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus\n"
    "0.4\t/films/a.mp4\t3\t25\tx\ttake-off\t\t\tSTART\n1.0\t/films/a.mp4\t3\t25\tx\ttake-off\t\t\tSTOP\n"
    "1.0\t/films/a.mp4\t3\t25\tx\tflight\t\t\tPOINT\n2.0\t/films/a.mp4\t3\t25\tx\tentry\t\t\tSTART\n"
    "2.6\t/films/a.mp4\t3\t25\tx\tentry\t\t\tSTOP\n"
)
ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/my%20films/a.mp4" TIME_ORIGIN="400"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="600"/>
<TIME_SLOT TIME_SLOT_ID="t3" TIME_VALUE="1600"/><TIME_SLOT TIME_SLOT_ID="t4" TIME_VALUE="2200"/></TIME_ORDER>
<TIER TIER_ID="speech"><ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t4">
<ANNOTATION_VALUE>hm</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="Phases">MARKS</TIER></ANNOTATION_DOCUMENT>
""".replace(
    "MARKS",
    "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="t{n}" TIME_SLOT_REF2="t{n + 1}"><ANNOTATION_VALUE>{name}'
        "</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for n, name in enumerate(("take-off", "flight", "entry"), start=1)
    ),
)
VIA = {
    "attribute": {"1": {"aname": "phase", "options": {"0": "take-off", "1": "flight"}}},
    "file": {"7": {"fname": "a.mp4", "src": "a.mp4"}},
    "view": {"3": {"fid_list": ["7"]}},
    "metadata": {
        "x": {"vid": "3", "z": [0.4, 1.0], "xy": [], "av": {"1": "0"}},
        "y": {"vid": "3", "z": [1.0, 2.0], "xy": [], "av": {"1": "1"}},
        "z": {"vid": "3", "z": [2.0, 2.6], "xy": [], "av": {"1": "entry"}},
        "box": {"vid": "3", "z": [], "xy": [2, 1, 1, 5, 5], "av": {}},
    },
}
SECONDS = [{"value": {"start": p.start, "end": p.end, "labels": [p.name]}} for p in DIVE]
LABEL_STUDIO = [{"data": {"video": "/data/upload/1/0a1b2c3d-a.mp4"}, "annotations": [{"result": SECONDS}]}]
BORIS_HEADER = "Media file name,Behavior,Behavior type,Time,Source\n"
GESTURES = "13 30 take-off \n31 60 flight \n61 78 entry \n"

FORMS = {
    "table": ("phases.csv", TABLE),
    "aggregated events of BORIS": ("boris.csv", AGGREGATED),
    "tabular events of BORIS": ("boris.tsv", TABULAR),
    "ELAN": ("x.eaf", ELAN),
    "VIA": ("via.json", json.dumps(VIA)),
    "Label Studio": ("export.json", json.dumps(LABEL_STUDIO)),
    "JIGSAWS": ("a.txt", GESTURES),
}


def read(place: Path, *records: Record) -> Listing:
    return with_phases(Listing(records or (Record("day/a.mp4", None), Record("b.mp4", None))), place)


@pytest.mark.parametrize("form", FORMS)
def test_every_tool_gives_the_same_phases(form: str, tmp_path: Path) -> None:
    name, text = FORMS[form]
    (tmp_path / name).write_text(text)
    for place in (tmp_path / name, tmp_path):
        listing = read(place)
        assert listing.problems == ()
        first, other = listing.records
        assert other.phases == ()
        assert [p.name for p in first.phases] == [p.name for p in DIVE]
        for found, expected in zip(first.phases, DIVE, strict=True):
            assert (found.start, found.end) == pytest.approx((expected.start, expected.end), abs=1e-9)


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.iterdir() if path.suffix != ".md"))
def test_files_of_the_tools_themselves_give_the_same_phases(
    name: str, tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    video = make_video(tmp_path / "a.mp4", frames=75, rate=25)
    listing = read(FILES / name, Record("day/a.mp4", video))
    assert listing.problems == ()
    phases = listing.records[0].phases
    assert [phase.name for phase in phases] == [phase.name for phase in DIVE]
    ends = [phase.end for phase in DIVE[:2]] + [math.inf if "points" in name else DIVE[2].end]
    np.testing.assert_allclose([phase.start for phase in phases], [phase.start for phase in DIVE], atol=1e-6)
    np.testing.assert_allclose([phase.end for phase in phases], ends, atol=1e-6)


def test_each_fault_is_one_line_and_the_rest_keeps_its_phases(tmp_path: Path) -> None:
    rows = {
        "gap": "run,0,1 flight,1.5,2", "overlap": "run,0,1.5 flight,1,2", "twice": "run,0,1 run,1,2",
        "empty": "run,1,1", "early": "run,-1,1", "good": "run,0,1 flight,1.05,",
    }  # fmt: skip
    lines = [f"{video}.mp4,{mark}" for video, marks in rows.items() for mark in marks.split()]
    (tmp_path / "phases.csv").write_text("\n".join(["video,phase,start_s,end_s", *lines, "gone.mp4,run,0,1", ""]))
    listing = read(tmp_path / "phases.csv", *(Record(f"{video}.mp4", None) for video in rows))
    unused = "mp4: its phases are not used: "
    assert listing.problems == (
        f"{tmp_path}/phases.csv: 'gone.mp4' is no video here (did you mean 'good.mp4'?)",
        f"gap.{unused}'run' and 'flight' leave a gap of 0.50 s",
        f"overlap.{unused}'run' and 'flight' overlap by 0.50 s",
        f"twice.{unused}'run' occurs 2 times; each phase occurs once",
        f"empty.{unused}'run' has no time: 1.00 s to 1.00 s",
        f"early.{unused}'run' has no time: -1.00 s to 1.00 s",
    )
    assert [record.id for record in listing.records if record.phases] == ["good.mp4"]
    assert listing.records[-1].phases == (Phase("run", 0, 1.05), Phase("flight", 1.05, math.inf))


def test_two_files_of_one_video_must_agree(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(GESTURES)
    (tmp_path / "x.eaf").write_text(ELAN.replace('"1600"', '"1700"'))
    listing = read(tmp_path)
    assert listing.problems == (
        f"day/a.mp4: its phases are not used: {tmp_path}/a.txt and {tmp_path}/x.eaf mark other phases; keep one",
    )
    (tmp_path / "x.eaf").write_text("<broken")
    listing = read(tmp_path)
    assert len(listing.problems) == 1
    assert "no file of phases" in listing.problems[0]
    assert listing.records[0].phases, "the other file counts"
    with pytest.raises(UsageError, match="no such file"):
        read(tmp_path / "none.csv")


def test_two_raters_of_label_studio_are_refused_and_frames_need_a_video(tmp_path: Path) -> None:
    other = [{"value": {"start": 0.4, "end": 1.5, "labels": ["take-off"]}}]
    task = {"data": {"video": "a.mp4"}, "annotations": [{"result": SECONDS}, {"result": other}]}
    (tmp_path / "x.json").write_text(json.dumps([task]))
    (line,) = read(tmp_path / "x.json").problems
    assert line.endswith("its phases are not used: 'take-off' occurs 2 times; each phase occurs once")
    ranges = {"value": {"ranges": [{"start": 1, "end": 9}], "timelinelabels": ["run"]}}
    (tmp_path / "x.json").write_text(json.dumps([{**task, "annotations": [{"result": [ranges]}]}]))
    (line,) = read(tmp_path / "x.json").problems
    assert line.endswith("they count frames, and there is no video here to time them")


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("x.eaf", "<!DOCTYPE a><a/>", "a document type"),
        ("x.json", '{"metadata": 3}', "no file of phases"),
        ("x.csv", "video,phase\na.mp4,run\n", "no number in the column 'start_s'"),
        ("x.csv", f"{BORIS_HEADER}a.mp4,run,STOP,3,\n", "x.csv:2: 'run' has a STOP too many"),
        ("x.csv", f"{BORIS_HEADER}a.mp4,run,START,3,\na.mp4,run,START,4,\n", "'run' occurs 2 times"),
        ("x.csv", f"{BORIS_HEADER}a.mp4,run,POINT,3,#1:a.mp4;b.mp4\n", "several videos in one observation"),
        ("x.csv", f"{BORIS_HEADER}NA,run,POINT,3,\n", "'x' is no video here"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(name: str, text: str, what: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    (line,) = read(tmp_path).problems
    assert what in line


def test_a_name_that_fits_two_videos_is_refused_and_two_views_of_a_trial_share_phases(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(GESTURES)
    listing = read(tmp_path / "a.txt", Record("1/a.mp4", None), Record("2/a.mp4", None))
    assert listing.problems == (f"{tmp_path}/a.txt: 'a' fits several videos",)
    views = [Record(f"video/a_capture{n}.avi", None, groups={"trial": "a"}) for n in (1, 2)]
    assert all(len(record.phases) == 3 for record in read(tmp_path / "a.txt", *views).records)


def test_frames_and_another_rate_follow_the_video(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    """A player of a container at 10 frames per second shows frame 20 at 2 s; in life, at 25, it was at 0.8 s."""
    video = make_video(tmp_path / "a.mp4", frames=40, rate=10)
    (tmp_path / "phases.csv").write_text("video,phase,start_s,end_s\na.mp4,run,0,2\na.mp4,entry,2,4\n")
    frames = [{"value": {"ranges": [{"start": a, "end": b}], "timelinelabels": [name]}}
              for name, a, b in (("run", 1, 20), ("entry", 21, 40))]  # fmt: skip
    (tmp_path / "export.json").write_text(
        json.dumps([{"data": {"video": "a.mp4"}, "annotations": [{"result": frames}]}])
    )
    for rate, scale in ((0.0, 1.0), (25.0, 0.4)):
        record = Record("a.mp4", video, rate=rate)
        for name in ("phases.csv", "export.json"):
            first, last = read(tmp_path / name, record).records[0].phases
            assert (first.start, first.end, last.end) == pytest.approx((0, 2 * scale, 4 * scale), abs=0.01)


RESULTS = [{**one, "original_length": 1.5} for one in SECONDS]
BOX = {"value": {"framesCount": 150, "duration": 3.0, "labels": ["diver"]}}
RANGE = {"value": {"ranges": [{"start": 20, "end": 150}], "timelinelabels": ["entry"]}}


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("b.csv", AGGREGATED.replace("FPS", "Media duration (s),FPS").replace(",25,", ",1.5,50.0,"), "1.50 s"),
        ("b.csv", AGGREGATED.replace(",25,", ",50.000,"), "50 frames per second, and this video has 25"),
        ("b.tsv", TABULAR.replace("\t3\t25\t", "\t6.0\t12.5\t"), "6.00 s, and this one has 3.00 s"),
        ("l.json", json.dumps([{**LABEL_STUDIO[0], "annotations": [{"result": RESULTS}]}]), "1.50 s, and this one"),
        (
            "l.json",
            json.dumps([{**LABEL_STUDIO[0], "annotations": [{"result": [BOX, RANGE]}]}]),
            "50 frames per second",
        ),
    ],
)
def test_marks_in_a_file_of_another_length_or_rate_are_one_line(
    name: str, text: str, what: str, tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    (tmp_path / name).write_text(text)
    videos = [Record(f"{one}.mp4", make_video(tmp_path / f"{one}.mp4", frames=75, rate=25)) for one in "ab"]
    listing = read(tmp_path / name, *videos)
    (line,) = listing.problems
    assert line.startswith("a.mp4: its phases are not used: they were marked ")
    assert what in line
    assert listing.records[0].phase_fault in line


def test_lengths_that_a_tool_states_as_unknown_do_not_count(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    (tmp_path / "b.csv").write_text(AGGREGATED.replace(",25,", ",NA,"))
    listing = read(tmp_path / "b.csv", Record("a.mp4", make_video(tmp_path / "a.mp4", frames=75, rate=25)))
    assert listing.problems == ()
    assert len(listing.records[0].phases) == 3


def test_an_exact_name_counts_before_a_similar_one(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("video,phase,start_s\na.mp4,run,0\n")
    listing = read(tmp_path / "p.csv", Record("a.mp4", None), Record("a.avi", None))
    assert listing.problems == ()
    assert [len(record.phases) for record in listing.records] == [1, 0]


def test_the_work_grows_with_the_number_of_videos(tmp_path: Path) -> None:
    """Twenty times the videos and marks make at most thirty times the calls of functions; it was the square."""

    def calls(count: int) -> int:
        records = [Record(f"{number:05d}.mp4", None) for number in range(count)]
        lines = [f"{name},run,0" for record in records for name in (record.id, f"gone {record.id}")]
        (tmp_path / "p.csv").write_text("\n".join(["video,phase,start_s", *lines]))
        made = 0

        def count_calls(*_: object) -> None:
            nonlocal made
            made += 1

        sys.setprofile(count_calls)
        try:
            read(tmp_path / "p.csv", *records)
        finally:
            sys.setprofile(None)
        return made

    assert calls(400) < 30 * calls(20)


def test_transcriptions_of_jigsaws_are_read_wherever_the_folder_of_a_task_is(tmp_path: Path) -> None:
    for task in ("Suturing", "Knot_Tying"):
        for folder, text in (("kinematics/AllGestures", "0\n"), ("transcriptions", "1 30 G1\n31 60 G5\n")):
            (tmp_path / task / folder).mkdir(parents=True)
            (tmp_path / task / folder / f"{task}_B001.txt").write_text(text)
    listing = list_jigsaws(tmp_path, unscored=True)
    for place, tasks in ((tmp_path, {"Suturing", "Knot_Tying"}), (tmp_path / "Suturing", {"Suturing"})):
        suturing = replace(listing, records=tuple(one for one in listing.records if one.task == "Suturing"))
        assert with_phases(suturing, place).problems == listing.problems, "trials of other tasks are no strangers"
        made = with_phases(listing, place)
        assert made.problems == listing.problems
        assert {record.task for record in made.records if record.phases == G1_G5} == tasks


def test_phases_of_videos_on_a_store_are_read(bucket: Bucket, video: Callable[..., bytes]) -> None:
    for name in ("a.mp4", "b.mp4"):
        bucket.put(f"in/{name}", video())
    folder, storage = Path(f"s3://{bucket.name}/in"), bucket.storage
    listing = find_videos([folder], storage)
    assert with_phases(listing, None, folder, storage) == listing
    bucket.put("in/phases.csv", b"video,phase,start_s\na.mp4,run,0\nb.mp4,run,0\nc.mp4,run,0\n")
    bucket.put("marks/one.csv", b"video,phase,start_s\nb.mp4,run,0\n")
    bucket.put("marks/readme.md", b"no table")
    stranger = f"s3://{bucket.name}/in/phases.csv: 'c.mp4' is no video here (did you mean 'b.mp4'?)"
    for place, beside, lines, marked in (
        (None, folder, (stranger,), [1, 1]),
        (None, folder / "a.mp4", (), [1]),
        (Path(f"s3://{bucket.name}/marks"), folder, (), [0, 1]),
        (Path(f"s3://{bucket.name}/marks/one.csv"), folder, (), [0, 1]),
    ):
        made = with_phases(find_videos([beside], storage), place, beside, storage)
        assert made.problems == lines
        assert [len(record.phases) for record in made.records] == marked
    with pytest.raises(UsageError, match="no such file"):
        with_phases(listing, Path(f"s3://{bucket.name}/none"), folder, storage)


def test_the_table_beside_the_videos_is_read(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "phases.csv").write_text("video;phase;start_s\na.mp4;run;0,5\na.mp4;entry;1,25\nb.mp4;run;0\n")
    for given, expected in ((tmp_path, (2, 1)), (tmp_path / "a.mp4", (2,))):
        listing = with_phases(find_videos([given]), None, beside=given)
        assert listing.problems == ()
        assert tuple(len(record.phases) for record in listing.records) == expected
    without = find_videos([tmp_path])
    (tmp_path / "phases.csv").unlink()
    assert with_phases(without, None, beside=tmp_path) is without


def test_phases_come_in_the_order_of_time() -> None:
    assert phases_of([]) == ()
    assert [p.name for p in phases_of([Phase("b", 1, math.inf), Phase("a", 0, math.inf)])] == ["a", "b"]
