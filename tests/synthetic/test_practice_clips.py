"""Practice clips: listed as own videos, with the same bytes each time, and answers of synthetic raters."""

import shutil
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from data.datasets.listing import list_records
from data.datasets.rater_answers import all_answers
from data.store.fingerprint import fingerprint_file
from data.video import find_videos
from models.metrics import spearman
from pipeline.label import find_session, label_summary
from synthetic import __main__ as command
from synthetic import plan_dives, practice_clips
from synthetic.practice_clips import NEW, PAIRS_A_VIDEO, RATERS, VIDEOS, answer_pairs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The clips that the command makes: small files in place of films, which test_dives.py renders."""

    def write_file(dive, path, options):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{dive.scores} {options}")

    made = tmp_path_factory.mktemp("practice")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(practice_clips, "write_film", write_file)
        printed = printed_by("clips", str(made))
    assert printed == [f"{made}/videos: 12 clips of one diver each", f"{made}/new: 6 further clips"]
    return made


def printed_by(*words):
    """The lines that `python -m synthetic` prints."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed:
        patch.setattr("sys.argv", ["synthetic", *words])
        command.main()
    return printed.getvalue().splitlines()


def test_answers_of_synthetic_raters_are_those_of_label_and_later_clips_get_theirs(folder, tmp_path):
    listing = list_records("folder", folder / "videos")
    assert (listing.problems, sorted(record.name for record in listing.records)) == ((), sorted(VIDEOS))
    assert sorted(record.name for record in find_videos([folder / "new"]).records) == sorted(NEW)
    assert not set(NEW) & set(VIDEOS)
    videos = Path(shutil.copytree(folder / "videos", tmp_path / "videos"))
    count = answer_pairs(videos)
    raters, problems = all_answers(videos)
    assert (tuple(raters), problems, sum(map(len, raters.values()))) == (RATERS, [], count)
    assert raters["eva"] != raters["finn"]
    for answers in raters.values():
        judged = [content for question in answers for content in question]
        assert all(judged.count(fingerprint_file(videos / name)) >= PAIRS_A_VIDEO for name in VIDEOS)
    report = label_summary(find_session(videos, pairs=True)[0])
    awards = [dive.scores.awards[0] for dive in plan_dives(len(VIDEOS), 0)]
    scores = {row.video: row.scores["score"] for row in report.rows}
    assert spearman([scores[name] for name in VIDEOS], awards) > 0.8, "the raters see the award with an error"

    shutil.copytree(folder / "new/thursday", videos / "thursday")
    later = "thursday/ben_4.mp4"
    answer_pairs(videos, (later,))
    for name, answers in all_answers(videos)[0].items():
        added = set(answers) - set(raters[name])
        assert len(added) == PAIRS_A_VIDEO
        assert all(fingerprint_file(videos / later) in question for question in added)
        assert all(fingerprint_file(videos / "thursday/dan_4.mp4") not in question for question in added)


def test_commands_name_the_next_one(folder, tmp_path, monkeypatch, capsys):
    videos = Path(shutil.copytree(folder / "videos", tmp_path / "videos"))
    assert printed_by("answers", str(videos)) == [f"{videos}/ratings: 84 answers of the synthetic raters eva and finn"]
    made = str(tmp_path / "JIGSAWS")
    printed = printed_by("jigsaws", made, "--kinematics-only", "--count", "1")
    assert printed == [made, f"evaluate it: aqa evaluate {made} --config jigsaws"]
    with pytest.raises(SystemExit):
        printed_by("answers", str(tmp_path))
    assert "python -m synthetic clips ." in capsys.readouterr().err
