"""The scenarios of `benchmarks.faults` at a small size: whatever disturbs a run, the cache ends whole and right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.faults import kills, shared, surroundings
from benchmarks.faults.bench import Bench, Outcome, damaged, differing, run_in_process


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("faults"), videos=6)


def check(outcome: Outcome) -> None:
    """Skip what could not be tried here, else nothing may be damaged, wrong or left."""
    for note in outcome.notes:
        if note.startswith("skipped"):
            pytest.skip(note)
    assert outcome.passed, outcome


@pytest.mark.slow
def test_killed_runs(bench: Bench) -> None:
    outcome = kills.killed_runs(bench, 12)
    check(outcome)
    assert outcome.unfinished > 0


@pytest.mark.slow
def test_killed_workers(bench: Bench) -> None:
    check(kills.killed_workers(bench, 2))


@pytest.mark.slow
def test_two_commands_on_one_cache(bench: Bench) -> None:
    check(kills.many_processes(bench, 2))


def test_a_full_disk_fails_by_name_and_mends_itself(bench: Bench) -> None:
    outcome = surroundings.full_disk(bench)
    check(outcome)
    assert "no space left on the disk of the cache" in outcome.notes[0]


def test_a_read_only_cache_is_still_read(bench: Bench) -> None:
    outcome = surroundings.read_only(bench)
    check(outcome)
    assert outcome.notes == ["5 fresh; OSError: Read-only file system"]


def test_a_clock_set_back_hides_no_change(bench: Bench) -> None:
    check(surroundings.clock_back(bench))


def test_an_input_that_changes_is_not_believed(bench: Bench) -> None:
    outcome = surroundings.changing_input(bench)
    check(outcome)
    again = "Run `extract` again"
    assert outcome.notes == [
        f"the input changed while it was read. {again}",
        f"the video file changed since the run began. {again}",
    ]


@pytest.mark.parametrize(
    "scenario", [shared.foreign_files, shared.mixed_videos, shared.unnoticed_damage, shared.one_host_name]
)
def test_shared_caches(bench: Bench, scenario: Callable[[Bench], Outcome]) -> None:
    check(scenario(bench))


@pytest.mark.slow
def test_no_memory(bench: Bench) -> None:
    check(shared.no_memory(bench))


def test_a_wrong_output_is_counted(bench: Bench, tmp_path: Path) -> None:
    outcome = Outcome("a check of the checks", disturbed=1)
    cache = tmp_path / "cache"
    run_in_process(bench.videos, cache)
    first, second = sorted(cache.rglob("*.h5"))[:2]
    first.write_bytes(second.read_bytes())
    second.write_bytes(b"damaged")
    assert (damaged(cache), differing(bench.whole, cache)) == (1, 2)
    outcome.wrong = differing(bench.whole, cache)
    assert not outcome.passed
