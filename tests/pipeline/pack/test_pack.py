"""Commands that read a packed file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import UsageError
from pipeline.pack.pack_file import read_labelled, write_pack
from tests.helpers.made_features import made_features


def test_a_pack_is_cut_to_what_the_configuration_asks_for(tmp_path: Path) -> None:
    """Labelled performances and the named tasks only, as from the cache; a task that is not there is named."""
    made = made_features(6, channels=3, scene=4)
    records = [replace(record, task="ab"[i % 2]) for i, record in enumerate(made.records)]
    records[0] = replace(records[0], labels=None)
    write_pack(tmp_path / "features.h5", replace(made, records=tuple(records)))
    assert read_labelled(tmp_path / "features.h5", ("a",)).ids == (made.ids[2], made.ids[4])
    assert len(read_labelled(tmp_path / "features.h5")) == 5
    with pytest.raises(UsageError, match="no performance of task 'c'"):
        read_labelled(tmp_path / "features.h5", ("c",))
