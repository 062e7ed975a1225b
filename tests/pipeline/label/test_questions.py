"""The next question of a rater: an order of his own, the same after a restart, without refused videos."""

import pytest

from data.datasets.rater_answers import Answer, Answers
from data.video import Record
from pipeline.label.questions import RatingSession


def name(number):
    return f"{number:064x}"


def session(count, tmp_path, *, pairs):
    videos = {name(n): Record(f"{n}.mp4", tmp_path / f"{n}.mp4") for n in range(count)}
    return RatingSession(tmp_path, tuple(videos.values()), pairs=pairs), videos


def asked(count, tmp_path, rater, *, pairs):
    rated, videos = session(count, tmp_path, pairs=pairs)
    answers, questions = Answers(), []
    while (question := rated.next_question(rater, answers, videos)) is not None:
        answers[frozenset(question)] = Answer(question, "skipped")
        questions.append(question)
    return questions


@pytest.mark.parametrize("pairs", [False, True])
def test_every_rater_has_an_order_of_his_own_which_is_the_same_after_a_restart(tmp_path, pairs):
    first = asked(7, tmp_path, "anna", pairs=pairs)
    assert len(set(map(frozenset, first))) == len(first) == (21 if pairs else 7)
    assert asked(7, tmp_path, "anna", pairs=pairs) == first
    other = asked(7, tmp_path, "ben", pairs=pairs)
    assert other != first
    assert set(map(frozenset, other)) == set(map(frozenset, first))


def test_refused_videos_are_not_asked_about(tmp_path):
    rated, videos = session(5, tmp_path, pairs=True)
    refused = [Answer((video,), "no performance") for video in videos]
    some, answers = ({one.question: one for one in refused[:count]} for count in (1, 5))
    assert (rated.next_question("anna", answers, videos), rated.progress(answers, videos)) == (None, (0, 0))
    while (question := rated.next_question("anna", some, videos)) is not None:
        assert name(0) not in question
        some[frozenset(question)] = Answer(question, "equal")
    assert rated.progress(some, videos) == (6, 6)


def test_progress_counts_answers_of_its_kind_on_videos_that_exist(tmp_path):
    answers = {
        frozenset(one): Answer(one, "skipped")
        for one in [(name(0), name(1)), (name(1), name(4)), (name(0),), (name(99),), (name(0), name(99))]
    }
    for pairs, expected in ((True, (2, 27)), (False, (1, 9))):
        rated, videos = session(9, tmp_path, pairs=pairs)
        assert rated.progress(answers, videos) == expected
