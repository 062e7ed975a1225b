"""Phases from the files of labelling tools, and one line for each performance whose marks cannot be used."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.datasets.jigsaws import list_jigsaws
from data.datasets.phase_marks import phases_of, with_phases
from data.errors import UsageError
from data.video import Listing, Phase, Record, find_videos

FILES = Path(__file__).parent / "phase_files"
OF_TOOLS = sorted(path.name for path in FILES.iterdir() if path.suffix != ".md")


def text(name, *changes):
    """The text of a file of a tool after changes."""
    content = (FILES / name).read_text("utf-8")
    for old, new in changes:
        assert old in content
        content = content.replace(old, new)
    return content


@pytest.fixture
def dive(tmp_path, make_video):
    return Record("day/a.mp4", make_video(tmp_path / "a.mp4", frames=75, rate=25))


@pytest.mark.parametrize("name", OF_TOOLS)
def test_files_of_all_tools_give_the_same_phases(name, dive):
    records = (dive, Record("b.mp4", None))
    listing = with_phases(Listing(records), FILES / name)
    assert listing.problems == ()
    phases, none = (record.phases for record in listing.records)
    assert ([phase.name for phase in phases], none) == (["take-off", "flight", "entry"], ())
    ends = [1, 2, math.inf if "points" in name else 2.6]
    np.testing.assert_allclose([[phase.start for phase in phases], [p.end for p in phases]], [[0.4, 1, 2], ends])


GOOD, HEAD, BORIS = text("a.txt"), "video,phase,start_s,end_s\n", "Media file name,Behavior,Behavior type,Time,Source\n"
SECONDS, TABULAR = "label_studio_seconds.json", "boris_old_tabular.tsv"
AGGREGATED = "boris_windows_aggregated.csv"
RATER = '}], "predictions"', '}, {"result": [{"value": {"start": 0, "end": 1, "labels": ["run"]}}]}], "predictions"'
CASES = {
    "a gap": {"p.csv": f"{HEAD}a.mp4,run,0,1\na.mp4,flight,1.5,2\n"},
    "a gap between events of BORIS": {
        "p.csv": BORIS + "".join(f"a.mp4,run,{kind},{at},\n" for at, kind in enumerate(("START", "STOP") * 3))
    },
    "an overlap": {"p.csv": f"{HEAD}a.mp4,run,0,1.5\na.mp4,flight,1,2\n"},
    "a phase twice, and a good one": {"p.csv": f"{HEAD}a.mp4,run,0,1\na.mp4,run,1,2\nb.mp4,x,0,1\nb.mp4,y,1.05,\n"},
    "an empty phase": {"p.csv": f"{HEAD}a.mp4,run,1,1\n"},
    "an early phase": {"p.csv": f"{HEAD}a.mp4,run,-1,1\n"},
    "an unknown video": {"p.csv": f"{HEAD}c.mp4,run,0,1\na.mp4,run,0,1\n"},
    "files that agree": {"a.txt": GOOD, "x.eaf": text("elan_origin.eaf")},
    "files that differ": {"a.txt": GOOD, "x.eaf": text("elan_origin.eaf", ('"1600"', '"1700"'))},
    "a broken file beside a good one": {"a.txt": GOOD, "x.eaf": "<broken"},
    "a time slot without a value": {"x.eaf": text("elan_origin.eaf", (' TIME_VALUE="600"', ""))},
    "a document type": {"x.eaf": "<!DOCTYPE a><a/>"},
    "another JSON": {"x.json": '{"metadata": 3}'},
    "a table in a text file": {"x.txt": f"{HEAD}a.mp4,run,0,1\n"},
    "a table without times": {"x.csv": "video,phase\na.mp4,run\n"},
    "two raters": {"x.json": text(SECONDS, RATER)},
    "frames without a video": {"x.json": text("label_studio_frames.json", ("-a.mp4", "-b.mp4"))},
    "a stop too many": {"x.csv": f"{BORIS}a.mp4,run,STOP,3,\n"},
    "two starts": {"x.csv": f"{BORIS}a.mp4,run,START,3,\na.mp4,run,START,4,\n"},
    "several videos": {"x.csv": f"{BORIS}a.mp4,run,POINT,3,#1:a.mp4;b.mp4\n"},
    "a name of the file": {"x.csv": f"{BORIS}NA,run,POINT,3,\n"},
    "another length": {"x.csv": text(AGGREGATED, ("FPS", "Media duration (s),FPS"), (",25,", ",1.5,50,"))},
    "another rate": {"x.csv": text(AGGREGATED, (",25,", ",50.000,"))},
    "an unknown rate": {"x.csv": text(AGGREGATED, (",25,", ",NA,"))},
    "another length in a table of events": {"x.tsv": text(TABULAR, ("\t3\t25\t", "\t6.0\t12.5\t"))},
    "another length in JSON": {"x.json": text(SECONDS, ('"value"', '"original_length": 1.5, "value"'))},
    "another rate in JSON": {
        "x.json": text("label_studio_frames.json", ('"ranges"', '"framesCount": 150, "duration": 3.0, "ranges"'))
    },
}
"""Files of phases by what they have."""


@pytest.mark.parametrize("name", CASES)
def test_each_fault_is_one_line_and_the_rest_keeps_its_phases(name, dive, tmp_path, snapshot):
    place = tmp_path / "marks"
    place.mkdir()
    for file, content in CASES[name].items():
        (place / file).write_text(content)
    listing = with_phases(Listing((dive, Record("b.mp4", None))), place)
    assert [record.phase_fault in " ".join(listing.problems) for record in listing.records] == [True, True]
    lines = [*listing.problems, *(f"{record.id}: {record.phases}" for record in listing.records)]
    assert "\n".join(lines).replace(str(place), "MARKS") == snapshot


def test_which_videos_a_name_means(tmp_path):
    """None where it fits two; both views of a trial; an exact name before a similar one."""
    (tmp_path / "a.txt").write_text(GOOD)
    (tmp_path / "p.csv").write_text(f"{HEAD}a.mp4,run,0,\n")
    two = Record("1/a.mp4", None), Record("2/a.mp4", None)
    views = [Record(f"video/a_capture{n}.avi", None, groups={"trial": "a"}) for n in (1, 2)]
    for file, records, counts in (
        ("a.txt", two, [0, 0]),
        ("a.txt", views, [3, 3]),
        ("p.csv", (Record("a.mp4", None), Record("a.avi", None)), [1, 0]),
    ):
        listing = with_phases(Listing(tuple(records)), tmp_path / file)
        assert [len(record.phases) for record in listing.records] == counts
        assert listing.problems == ((f"{tmp_path}/a.txt: 'a' fits several videos",) if records is two else ())


def test_frames_and_another_rate_follow_the_video(tmp_path, make_video):
    """A player of a container at 10 frames per second shows frame 20 at 2 s; in life, at 25, it was at 0.8 s."""
    video = make_video(tmp_path / "a.mp4", frames=40, rate=10)
    (tmp_path / "phases.csv").write_text(f"{HEAD}a.mp4,take-off,1,2.5\na.mp4,flight,2.5,5\na.mp4,entry,5,6.5\n")
    for rate, scale in ((0.0, 1.0), (25.0, 0.4)):
        for place in (tmp_path / "phases.csv", FILES / "label_studio_frames.json"):
            (record,) = with_phases(Listing((Record("a.mp4", video, rate=rate),)), place).records
            ends = [end for phase in record.phases for end in (phase.start, phase.end)]
            assert ends == pytest.approx([scale * end for end in (1, 2.5, 2.5, 5, 5, 6.5)], abs=0.01)


def test_transcriptions_of_jigsaws_are_read_wherever_the_folder_of_a_task_is(tmp_path):
    for task in ("Suturing", "Knot_Tying"):
        for folder, content in (("kinematics/AllGestures", "0\n"), ("transcriptions", "1 30 G1\n31 60 G5\n")):
            (tmp_path / task / folder).mkdir(parents=True)
            (tmp_path / task / folder / f"{task}_B001.txt").write_text(content)
    listing = list_jigsaws(tmp_path, unscored=True)
    for place, tasks in ((tmp_path, {"Suturing", "Knot_Tying"}), (tmp_path / "Suturing", {"Suturing"})):
        suturing = replace(listing, records=tuple(one for one in listing.records if one.task == "Suturing"))
        assert with_phases(suturing, place).problems == listing.problems, "trials of other tasks are not strangers"
        made = with_phases(listing, place)
        assert made.problems == listing.problems
        marked = {record.task: record.phases for record in made.records if record.phases}
        assert marked == dict.fromkeys(tasks, (Phase("G1", 0, 1), Phase("G5", 1, 2)))


def test_phases_beside_videos_in_a_folder_or_on_a_store_are_read(bucket, video):
    table, files = b"video;phase;start_s\na.mp4;run;0,5\nb.mp4;run;0\nc.mp4;run;0\n", bucket.home / "in"
    files.mkdir()
    store = Path(f"s3://{bucket.name}")
    for name in ("a.mp4", "b.mp4"):
        bucket.put(f"in/{name}", video())
        (files / name).write_bytes(video())
    bucket.put("marks/one.csv", b"video,phase,start_s\nb.mp4,run,0\n")
    bucket.put("marks/readme.md", b"no table")
    for folder in (files, store / "in"):
        listing = find_videos([folder], bucket.storage)
        assert with_phases(listing, None, folder, bucket.storage) is listing
        with pytest.raises(UsageError, match="no such file"):
            with_phases(listing, folder / "none", folder, bucket.storage)
    bucket.put("in/phases.csv", table)
    (files / "phases.csv").write_bytes(table)
    for place, beside, marked in (
        *((None, folder, [1, 1]) for folder in (files, store / "in")),
        *((None, folder / "a.mp4", [1]) for folder in (files, store / "in")),
        *((place, store / "in", [0, 1]) for place in (store / "marks", store / "marks/one.csv")),
    ):
        made = with_phases(find_videos([beside], bucket.storage), place, beside, bucket.storage)
        assert [len(record.phases) for record in made.records] == marked
        stranger = f"{beside}/phases.csv: 'c.mp4' is not a video here (did you mean 'b.mp4'?)".replace("s3:/", "s3://")
        assert made.problems == ((stranger,) if marked == [1, 1] else ())


def test_phases_come_in_the_order_of_time():
    assert phases_of([]) == ()
    assert [p.name for p in phases_of([Phase("b", 1, math.inf), Phase("a", 0, math.inf)])] == ["a", "b"]
