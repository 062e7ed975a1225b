"""`evaluate` and `leaderboard` as one call each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data.errors import UsageError
from models.metrics import DRAWS
from pipeline.cache import Cache
from pipeline.checks.rater_ceiling import ceiling_line, rater_agreement
from pipeline.evaluate.cross_validation import Results, evaluate
from pipeline.evaluate.fold_summary import FEW, held_out_a_fold, users_of
from pipeline.evaluate.grid_search import CHOSEN
from pipeline.evaluate.leaderboard import OURS, PUBLISHED, chosen_systems
from pipeline.evaluate.learning_curve import learning_curve
from pipeline.evaluate.paper_tables import TABLES, paper_rows
from pipeline.evaluate.protocols import (
    Asked,
    TableRows,
    audit_lines,
    protocol_of,
    protocol_systems,
    results_tables,
)
from pipeline.evaluate.separation import separation_line
from pipeline.evaluate.training_pool import TrainingPool
from pipeline.observer import SILENT, Observer
from pipeline.run import pool_of
from pipeline.settings.config import Config
from pipeline.settings.recipes import PAPER
from pipeline.systems import COMBINED
from pipeline.train.features import FeatureSet

QUICK_RUNS = 2
"""Networks a fold of `evaluate --quick`."""

FEW_USERS = 20
"""With fewer users AIM learns who they are: on JIGSAWS (8 users) it ranks new people's trials at chance."""


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation."""

    results: Results  # content of `results.json` (`pipeline.evaluate.cross_validation`)
    folder: Path  # holds `results.json`, `config.json` and `report.html`
    config: Config
    asked: Asked = field(default_factory=Asked)

    def notes(self) -> list[str]:
        """The leak audit, and notes that a reader of the tables needs."""
        results, lines = self.results, audit_lines(self.results["audit"], self.results["left_out"])
        if (few := held_out_a_fold(results)) < FEW:
            lines.append(
                f"note: a fold holds out {few:.3g} performances, fewer than {FEW}: single correlations per fold are "
                "mostly noise and not shown, nor are the paper's, which are per fold"
            )
        if results["videos"] > (count := results["performances"]):
            lines.append(f"note: {count} trials in {results['videos']} videos; each counts once, its views averaged")
        if apart := separation_line(results):
            lines.append(apart)
        if self.asked.quick:
            lines.append("note: --quick: no inner validation; all systems count where combined")
        if ceiling := results.get("ceiling"):
            lines.append(ceiling)
        if curve := results.get("curve"):
            lines.append(curve["sentence"])
        lines += self._training_notes()
        named = {part.strip().lower() for part in self.asked.only.split(",")} - {""}
        if by_grid := results["systems"].get(CHOSEN):
            counts = Counter(choice["system"] for choice in by_grid["chosen"])
            chosen = "; ".join(f"{settings} in {count}" for settings, count in counts.most_common())
            lines.append(f"settings chosen by inner validation, with the number of trainings: {chosen}")
        if self.asked.systems == "all" and "MUSDL" not in results["systems"] and (not named or PUBLISHED in named):
            lines.append("note: MUSDL is left out: fewer than nine in ten performances have single judges' scores")
        if self.asked.systems in TABLES:
            if not results["paper"]:
                theirs = f"{TABLES[self.asked.systems].kind}, {TABLES[self.asked.systems].protocol}"
                lines.append(f"note: the paper's rows are of {theirs}, so this table leaves them out")
            if missing := [name for name in TABLES[self.asked.systems].systems if name not in results["systems"]]:
                lines.append(f"note: these features cannot feed {', '.join(missing)}")
        return lines

    def _training_notes(self) -> list[str]:
        """How AIM was trained, what differs from the paper, and settings that were chosen by results of this kind."""
        if OURS not in self.results["systems"]:
            return []
        recipe, kind = self.config.method.scorer[1], self.config.dataset.kind
        lines = [f"AIM: {recipe.runs} networks a fold, {recipe.epochs} epochs, recipe {recipe.recipe}"]
        here = recipe.model_dump()
        if differing := [f"{name} {_plain(here[name])} ({_plain(PAPER[name])})" for name in PAPER
                         if here[name] != PAPER[name]]:  # fmt: skip
            lines.append(f"note: the training differs from the paper's (in brackets): {', '.join(differing)}")
        if getattr(self.config.method.stage("timesteps"), "scene", None) == "":
            lines.append("note: the features of the whole scene are left out; the paper's network reads them")
        if 0 < (users := users_of(self.results)) < FEW_USERS:
            lines.append(
                f"note: with {users} users, fewer than {FEW_USERS}, AIM alone is not for new people: read the "
                "row 'combined'"
            )
        if (recipe.recipe, kind) == ("tools", "jigsaws"):
            lines.append("note: optimistic: the recipe 'tools' was chosen when 4-fold results on JIGSAWS were known")
        return lines

    def tables(self) -> list[TableRows]:
        """The tables in the paper's form."""
        name = f"{self.config.method.name}, {self.config.method.protocol}"
        tables = [(f"{name}: {title}", columns, rows) for title, columns, rows in results_tables(self.results)]
        return [*tables, self.results["curve"]["table"]] if "curve" in self.results else tables


