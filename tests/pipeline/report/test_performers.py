"""Progress of one performer over time, where labels or file names have a subject and a day."""

import pytest

from data.datasets.folder import list_folder
from data.errors import DataError
from data.video import Record
from pipeline.checks.accuracy import Accuracy
from pipeline.report.video_section import batch_row
from pipeline.score.video_score import Score

ERROR = Accuracy(40, 0.8, 5.0, 9.0, 14.6, True)


def row(name, score, **options):
    """The row of a scored video with this file name."""
    return batch_row(Score(name, score=score, accuracy=ERROR, **options), Record(name, None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "subject", "day"),
    [
        ("anna_2026-05-31.mp4", "anna", "2026-05-31"),
        ("20260531 Anna Berg 2.mp4", "Anna Berg", "2026-05-31"),
        ("anna/2026-05-31_01.mp4", "anna", "2026-05-31"),
        ("2026-05-31/anna_03.mp4", "anna", "2026-05-31"),
        ("dive_0012026053199.mp4", "", ""),
        ("anna_03.mp4", "", ""),
    ],
)
def test_a_file_name_says_who_and_when(name, subject, day):
    made = row(name, 1.0)
    assert (made.subject, made.day) == (subject, day)


def test_labels_have_a_day(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    table = tmp_path / "scores.csv"
    table.write_text("video,score,subject,date\na.mp4,7,Anna,2026-05-31\n")
    (record,) = list_folder(tmp_path).records
    made = batch_row(Score("a.mp4", score=7.0), record)
    assert (made.subject, made.day) == ("Anna", "2026-05-31")
    table.write_text("video,score,date\na.mp4,7,31.5.\n")
    with pytest.raises(DataError, match=r"date is '31\.5\.'") as raised:
        list_folder(tmp_path)
    assert "2026-05-31" in raised.value.fix
