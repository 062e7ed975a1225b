"""Packs, models and results of every version that is kept here are read, or refused by name."""

import json
from pathlib import Path

import pytest

from data.errors import DataError
from tests.kept.make import READ

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/expected.json"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("kind", READ)
def test_a_kept_file_is_read_or_refused_by_name(kind, folder):
    """The newest one is read: after a change of a format, make a folder of this version."""
    try:
        values, refused = READ[kind](folder), ""
    except DataError as error:
        values, refused = None, str(error)
    if refused and folder != FOLDERS[-1]:
        assert refused.startswith(str(folder))
        assert "another version" in refused or "another format" in refused
    else:
        assert not refused, "python -m tests.kept.make tests/kept/NAME"
        assert_close(values, json.loads((folder / "expected.json").read_text())[kind])


def assert_close(values, expected):
    """Numbers may differ by the processor."""
    if isinstance(expected, list):
        values, expected = dict(enumerate(values)), dict(enumerate(expected))
    if isinstance(expected, dict):
        assert values.keys() == expected.keys()
        for name, value in expected.items():
            assert_close(values[name], value)
    else:
        assert values == pytest.approx(expected, abs=1e-4)
