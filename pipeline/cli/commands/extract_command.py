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
    elif done.failed:
        Terminal().failures(done.failed)
    say(repr(done))


def document(done: api.ExtractRun, _: Typed) -> dict[str, Any]:
    """The outcome of each video, or the expected costs."""
    head = {"cache": done.cache, "videos": done.videos, "fresh": done.fresh}
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
        for r in done.results
    ]
    head |= {"results": results, "cancelled": done.cancelled, "problems": list(done.problems)}
    return head | {"flags": done.flags} | ({"preview": asdict(done.preview)} if done.preview else {})


def following(done: api.ExtractRun, typed: Typed) -> Line:
    """Run it, continue, follow both of two performers, or use the features."""
    from pipeline.checks.flag_checks import PROMINENT

    if done.costs is not None:
        return ("run it", *typed.without("--dry-run"))
    if done.cancelled:
        return ("go on", *typed.words)
    if len(done.failed) == done.videos:
        return ("when they are fixed", *typed.with_option("--retry-failed"))
    config = api.arguments.config_of(typed.config, typed.overrides or ())
    prominent = sum(PROMINENT in titles for titles in done.flags.values())
    if 2 * prominent > done.videos and config.given().get("pose", {}).get("agents", 1) == 1:
        two = "--set pose.agents=2 --set timesteps.secondary=[pose:1] --set stages=[clips,pose,timesteps]"
        return ("if two people perform together, extract both, then train as it says", *typed.words, *two.split())
    return after_features(typed)


EXTRACT = Command(
    api.extract, "extract videos/ --config folder --workers 2", following, show, document, lambda done: done.ok
)
