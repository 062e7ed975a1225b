"""The command `label`."""

from __future__ import annotations

from typing import Any

from data.errors import typed as command_line
from pipeline import api
from pipeline.cli.command import Command, Line, Typed
from pipeline.cli.terminal import say, table


def show(summary: api.LabelSummary, typed: Typed) -> None:
    """Print the agreement of the raters, the verdict first, and what to do about a bad one."""
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
    for line in (*summary.problems, *remedies(summary, typed)):
        say(line)


def remedies(summary: api.LabelSummary, typed: Typed) -> list[str]:
    """What to do about labels of one rater, or not known to be better than chance, with a command each."""
    page = command_line(*(("label", typed.root, "--pairs") if typed.imported else typed.without("--summary")))
    if summary.doubt == "too few videos":
        return [f"add videos to {typed.root}, and score them too: {page}"]
    alone = sum(map(bool, summary.answers.values())) == 1
    if not summary.doubt:
        return [f"to see how well raters agree, let a second person judge the same videos: {page}"] * alone
    then = "judge more pairs" if summary.fit else "correct scores with Back on the page"
    return [
        f"decide what counts, then {then}: {page}",
        f"or keep only one rater's file in {typed.root / 'ratings'}: {command_line(*typed.with_option('--summary'))}",
    ][: 2 - alone]


def document(summary: api.LabelSummary, _: Typed) -> Any:
    """The agreement of the raters."""
    from pipeline.label import summary_as_json

    return summary_as_json(summary)


def following(summary: api.LabelSummary, typed: Typed) -> Line:
    """Extract features and train on the labels."""
    from data.datasets.folder import CANDIDATES

    settings = [typed.root, "--config", "folder"]
    if typed.phases and summary.answers:
        if not any((typed.root / name).exists() for name in CANDIDATES):
            return ("give the videos scores too", "label", typed.root)
        most = max(summary.answers, key=lambda name: summary.answers[name])
        marked = f"dataset.phases={typed.root / 'phases' / f'{most}.csv'}"
        settings += ["--set", marked, "--set", f"timesteps.bounds=[{typed.phases}]"]
    elif all(row.state != "scored" for row in summary.rows):
        return ("judge on the page", *typed.without("--summary"))
    elif typed.out is not None:
        settings += ["--set", f"dataset.labels={typed.out.absolute()}"]
    purpose = f"train on these {'phases' if typed.phases else 'labels'}{' as they are' * bool(summary.doubt)}"
    if not (api.arguments.config_of().machine.cache / "timesteps").exists():
        return (f"extract features, to {purpose}", "extract", *settings)
    return (purpose, "train", *settings, "--out", "runs/mine")


LABEL = Command(api.label, "label videos/ --pairs", following, show, document)
