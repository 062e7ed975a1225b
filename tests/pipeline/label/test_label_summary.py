"""From answers to labels and sentences on the raters' agreement, approved as text; what the data set `folder` reads."""

import csv
import json

import pytest

from data.datasets.folder import list_folder
from data.datasets.rater_answers import Answer, append_answers, rater_file, read_answers
from data.store.fingerprint import fingerprint_file
from data.video import Phase
from pipeline.label import find_session, label_summary, summary_as_json, write_labels
from tests.helpers.approved import steady
from tests.helpers.rated import mark_phases, rate_scores

PHASES = ("run", "flight", "entry")
ORDER = {f"{n}.mp4": float(n) for n in range(4)}


@pytest.fixture
def folder(tmp_path):
    """Four files of different content; their answers are counted without opening them."""
    for name in ORDER:
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def answer(folder, rater, said, *names):
    append_answers(rater_file(folder, rater), Answer(tuple(fingerprint_file(folder / name) for name in names), said))


def rate_pairs(folder, rater, truth, count=6):
    """Answer `count` questions of the page by the true values of the videos."""
    session, _ = find_session(folder, pairs=True)
    videos, path = session.by_content(), rater_file(folder, rater)
    for _ in range(count):
        question = session.next_question(rater, read_answers(path)[0], videos)
        assert question is not None
        left, right = (truth[videos[content].id] for content in question)
        append_answers(path, Answer(question, "better" if left > right else "worse"))


def report(folder, **options):
    return label_summary(find_session(folder, **options)[0])


def two_scores(folder):
    for rater, scores in (("anna", [5.0, 7.0, 2.0, 9.0]), ("ben", [6.0, 7.0, 1.0, 9.5])):
        rate_scores(folder, rater, {f"{n}.mp4": {"score": s, "execution": s / 2} for n, s in enumerate(scores)})


def no_performance(folder):
    rate_scores(folder, "anna", {"0.mp4": {"score": 3.0}})
    answer(folder, "anna", "no performance", "1.mp4")


def renamed_and_replaced(folder):
    """A renamed video keeps its answers, and a replaced one has none."""
    rate_scores(folder, "anna", {"0.mp4": {"score": 3.0}, "1.mp4": {"score": 4.0}})
    (folder / "0.mp4").rename(folder / "x.mp4")
    (folder / "1.mp4").write_bytes(b"another")


def bad_files(folder):
    """A bad file of one rater does not stop the others."""
    rate_scores(folder, "ben", {"0.mp4": {"score": 3.0}})
    (folder / "ratings/anna.csv").mkdir()
    (folder / "ratings/cleo.csv").write_bytes(b"x" * 200_000)


def pairs(folder, *raters):
    for rater in raters or ("anna", "ben"):
        rate_pairs(folder, rater, ORDER)


def scores_and_pairs(folder):
    two_scores(folder)
    answer(folder, "anna", "skipped", "0.mp4")
    pairs(folder)


def refused(folder, *by):
    """A video that more raters refuse than judge has no label."""
    pairs(folder, "anna", "ben", "cleo")
    for rater in by:
        answer(folder, rater, "no performance", "0.mp4")


def unconnected(folder):
    answer(folder, "anna", "better", "0.mp4", "1.mp4")
    answer(folder, "anna", "better", "2.mp4", "3.mp4")


SESSIONS = {
    "scores": (two_scores, {"columns": ["score", "execution"]}),
    "no performance": (no_performance, {}),
    "renamed and replaced": (renamed_and_replaced, {}),
    "bad files": (bad_files, {}),
    "pairs": (pairs, {"pairs": True}),
    "pairs beside scores": (scores_and_pairs, {"pairs": True}),
    "scores beside pairs": (scores_and_pairs, {}),
    "skipped pairs alone": (lambda folder: answer(folder, "anna", "skipped", "0.mp4", "1.mp4"), {"pairs": True}),
    "refused by one": (lambda folder: refused(folder, "anna"), {"pairs": True}),
    "refused by two": (lambda folder: refused(folder, "anna", "ben"), {"pairs": True}),
    "two scales": (unconnected, {"pairs": True}),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_what_is_said_and_written(name, folder, snapshot):
    give, options = SESSIONS[name]
    give(folder)
    made = report(folder, **options)
    write_labels(folder / "labels.csv", made.rows)
    said = json.dumps(summary_as_json(made), indent=1, ensure_ascii=False)
    problems = "\n".join(problem.replace(str(folder), "") for problem in made.problems)
    table = (folder / "labels.csv").read_text()
    assert steady("\n".join([said, *made.lines, made.counts, problems, table])) == snapshot
    assert {record.id for record in list_folder(folder).records if record.labels} == {
        row["video"] for row in csv.DictReader((folder / "labels.csv").open()) if row["score"]
    }


def test_videos_without_answers_do_not_change_the_scale_of_the_others(folder):
    rate_pairs(folder, "anna", ORDER)
    before = report(folder, pairs=True)
    for number in range(4, 9):
        (folder / f"{number}.mp4").write_bytes(bytes(number))
    after = report(folder, pairs=True)
    assert (after.rows, after.lines) == (before.rows, before.lines)


def test_a_rater_who_contradicts_the_others_is_named_but_not_to_the_raters(tmp_path):
    order = {f"{n}.mp4": float(n) for n in range(10)}
    for name in order:
        (tmp_path / name).write_bytes(name.encode())
    for rater in ("anna", "ben", "cleo"):
        rate_pairs(tmp_path, rater, order, count=30)
    rate_pairs(tmp_path, "dan", {name: -place for name, place in order.items()}, count=30)
    made = report(tmp_path, pairs=True)
    assert made.fit.random == ("dan",)
    assert made.fit.raters["dan"] > 0.99
    assert not any("dan" in line for line in made.lines)


def test_agreement_on_phases_is_counted_in_frames(tmp_path, make_video):
    """At 10 frames per second, begins of frames 0, 10, 16 against 1, 10, 12: 1, 0 and 4 apart, the median is 1.

    In the other video only "run" is marked by both: 5 against 8. So four begins are 0, 1, 3, 4 apart, the median is 2,
    and one rater left out a phase once.
    """
    for number, name in enumerate(("a.mp4", "b.mp4", "c.mp4")):
        make_video(tmp_path / name, frames=20 + number, rate=10)
    given = {
        "anna": {"a.mp4": (0.0, 1.0, 1.6), "b.mp4": (0.5,), "c.mp4": (0.1,)},
        "ben": {"a.mp4": (0.1, 1.0, 1.2), "b.mp4": (0.8, 1.1)},
    }
    for rater, videos in given.items():
        for video, begins in videos.items():
            edges = zip(PHASES, begins, (*begins[1:], 2.0), strict=False)
            mark_phases(tmp_path, rater, video, [Phase(*edge) for edge in edges])
    made = report(tmp_path, phases=PHASES)
    assert made.lines == (
        "two raters put a begin 2 frames apart (median of 4 begins), at most 4",
        "in 1 case one rater left out a phase that the other marked",
    )
    assert made.disputed == (
        ("a.mp4, frame of entry", 4, 12, 16),
        ("b.mp4, frame of run", 3, 5, 8),
        ("a.mp4, frame of run", 1, 0, 1),
        ("a.mp4, frame of flight", 0, 10, 10),
    )
    assert made.counts == "videos judged: anna 3, ben 2"
