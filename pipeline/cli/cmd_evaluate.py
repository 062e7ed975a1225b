"""`evaluate`."""

from __future__ import annotations

from dataclasses import asdict

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json, say, show_results


def show_evaluation(done: api.Evaluation, as_json: bool) -> None:
    """The tables of an evaluation and where it is, or its results as JSON; of a dry run the expected time."""
    if done.expected is not None:
        print_json(asdict(done.expected)) if as_json else say(str(done.expected))
        return
    places = f"{done.folder / 'results.json'} and {done.folder / 'report.html'}"
    show_results(done, done.results, as_json, places)


evaluate = command(api.evaluate, "evaluate --config jigsaws --set dataset.root=JIGSAWS")(show_evaluation)
