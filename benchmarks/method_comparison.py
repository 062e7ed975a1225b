"""What the published methods find in planted data and what not, and what choosing the epoch on the test set is worth.

    python -m benchmarks.method_comparison [--count 60] [--runs 1] [--out docs/methods.json]
    python -m benchmarks.method_comparison --page

Each set shows the score by one cue alone (`benchmarks.planted_cues`): half of the performances train and half test AIM
and the methods beside it, by recipe `fast`. The set "nothing" has 4 folds instead, and each system also has the epoch
that inner validation chooses, and the best epoch on the test part, an oracle. Writes JSON and, from it, the page
docs/methods.md, whose descriptions are the docstrings of `models.methods`; `--page` only writes the page again.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.ablations import feature_set
from benchmarks.planted_cues import CUES, Cue, planted_cue
from data.splits import Fold, kfold
from data.video import Labels, Record
from models.methods import METHOD_CLASSES
from pipeline.evaluate import evaluate
from pipeline.evaluate.leaderboard import OURS
from pipeline.features import FeatureSet
from pipeline.recipes import fast, model_for
from pipeline.systems import METHODS, AimSystem, BestOnTest, ChosenEpoch, System, WithInside, method_systems, watching
from pipeline.systems.selection import CHOSEN, ORACLE

DOCS = Path(__file__).resolve().parent.parent / "docs"
CHOICE: Cue = "nothing"
"""Set of the second table."""

UNCERTAIN = "RICA2"
"""The method that predicts a deviation; inner validation calibrates its intervals."""


def cue_features(cue: Cue, count: int, seed: int = 0) -> FeatureSet:
    """`count` performances of a planted cue as a feature set."""
    made = planted_cue(cue, count, seed=seed)
    records = tuple(
        Record(
            f"{i:03d}",
            None,
            task=cue,
            labels=Labels(
                float(made.score[i]),
                difficulty=None if np.isnan(made.difficulty[i]) else float(made.difficulty[i]),
                judges=tuple(map(float, made.judges[i])),
            ),
        )
        for i in range(count)
    )
    return feature_set(made, records)


def measure(cue: Cue, count: int, runs: int) -> dict[str, Any]:
    """Rank correlation of every system on `count` performances after training on as many; also see `CHOICE`."""
    features, config = cue_features(cue, 2 * count), fast(runs=runs, scene_gain=1.0)
    networks = [AimSystem(OURS, model_for("fast"), config), *method_systems(features, config)]
    systems: list[System] = []
    for one in map(watching, networks):
        systems.append(WithInside(one) if one.name == UNCERTAIN else one)
        systems += [ChosenEpoch(one), BestOnTest(one)] if cue == CHOICE else []
    started = time.process_time()
    folds = [Fold("fixed", features.ids[:count], features.ids[count:])]
    if cue == CHOICE:
        features = features.take(np.arange(count))
        folds = kfold(features.records, k=4)
    results = evaluate(features, folds, systems, protocol="planted", draws=0)["systems"]
    task = {name: result["tasks"][cue] for name, result in results.items()}
    return {
        "rho": {name: one["together"]["spearman"] for name, one in task.items()},
        "folds": {name: one["over_folds"]["arithmetic"]["value"] for name, one in task.items()},
        "uncertainty": next(r["uncertainty"][cue] for r in results.values() if r["uncertainty"]),
        "cpu_s": round(time.process_time() - started),
    }


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(value: float | None) -> str:
    """A correlation: .83, or empty where undefined."""
    return "" if value is None else f"{value:.2f}".replace("0.", ".", 1)


def page(results: dict[str, Any]) -> str:
    """The page docs/methods.md."""
    sets = results["sets"]
    names = [OURS, *(name for name in METHODS if any(name in one["rho"] for one in sets.values()))]
    find = [[name, *(shown(one["rho"].get(name)) for one in sets.values())] for name in names]
    endings = {"last epoch": "", "by inner validation": f", {CHOSEN}", "oracle": f", {ORACLE}"}
    choice = [
        [name, *(shown(sets.get(CHOICE, {"folds": {}})["folds"].get(name + end)) for end in endings.values())]
        for name in names
        if CHOICE in sets and name in sets[CHOICE]["rho"]
    ]
    uncertain = [
        [
            cue,
            shown(one["spearman"]),
            f"{one['mean']:.1f}",
            f"{one['within90']:.0%}",
            f"{one['calibrated90']:.0%}",
            f"{one['factor']:.1f}",
        ]
        for cue, one in ((cue, result["uncertainty"]) for cue, result in sets.items())
    ]
    described = [f"## {name}\n\n{description(name)}" for name in METHODS]
    columns = (
        "set",
        "deviation against absolute error",
        "mean deviation",
        "within 1.645 deviations",
        "within calibrated intervals",
        "their deviations",
    )
    return PAGE.format(
        count=results["count"],
        runs=results["runs"],
        cpu=sum(one["cpu_s"] for one in sets.values()),
        cues=table(("set", "the score is shown by"), list(CUES.items())),
        find=table(("system", *sets), find),
        choice=table(("system", *endings), choice),
        uncertain=table(columns, uncertain),
        described="\n\n".join(described),
    )


def description(name: str) -> str:
    """The docstring of a method in paragraphs."""
    text = inspect.getdoc(METHOD_CLASSES[METHODS[name]]) or ""
    return re.sub(r"\n(As there|Departures)", r"\n\n\1", text)


PAGE = """# Methods beside AIM

