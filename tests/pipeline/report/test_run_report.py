"""The videos that a page or the figures of a run show."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import UsageError
from pipeline.config import load_config
from pipeline.observer import Observer
from pipeline.report.run_report import _records
from pipeline.score.scorer import save_config


@pytest.mark.parametrize(
    ("settings", "message"),
    [({}, "no videos to show"), ({"dataset.root": "demo/dives"}, "its data set demo/dives is not here")],
)
def test_a_run_without_its_videos_asks_for_some(tmp_path: Path, settings: dict[str, str], message: str) -> None:
    save_config(load_config(None, settings), tmp_path)
    with pytest.raises(UsageError, match=message) as raised:
        _records(tmp_path, (), Observer())
    assert "Name videos after the run" in str(raised.value)
