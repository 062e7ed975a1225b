"""`extract`."""

from __future__ import annotations

from typing import Any

from data.errors import counted
from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import Terminal, finish, print_json, say, table


@command(api.extract, "extract videos/ --config folder --workers 2")
def extract(done: api.ExtractRun, as_json: bool) -> None:
    """Print what happened, or what would."""
    if as_json:
        print_json(_as_json(done))
    elif done.costs is not None:
        _show_costs(done, done.costs)
    else:
        _show_summary(done)
    finish(done.ok)


def _as_json(done: api.ExtractRun) -> dict[str, Any]:
    summary = done.summary
    head = {"cache": done.cache, "videos": summary.videos, "fresh": summary.fresh}
    if done.costs is not None:
        return {**head, **done.costs}
    results = [
        {"video": r.record.name, "done": r.done, "failed": r.failed, "skipped": list(r.skipped)}
        for r in summary.results
    ]
    head |= {"results": results, "cancelled": summary.cancelled, "problems": list(summary.problems)}
    return head | {"flags": done.flags} | ({"preview": done.preview} if done.preview else {})


def _show_costs(done: api.ExtractRun, costs: dict[str, Any]) -> None:
    from pipeline.run.costs import dry_run_tables

    summary, count = done.summary, len(costs["plan"])
    for title, columns, rows in dry_run_tables(costs) if count else ():
        table(title, columns, rows)
    say(f"{count} to do, {summary.fresh} fresh, {len(summary.failed)} failed of {counted(summary.videos, 'video')}")


def _show_summary(done: api.ExtractRun) -> None:
    from pipeline.run.failures import NO_SPACE

    summary = done.summary
    ran, videos = sum(bool(result.done) for result in summary.results), counted(summary.videos, "video")
    if summary.failed:
        Terminal().failures(summary.failed)
        if not all(NO_SPACE in result.failed.values() for result in summary.failed):
            say(
                "  -> Play these files, replace what is broken, and run the same command again; the others are finished"
            )
    if not ran and not summary.failed and not summary.cancelled:
        say(f"nothing to do: {videos} fresh in {done.cache}")
        return
    stopped = "; stopped, run the same command to resume" if summary.cancelled else ""
    counts = f"{ran} extracted, {summary.fresh} fresh, {len(summary.failed)} failed of {videos}"
    say(f"{counts} in {done.cache}{stopped}")
