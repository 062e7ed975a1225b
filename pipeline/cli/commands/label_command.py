"""The command `label`."""

from __future__ import annotations

from typing import Any

from pipeline import api
from pipeline.cli.command import Command, Line, Typed
from pipeline.cli.terminal import say, table


def show(summary: api.LabelSummary, _: Typed) -> None:
    """Print the agreement of the raters, the verdict first."""
    for line in (*summary.lines, summary.counts):
        say(line)
    if summary.disputed:
        table("videos on which the raters differ most", ("video", "difference", "lowest", "highest"), summary.disputed)
    if (fit := summary.fit) and fit.random:
        table(
            "raters whose answers agree with the scale of the others no better than tossed coins",
            ("rater", "probability"),
            [(name, fit.raters[name]) for name in fit.random],
        )
    for line in summary.problems:
        say(line)


def document(summary: api.LabelSummary, _: Typed) -> Any:
    """The agreement of the raters."""
    from pipeline.label import summary_as_json

    return summary_as_json(summary)


def following(summary: api.LabelSummary, typed: Typed) -> Line:
    """Extract features and train on the labels, if they are informative."""
    from data.datasets.folder import CANDIDATES
    from pipeline.label.verdicts import NO_BETTER

    settings = ["--config", "folder", "--set", f"dataset.root={typed.root}"]
    if typed.phases and summary.answers:
        if not any((typed.root / name).exists() for name in CANDIDATES):
            return ("give the videos scores too", "label", typed.root)
        most = max(summary.answers, key=lambda name: summary.answers[name])
        marked = f"dataset.phases={typed.root / 'phases' / f'{most}.csv'}"
        settings += ["--set", marked, "--set", f"timesteps.bounds=[{typed.phases}]"]
    elif all(row.state != "scored" for row in summary.rows):
        return ("judge on the page", *typed.without("--summary"))
    elif summary.lines[0].endswith(NO_BETTER):
        alone = f"keep only one rater's file in {typed.root / 'ratings'} and add --summary"
        then = "judge more pairs" if typed.pairs else f"correct scores with Back on the page, or {alone}"
        return (f"decide what counts, then {then}", *typed.without("--summary"))
    elif typed.out is not None:
        settings += ["--set", f"dataset.labels={typed.out.absolute()}"]
    purpose = f"train on these {'phases' if typed.phases else 'labels'}"
    if not (api.arguments.config_of().machine.cache / "timesteps").exists():
        return (f"extract features, to {purpose}", "extract", *settings)
    return (purpose, "train", *settings, "--out", "runs/mine")


LABEL = Command(api.label, "label videos/ --pairs", following, show, document)
