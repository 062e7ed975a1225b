"""What the commands take from a packed file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import run_pipeline
from benchmarks.made_features import made_features
from data.errors import UsageError
from pipeline.config import validate
from pipeline.pack import write_pack


def test_a_pack_is_cut_to_what_the_configuration_asks_for(tmp_path: Path) -> None:
    """Labelled performances and the named tasks only, as from the cache; a task that is not there is named."""
    made = made_features(6, channels=3, scene=4)
    records = [replace(record, task="ab"[i % 2]) for i, record in enumerate(made.records)]
    records[0] = replace(records[0], labels=None)
    write_pack(tmp_path / "features.h5", replace(made, records=tuple(records)))
    settings = validate({"dataset": {"tasks": ["a"]}})
    assert run_pipeline._packed(tmp_path / "features.h5", settings).ids == (made.ids[2], made.ids[4])
    assert len(run_pipeline._packed(tmp_path / "features.h5", validate({}))) == 5
    with pytest.raises(UsageError, match="no performance of task 'c'"):
        run_pipeline._packed(tmp_path / "features.h5", validate({"dataset": {"tasks": ["c"]}}))
