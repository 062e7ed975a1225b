"""The method that a run stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import DataError
from pipeline.score.run_config import stored_method


def test_a_model_without_its_configuration_is_not_called_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no trained model here"):
        stored_method(tmp_path)
    (tmp_path / "model.json").touch()
    with pytest.raises(DataError, match=r"this model lacks its file config\.json"):
        stored_method(tmp_path)
