"""The command `extract`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pipeline import api
from pipeline.cli.command import Command, Line, Typed, after_features
from pipeline.cli.terminal import Terminal, say, table


def show(done: api.ExtractRun, _: Typed) -> None:
    """Print what was or would be extracted."""
    if done.costs is not None:
        from pipeline.run.costs import dry_run_tables

        for title, columns, rows in dry_run_tables(done.plans, done.costs) if done.plans else ():
            table(title, columns, rows)
    elif done.summary.failed:
        Terminal().failures(done.summary.failed)
    say(repr(done))


def document(done: api.ExtractRun, _: Typed) -> dict[str, Any]:
    """The outcome of each video, or the expected costs."""
    summary = done.summary
    head = {"cache": done.cache, "videos": summary.videos, "fresh": summary.fresh}
    if done.costs is not None:
        from pipeline.run.costs import reasons

        estimate = asdict(done.costs)
        del estimate["lengths"]
        todo = [{"video": plan.record.name, "todo": dict(reasons(plan))} for plan in done.plans]
        return head | {"plan": todo, "estimate": estimate}
    results = [
        {
            "video": r.record.name,
            "done": r.done,
            "failed": {stage: asdict(why) for stage, why in r.failed.items()},
            "skipped": list(r.skipped),
        }
        for r in summary.results
    ]
    head |= {"results": results, "cancelled": summary.cancelled, "problems": list(summary.problems)}
    return head | {"flags": done.flags} | ({"preview": asdict(done.preview)} if done.preview else {})


def following(done: api.ExtractRun, typed: Typed) -> Line:
    """Run it, continue, or use the features."""
    if done.costs is not None:
        return ("run it", *typed.without("--dry-run"))
    if done.summary.cancelled:
        return ("go on", *typed.words)
    if len(done.summary.failed) == done.summary.videos:
        return ("when they are fixed", *typed.with_option("--retry-failed"))
    return after_features(typed)


EXTRACT = Command(
    api.extract, "extract videos/ --config folder --workers 2", following, show, document, lambda done: done.ok
)
