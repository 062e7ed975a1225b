"""Which performances a scorer is trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.feature_source import training_features
from pipeline.pack import write_pack
from pipeline.session import Session
from tests.helpers.made_features import made_features


def test_the_test_part_is_never_trained_on(tmp_path: Path) -> None:
    made = made_features(6, channels=3, scene=4)
    records = [replace(record, split="test" if row == 2 else "train") for row, record in enumerate(made.records)]
    write_pack(tmp_path / "features.h5", replace(made, records=tuple(records)))
    for protocol, count in (("fixed", 5), ("kfold", 6)):
        with Session("folder", overrides={"protocol": protocol}, cache=tmp_path / "cache") as session:
            ids = training_features(session, tmp_path / "features.h5").ids
        assert (len(ids), made.ids[2] in ids) == (count, protocol == "kfold")
