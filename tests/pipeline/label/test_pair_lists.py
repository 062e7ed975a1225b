"""Published pair lists become answers of a rater, and labels that a data set reads and a model is trained on."""

import pytest

from data.datasets.folder import list_folder
from data.datasets.rater_answers import all_answers
from data.errors import DataError, UsageError
from pipeline import api
from pipeline.label import find_session, import_pairs

CLIPS = ("18_VID1_7242_7427", "18_VID2_290_455", "18_VID3_10_90", "06_VID1_1_80")


@pytest.fixture
def folder(make_video, tmp_path):
    """Clips with names like those of EgoExoLearn, one of them in a folder below."""
    for number, name in enumerate(CLIPS):
        make_video(tmp_path / f"clips/{'sub/' if number == 3 else ''}{name}.mp4", frames=3 + number)
    return tmp_path / "clips"


def listed(folder, text, name="skill_train.txt"):
    path = folder.parent / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_list_gives_labels_and_the_same_list_again_writes_nothing(folder):
    pairs = [(0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (1, 3)]
    path = listed(folder, "".join(f"{CLIPS[a]} {CLIPS[b]}\n" for a, b in pairs))
    report = api.label(folder, imported=path)
    assert report.answers == {"skill_train": 6}
    scores = {record.name: record.labels.score for record in list_folder(folder).records if record.labels}
    assert sorted(scores, key=lambda name: -(scores[name] or 0)) == [
        *(f"{name}.mp4" for name in CLIPS[:3]), f"sub/{CLIPS[3]}.mp4",
    ]  # fmt: skip
    before = (folder / "ratings/skill_train.csv").read_bytes()
    api.label(folder, imported=path)
    assert (folder / "ratings/skill_train.csv").read_bytes() == before


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
def test_other_separators_a_header_and_endings(folder, mark):
    session, _ = find_session(folder, pairs=True)
    import_pairs(session, listed(folder, f'Better{mark}Worse\r\n\r\n"{CLIPS[0]}"{mark}{CLIPS[1]}.mp4\r\n'))
    (answer,) = all_answers(folder)[0]["skill_train"].values()
    assert (answer.answer, answer.names) == ("better", (f"{CLIPS[0]}.mp4", f"{CLIPS[1]}.mp4"))


def test_unknown_and_contradicting_pairs_are_left_out_and_counted(folder):
    session, _ = find_session(folder, pairs=True)
    a, b, c, _ = CLIPS
    notes = import_pairs(session, listed(folder, f"{a} {b}\n{b} {a}\n{a} {c}\n{a} nobody\n{a} {a}\n"))
    assert notes[0].startswith("1 pair of skill_train.txt in ")
    assert notes[1:] == [
        "2 pairs left out: no two videos here have these names",
        "2 pairs left out: the list has them in both orders",
    ]


def test_what_is_no_list_of_these_clips_is_refused(folder):
    for text, said in (("one\n", "not a pair of clips"), ("a b c\n", "not a pair of clips"), ("a b\n", "both its")):
        with pytest.raises(DataError, match=said):
            api.label(folder, imported=listed(folder, text))
    with pytest.raises(UsageError, match="Rename the file"):
        api.label(folder, imported=listed(folder, f"{CLIPS[0]} {CLIPS[1]}\n", "a+b.txt"))
    assert not (folder / "ratings").exists()
