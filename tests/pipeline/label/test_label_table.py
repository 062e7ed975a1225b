"""The tables of labels and phases: what they keep, what they do not replace, and names that look like formulas."""

import pytest

from data.datasets import with_phases
from data.datasets.folder import list_folder
from data.errors import UsageError
from data.video import Labels, Phase, find_videos
from pipeline.label import find_session, label_summary, write_labels, write_phases
from tests.helpers.rated import mark_phases, rate_scores

NAMES = ("run", "flight", "entry")
DIVE = (Phase("run", 0.2, 1.0), Phase("flight", 1.0, 1.6), Phase("entry", 1.6, 2.0))


@pytest.fixture
def folder(make_video, tmp_path):
    make_video(tmp_path / "0.mp4", frames=3)
    return tmp_path


def test_further_columns_stay_and_a_table_of_the_user_is_not_replaced(folder):
    """So do scores that are not asked for now."""
    rate_scores(folder, "anna", {"0.mp4": {"score": 3.0, "execution": 8.5}})
    table = folder / "labels.csv"
    write_labels(table, label_summary(find_session(folder, columns=("score", "execution"))[0]).rows)
    head, line = table.read_text().splitlines()
    table.write_text(f"{head},difficulty,subject\n{line},3.1,Cleo\n")
    rows = label_summary(find_session(folder)[0]).rows
    write_labels(table, rows)
    (record,) = list_folder(folder).records
    assert record.labels is not None
    assert (record.labels.score, record.labels.execution, record.labels.difficulty) == (3.0, 8.5, 3.1)
    assert record.groups == {"subject": "Cleo"}
    table.write_text("video,score\n0.mp4,1\n")
    with pytest.raises(UsageError, match="not written by `label`"):
        write_labels(table, rows)
    assert table.read_text() == "video,score\n0.mp4,1\n"


def test_executions_have_a_column_of_difficulties_which_stays_and_gives_scores(folder):
    rate_scores(folder, "anna", {"0.mp4": {"execution": 8.5}})
    table, rows = folder / "labels.csv", label_summary(find_session(folder, columns=("execution",))[0]).rows
    write_labels(table, rows)
    table.write_text("3.1\n".join([*table.read_text().splitlines(), ""]).replace("difficulty3.1", "difficulty"))
    write_labels(table, rows)
    assert list_folder(folder).records[0].labels == Labels(8.5 * 3.1, 8.5, None, 3.1, (8.5,))


def test_a_name_like_a_formula_is_text_for_a_spreadsheet_and_found_again(tmp_path):
    names = ["=cmd|calc!A1.mp4", "'=quoted.mp4", "-minus.mp4", "plain.mp4"]
    for name in names:
        (tmp_path / name).write_text(name)
    rate_scores(tmp_path, "anna", {name: {"score": float(n)} for n, name in enumerate(names)})
    rows = label_summary(find_session(tmp_path)[0]).rows
    table = tmp_path / "labels.csv"
    write_labels(table, rows)
    cells = [line.split(",")[0] for line in table.read_text().splitlines()[1:]]
    assert sorted(cells) == sorted(["'=cmd|calc!A1.mp4", "''=quoted.mp4", "'-minus.mp4", "plain.mp4"])
    scores = {record.id: record.labels.score for record in list_folder(tmp_path).records if record.labels}
    assert scores == {name: float(n) for n, name in enumerate(names)}


def test_the_last_answer_on_a_video_is_in_the_table_that_the_reader_takes(tmp_path):
    for number, name in enumerate(("a.mp4", "=b.mp4", "gone.mp4")):
        (tmp_path / name).write_bytes(bytes(number))
        mark_phases(tmp_path, "Anna", name, DIVE[:1])
    mark_phases(tmp_path, "Anna", "a.mp4", DIVE)
    (tmp_path / "gone.mp4").unlink()
    (tmp_path / "a.mp4").rename(tmp_path / "renamed.mp4")
    session, _ = find_session(tmp_path, phases=NAMES)
    write_phases(session)
    assert (tmp_path / "phases/anna.csv").read_text().splitlines() == [
        "video,phase,start_s,end_s", "renamed.mp4,run,0.2000,1.0000", "renamed.mp4,flight,1.0000,1.6000",
        "renamed.mp4,entry,1.6000,2.0000", "'=b.mp4,run,0.2000,1.0000",
    ]  # fmt: skip
    listing = with_phases(find_videos([tmp_path]), tmp_path / "phases")
    assert listing.problems == ()
    assert [record.phases for record in listing.records] == [DIVE[:1], DIVE]


def test_a_linked_folder_of_tables_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    mark_phases(tmp_path, "anna", "a.mp4", DIVE)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "phases").symlink_to(tmp_path / "elsewhere")
    session, _ = find_session(tmp_path, phases=NAMES)
    with pytest.raises(UsageError, match="a link"):
        write_phases(session)
    assert list((tmp_path / "elsewhere").iterdir()) == []
