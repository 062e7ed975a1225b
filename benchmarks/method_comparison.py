"""What the published methods find in planted data and what not, and what choosing the epoch on the test set is worth.

    python -m benchmarks.method_comparison [--count 60] [--runs 1] [--out docs/methods.json]
    python -m benchmarks.method_comparison --page

Each set shows the score by one cue alone (`CUES`): half of the performances train and half test AIM
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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from data.splits import Fold, kfold
from data.store.arrays import Floats
from data.video import Labels, Record
from models.methods import METHODS
from pipeline.evaluate import evaluate
from pipeline.evaluate.leaderboard import OURS
from pipeline.features import FeatureSet
from pipeline.recipes import fast, model_for
from pipeline.systems import (
    METHOD_ROWS,
    AimSystem,
    BestOnTest,
    ChosenEpoch,
    System,
    WithInside,
    method_systems,
    watching,
)
from pipeline.systems.selection import CHOSEN, ORACLE

Cue = Literal["level", "time", "moment", "relation", "difficulty", "noise", "nothing"]

CUES: dict[Cue, str] = {
    "level": "the mean of some channels over all steps",
    "time": "the step at which a pattern occurs once; the mean over the steps is the same for all",
    "moment": "channels in one step, marked in the scene; in all other steps they are distractors",
    "relation": "the size of the secondary agent's error against the magnified primary, of random sign",
    "difficulty": "the mean of some channels, judged by five judges; score: difficulty times the middle three judges",
    "noise": "as level, but half of the scores are noisy, which the scene marks",
    "nothing": "nothing",
}
"""What shows the score."""

JUDGES = 5


@dataclass(frozen=True)
class PlantedCue:
    """Time steps of n performances, T steps each."""

    primary: NDArray[np.float32]  # (n, T, channel)
    secondary: NDArray[np.float32]  # (n, T, 1, channel)
    scene: NDArray[np.float32]  # (n, T, entry)
    score: Floats  # (n,) around 50
    judges: Floats  # (n, 5) from 0 to 10 for "difficulty", else (n, 0)
    difficulty: Floats  # (n,) for "difficulty", else NaN
    noisy: NDArray[np.bool_]  # (n,) true where the score is noisy ("noise")


def planted_cue(
    cue: Cue, count: int, *, steps: int = 8, channels: int = 6, entries: int = 4, seed: int = 0
) -> PlantedCue:
    """Performances whose quality, from 0 to 1, is shown by one cue of `CUES`; the rest is noise.

    `channels` are those of either agent, `entries` those of the scene.
    """
    rng = np.random.default_rng([seed, list(CUES).index(cue), count])
    quality = rng.uniform(0, 1, count)
    primary, secondary = rng.normal(size=(2, count, steps, channels))
    scene = 0.5 * rng.normal(size=(count, steps, entries))
    shown = 2.0 * (quality - 0.5)[:, None] * rng.choice([-1.0, 1.0], channels)  # (n, channel)
    noisy = np.zeros(count, dtype=bool)
    rows = np.arange(count)
    if cue in ("level", "difficulty", "noise"):
        primary += shown[:, None]
    if cue == "noise":
        noisy = rng.uniform(size=count) < 0.5
        scene += np.where(noisy, 1.0, -1.0)[:, None, None]
    if cue == "time":
        place = np.minimum((quality * steps).astype(int), steps - 1)
        primary[rows, place] += 3.0 * rng.choice([-1.0, 1.0], channels)
    if cue == "moment":
        place, sign = rng.integers(steps, size=count), rng.choice([-1.0, 1.0], channels)
        primary = 0.3 * primary + 2.0 * rng.uniform(-1, 1, (count, steps, 1)) * sign
        primary[rows, place] = 0.3 * rng.normal(size=(count, channels)) + 2.0 * shown
        scene[rows, place] += 2.0
    if cue == "relation":
        error = (1 - quality)[:, None, None] * rng.choice([-1.0, 1.0], primary.shape)
        secondary = rng.uniform(1.3, 1.8, channels) * primary + error + 0.05 * secondary
    score = 100 * quality + np.where(noisy, 25.0, 1.0) * rng.normal(size=count)
    judges, difficulty = np.zeros((count, 0)), np.full(count, np.nan)
    if cue == "difficulty":
        given = 10 * quality[:, None] + rng.normal(size=(count, JUDGES))
        judges = np.round(2 * np.clip(given, 0, 10)) / 2
        difficulty = rng.choice([1.5, 2.5, 3.5], count)
        score = difficulty * np.sort(judges, axis=1)[:, 1:-1].sum(1)
    if cue == "nothing":
        score = rng.uniform(0, 100, count)
    first, second, around = (array.astype(np.float32) for array in (primary, secondary[:, :, None], scene))
    return PlantedCue(first, second, around, score, judges, difficulty, noisy)


DOCS = Path(__file__).resolve().parent.parent / "docs"
CHOICE: Cue = "nothing"
"""Set of the second table."""

ORDERED: Cue = "time"
"""Set in which the methods of `LOCATED` are shown with positions too."""

LOCATED, POSITIONS = ("GDLT", "TPT", "RICA2"), ", with positions"
"""Methods that the setting `positions` changes, and the ending of their rows with it."""

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
    return FeatureSet(
        records=records,
        primary=made.primary,
        primary_mask=np.ones(made.primary.shape[:2], dtype=bool),
        secondary=made.secondary,
        secondary_mask=np.ones(made.secondary.shape[:3], dtype=bool),
        scene=made.scene,
        trial=np.zeros((count, 0), dtype=np.float32),
        duration=np.full(count, 4.0),
    )


def measure(cue: Cue, count: int, runs: int) -> dict[str, Any]:
    """Rank correlation of every system on `count` performances after training on as many; also see `CHOICE`."""
    features, config = cue_features(cue, 2 * count), fast(runs=runs, scene_gain=1.0)
    methods = method_systems(features, config)
    if cue == ORDERED:
        located = [one for one in methods if one.name in LOCATED]
        methods += [
            replace(one, name=one.name + POSITIONS, model=replace(one.model, positions=True)) for one in located
        ]
    networks = [AimSystem(OURS, model_for("fast"), config), *methods]
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
    rows = [*METHOD_ROWS, *(name + POSITIONS for name in LOCATED)]
    names = [OURS, *(name for name in rows if any(name in one["rho"] for one in sets.values()))]
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
    described = [f"## {name}\n\n{description(name)}" for name in METHOD_ROWS]
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
        parts=table(("part", "original", "here", "figure"), PARTS),
    )


def description(name: str) -> str:
    """The docstring of a method in paragraphs."""
    text = inspect.getdoc(METHODS[METHOD_ROWS[name]].network) or ""
    return re.sub(r"\n(As there|Departures)", r"\n\n\1", text)


PARTS: Sequence[Sequence[str]] = (
    (
        "USDL, MUSDL: distribution, loss",
        "nzl-thu/MUSDL: MTL-AQA/main.py, models/evaluator.py",
        "equal; decoded by the expectation",
        "row USDL",
    ),
    (
        "CoRe: tree, groups, loss, votes",
        "yuxumin/CoRe: models/RegressTree.py, utils/Group_helper.py",
        "equal; 8 groups for 16",
        "row CoRe",
    ),
    (
        "CoRe, TPT: label on MTL-AQA",
        "yuxumin/CoRe: datasets/MTLPair.py",
        "departure: the score, not score / difficulty multiplied back; `dataset.score=execution` has that label",
        "not measured",
    ),
    ("GDLT: prototypes, responses, score", "xuangch/CVPR22_GDLT: models/model.py", "equal; one block each", "row GDLT"),
    (
        "GDLT: losses",
        "xuangch/CVPR22_GDLT: models/loss.py, models/triplet_loss.py",
        "equal: labels from 0 to 1, weights 1",
        "with labels from 0 to 10 the triplet loss weighed a hundredth",
    ),
    (
        "GDLT, TPT, RICA2: positions",
        "models/model.py; models_cluster.../layer.py; libs/modeling",
        "equal: none",
        "column time, rows with and without",
    ),
    (
        "TPT: ranking and sparsity loss",
        "baiyang4/aqa_tpt: train_pairencode1_decoder_1selfatt_self8head_ffn_sp_new.py",
        "equal: margin 3.2, weights 1 and .05",
        "row TPT",
    ),
    (
        "TPT: decoder, comparison",
        "baiyang4/aqa_tpt: models_cluster.../layer.py, model.py",
        "departure: one block, order of attentions, no learnt temperature, CoRe's tree",
        "not measured",
    ),
    (
        "RICA2: ranking, sparsity, divergence",
        "abrarmajeedi/rica2_aqa: libs/modeling/losses.py",
        "equal: margin 1, averaged over pairs, weights .05, .05 and 1e-5",
        "an attention that costs .173 there cost 4.61 before",
    ),
    (
        "RICA2: loss of the score, uncertainty",
        "abrarmajeedi/rica2_aqa: libs/modeling/losses.py, eval.py",
        "departure: beta-NLL of scores from 0 to 10; deviation of draws, at least .3, not the harmonic mean of sigma",
        "table of RICA2's uncertainty",
    ),
    (
        "ST-GCN: blocks",
        "yysijie/st-gcn: net/st_gcn.py, net/utils/tgcn.py",
        "equal: importance, skip connection; departure: kernel 3, 2 blocks, no batch normalisation (`StGcn`)",
        "not measured",
    ),
    (
        "TSN-style ranking: loss",
        "Doughty et al. (2018), section 3",
        "departure: logistic loss without a margin, squared error added (`Snippets`)",
        "not measured",
    ),
    (
        "AIM: kinematic channels",
        "Gao et al. (2020), section 5.2",
        "equal under `recipe=paper`: the 76 columns, handles at the secondary; departure by default: acceleration,"
        " jerk, gripper speed and bimanual channels are added, both agents have the gripper angle",
        "not measured",
    ),
)
"""Rows of the table of parts."""


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

MUSDL needs `judges` for at least nine in ten performances: the items of the JIGSAWS rating, the judges of FineDiving or
MTL-AQA, or column `judges` of a [folder](datasets/folder.md). Panels of different sizes are reduced to the middle
judges. MUSDL, CoRe and TPT also read the difficulty of a test performance, which is announced before it.

## What each finds

{count} planted performances for training and as many for testing, {runs} network of each system and set, {cpu} s of
processor time, `python -m benchmarks.method_comparison`. One cue shows the score, everything else is noise:

{cues}

Spearman's rho on the test part, last epoch:

{find}

USDL, MUSDL and CoRe average the steps before they score, so they cannot find when something happens. The originals of
GDLT, TPT and RICA2 add no positions to the steps, and neither do ours: they do not know when a step is. The rows "with
positions" show what sines of the positions would find (`MethodConfig.positions`). "relation" has too few performances
for networks that do not subtract the agents. "difficulty" is found by the methods that read the difficulty. The
differences between rows above .9 are noise.

## What is as in the original

Names of files are those of the authors' repositories. Beside these, all methods depart in common: features from the
cache in place of a video network that is trained along, small widths, AdamW with one schedule.

{parts}

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