<!-- Written by `python -m benchmarks.method_comparison`: change that, not this page. -->

`leaderboard` compares AIM with published methods on the same cached features, by the same protocol:

```
aqa leaderboard --config jigsaws --set dataset.root=JIGSAWS --systems aim,methods --oracle
```

`--systems` takes names of rows or their beginnings, separated by commas; `methods` means all of this page. Each
network has a row for its last epoch and one for the epoch that inner validation chooses. `--oracle` adds the epoch that
ranks the test part best: an upper bound for comparison with published numbers, and no result.

The methods train on the time steps that AIM reads: agents, masks and scene, without trial descriptors. One loop trains
all of them (`pipeline/systems/method_system.py`): 100 epochs of AdamW, or fewer where the recipe has fewer; runs,
batches, seed and normalisation are those of the recipe. Finished folds are kept, so the same command resumes. These are
our versions on precomputed features. They do not reproduce published numbers, where a video network is trained along.

MUSDL needs `judges` for every performance: the items of the JIGSAWS rating, FineDiving's judges, or column `judges` of
a [folder](datasets/folder.md). Panels of different sizes are reduced to the middle judges. MUSDL, CoRe and TPT also
read the difficulty of a test performance, which is announced before it.

## What each finds

{count} planted performances for training and as many for testing (`benchmarks/planted_cues.py`), {runs} network of each
system and set, {cpu} s of processor time, `python -m benchmarks.method_comparison`. One cue shows the score, everything
else is noise:

{cues}

Spearman's rho on the test part, last epoch:

{find}

USDL, MUSDL and CoRe average the steps before they score, so they cannot find when something happens. "relation" has
too few performances for networks that do not subtract the agents. "difficulty" is found by the methods that read the
difficulty. The differences between rows above .9 are noise.

## What choosing the epoch on the test set is worth

Spearman's rho in the set "nothing", where the truth is 0: {count} performances in 4 folds, mean over the folds. The
oracle's value less that of the last epoch is what the choice alone is worth.

{choice}

## Whether the uncertainty of RICA2 is worth something

Rank correlation of its predicted deviation with the absolute error, and the share of scores inside 90 % intervals.
Intervals of 1.645 deviations, as of a normal distribution, are too narrow. Calibrated ones extend as many deviations as
90 % of the errors that inner validation holds out of the training part. Networks of inner validation learn from two
thirds of that part and err more, so these intervals are rather too wide. Chance alone gives 82 to 97 % of 60:

{uncertain}

{described}
"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--page", action="store_true", help="write the page from the stored numbers")
    parser.add_argument("--out", type=Path, default=DOCS / "methods.json")
    given = parser.parse_args()
    if not given.page:
        results: dict[str, Any] = {"count": given.count, "runs": given.runs, "sets": {}}
        for cue in CUES:
            results["sets"][cue] = measure(cue, given.count, given.runs)
            Console().print(cue, results["sets"][cue])
            given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    stored = json.loads(given.out.read_text(encoding="utf-8"))
    given.out.with_suffix(".md").write_text(page(stored), encoding="utf-8")


if __name__ == "__main__":
    main()
