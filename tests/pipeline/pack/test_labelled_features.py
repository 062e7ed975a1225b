"""Features that a scorer is trained on: never of the test part, and refused where an input is empty."""

from dataclasses import replace

import numpy as np
import pytest

from data.errors import DataError, UsageError
from data.video import Labels
from pipeline.cache import Cache
from pipeline.observer import Observer
from pipeline.pack.labelled_features import all_features, refuse_empty, training_features
from pipeline.pack.pack_file import read_labelled, write_pack
from pipeline.settings.config import load_config
from tests.helpers.made_features import made_features, with_records


def test_the_test_part_is_never_trained_on(tmp_path):
    made = made_features(6, channels=3, scene=4)
    split = with_records(made, lambda _, row: {"split": "test" if row == 2 else "train"})
    write_pack(tmp_path / "features.h5", split)
    for protocol, count in (("fixed", 5), ("kfold", 6)):
        config, cache = load_config("folder", {"protocol": protocol}), Cache(tmp_path / "cache")
        ids = training_features(config, cache, tmp_path / "features.h5", Observer())[0].ids
        assert (len(ids), made.ids[2] in ids) == (count, protocol == "kfold")


def test_equal_scores_are_refused_before_any_training(tmp_path):
    made, config = made_features(6, channels=3, scene=4), load_config("folder")
    write_pack(tmp_path / "features.h5", with_records(made, lambda *_: {"labels": Labels(5.0)}))
    for features in (training_features, all_features):
        with pytest.raises(DataError, match="all 6 scores are 5, so nothing can be ranked or learned"):
            features(config, Cache(tmp_path / "cache"), tmp_path / "features.h5", Observer())


@pytest.mark.parametrize(
    ("variant", "scene", "absent"),
    [("aim", 4, []), ("aim", 0, ["execution"]), ("scene", 4, ["synchronisation"])],
)
def test_a_labelled_score_without_its_head_is_noted(tmp_path, variant, scene, absent):
    write_pack(tmp_path / "features.h5", made_features(20, channels=3, scene=scene))
    for multi_task in (True, False):
        notes, observer = list[str](), Observer()
        observer.note = notes.append  # type: ignore[method-assign]
        config = load_config("folder", {"model.variant": variant, "model.multi_task": multi_task})
        for features in (training_features, all_features):
            features(config, Cache(tmp_path / "cache"), tmp_path / "features.h5", observer)
            assert [note.split()[2] for note in notes] == (absent if multi_task else [])
            notes.clear()


@pytest.mark.parametrize("part", ["primary", "secondary"])
def test_features_that_are_empty_in_every_video_are_refused(part):
    made, method = made_features(3, channels=5, scene=2), load_config(None).method
    assert refuse_empty(made, method) is made
    empty = replace(made, **{f"{part}_mask": np.zeros_like(getattr(made, f"{part}_mask"))})
    with pytest.raises(DataError, match=f"no {part} agent was detected in any of 3 videos"):
        refuse_empty(empty, method)
    assert refuse_empty(empty, load_config(None, ["model.variant=scene"]).method) is empty


def test_a_pack_is_cut_to_what_the_configuration_asks_for(tmp_path):
    """Labelled performances and the named tasks only, as from the cache; a task that is not there is named."""
    made = made_features(6, channels=3, scene=4)
    parts = with_records(made, lambda record, i: {"task": "ab"[i % 2], "labels": record.labels if i else None})
    write_pack(tmp_path / "features.h5", parts)
    assert read_labelled(tmp_path / "features.h5", ("a",)).ids == (made.ids[2], made.ids[4])
    assert len(read_labelled(tmp_path / "features.h5")) == 5
    with pytest.raises(UsageError, match="no performance of task 'c'"):
        read_labelled(tmp_path / "features.h5", ("c",))
