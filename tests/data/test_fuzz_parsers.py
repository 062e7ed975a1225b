"""The fuzz run finds nothing in the parsers, and finds what is planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import fuzz_parsers
from data.errors import DataError


def test_a_short_run_finds_nothing_and_reaches_both_outcomes(tmp_path: Path) -> None:
    result = fuzz_parsers.run(1600, first=0, seed=7, scratch=tmp_path, quiet=True)
    assert result["findings"] == []
    assert all(count["read"] > 0 and count["refused"] > 0 for count in result["counts"].values())


def test_a_planted_crash_and_an_unprintable_error_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(path: Path) -> None:
        error = DataError("planted")
        error.what = "\x1b[2J"
        raise IndexError if b"nan" in path.read_bytes() else error

    planted = fuzz_parsers.Target("planted", "x", crash, (b"1 2 nan 3",))
    monkeypatch.setattr(fuzz_parsers, "targets", lambda scratch: [planted])
    result = fuzz_parsers.run(50, first=0, seed=0, scratch=tmp_path, quiet=True)
    said = " ".join(finding["error"] for finding in result["findings"])
    assert "IndexError" in said
    assert "unprintable" in said
    again = fuzz_parsers.run(1, first=result["findings"][3]["input"], seed=0, scratch=tmp_path, quiet=True)
    assert again["findings"][0] == result["findings"][3]