def _plain(value: Any) -> str:
    """A setting as text: values of a list with slashes, none as 'off'."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return "/".join("off" if one is None or one is False else f"{one:g}" for one in values)


def table_protocol(table: str) -> tuple[str, str]:
    """The kind of data set and the protocol of a table of the paper. Raises UsageError for an unknown table."""
    if table not in TABLES:
        raise UsageError(f"the paper has no results table '{table}'", fix=f"One of {', '.join(TABLES)}")
    return TABLES[table].kind, TABLES[table].protocol


def evaluate_features(
    features: FeatureSet,
    config: Config,
    cache: Cache,
    folder: Path,
    asked: Asked | None = None,
    observer: Observer = SILENT,
) -> Evaluation:
    """Evaluate systems and the trivial baselines by the configuration's protocol; only checkpoints are written.

    Args:
        features: labelled performances.
        config: names the protocol, the network and the recipe, and where trainings run.
        cache: knows the hashes of the performances' files.
        folder: has the checkpoints.
        asked: the rows; default: AIM.

    Raises as `pipeline.evaluate.protocols.protocol_of`, and Cancelled after a stop.
    """
    asked, pool = asked or Asked(), pool_of(config.machine.run)
    if asked.quick:
        recipe = config.method.scorer[1]
        fewer = recipe.model_copy(update={"runs": min(QUICK_RUNS, recipe.runs)})
        config = replace(config, method=config.method.model_copy(update={"train": fewer}))
    protocol = protocol_of(features, config, cache)
    chosen = [*asked.more, *protocol_systems(config, features, asked)]
    chosen = chosen_systems(asked.only, chosen) if asked.only else chosen
    against = COMBINED if any(system.name == COMBINED for system in chosen) else OURS
    kept, stop = folder / "checkpoints", observer.stop_event().is_set
    with observer.progress("trainings") as progress:
        training = TrainingPool(pool, progress, stop, kept)
        results = evaluate(features, protocol, chosen, against=against, draws=DRAWS, pool=training)
    table = asked.systems if asked.systems in TABLES else ""
    if table or config.method.name != "demo":
        results["paper"] = paper_rows(config.dataset.kind, config.method.protocol, table)
    if agreed := rater_agreement(features.records, config.dataset.kind):
        results["agreement"] = agreed
        if len(results["tasks"]) == 1 and against in results["systems"]:
            ours = results["systems"][against]["tasks"][results["tasks"][0]]["together"]
            results["ceiling"] = ceiling_line(agreed, ours["spearman"], ours["mae"])
    if asked.curve:
        learnt = [
            row for row, one in enumerate(features.records) if config.method.protocol != "fixed" or one.split != "test"
        ]
        with observer.progress("trainings of the learning curve") as progress:
            made = learning_curve(features.take(learnt), config, pool=TrainingPool(pool, progress, stop))
        results["curve"] = made.as_dict()
    done = Evaluation(results, folder, config, asked)
    results["notes"] = done.notes()
    return done
