"""Outputs of many performances as one feature set."""

from __future__ import annotations

import numpy as np
import pytest

from data.errors import DataError
from data.store import Array, StageOutput
from data.video import Record
from pipeline.train.feature_set import ARRAYS, feature_set
from tests.helpers.made_features import made_features


def test_performances_of_another_kind_are_named() -> None:
    """Keypoint files in 2-D and in 3-D give other channels."""
    made = made_features(2, steps=4, channels=3, scene=4, trial=2)
    values = [{name: np.asarray(getattr(made, name)[row]) for name in ARRAYS} for row in range(2)]
    outputs = [StageOutput({n: Array(v, ("x",) * v.ndim, "") for n, v in value.items()}, {}) for value in values]
    assert feature_set(made.records, outputs, {}).ids == made.ids
    flat = StageOutput({**outputs[1].arrays, "primary": Array(values[1]["primary"][:, :-1], ("x", "x"), "")}, {})
    records = (made.records[0], Record("flat", None))
    with pytest.raises(DataError, match=r"flat: 'primary' has shape \(4, 2\), others \(4, 3\).*2-D or in 3-D"):
        feature_set(records, [outputs[0], flat], {})
