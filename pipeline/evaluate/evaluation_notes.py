"""Notes for a reader of the tables, one sentence each, and the paragraph "Methods" for a paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from data.datasets.listing import KINDS
from data.errors import apart, counted
from pipeline.evaluate.evaluation_plan import RequestedRows
from pipeline.evaluate.evaluation_results import FEW, EvaluationResults, Note
from pipeline.evaluate.grid_search import CHOSEN
from pipeline.evaluate.leaderboard import NETWORK_ROWS, OURS, PUBLISHED
from pipeline.evaluate.paper_differences import FeatureOrigins, left_open, paper_differences
from pipeline.evaluate.paper_tables import TABLES
from pipeline.evaluate.significance import separation_line
from pipeline.folds import COMBINED
from pipeline.folds.combination import MANY_USERS
from pipeline.settings.config import Config
from pipeline.settings.method import Method
from pipeline.settings.train_config import RECIPES
from pipeline.systems.baselines import MEAN


def evaluation_notes(
    results: EvaluationResults, config: Config, requested: RequestedRows, origins: FeatureOrigins
) -> list[Note]:
    """Notes for a reader of the tables."""
    method, kind = config.method, config.dataset.kind
    cautions = list[str]()
    if results.made_by:
        cautions.append(f"synthetic data ({results.made_by}): no recording, so published results are left out")
    cautions += [
        f"fold {size.fold}{size.task and f' of {size.task}'} is not evaluated: {size.train} to train on,"
        f" {size.test} to test"
        for size in results.left_out
    ]
    if len(results.folds) > 1 and results.held_out_per_fold < FEW:
        cautions.append(f"folds hold out fewer than {FEW} performances of a task on average, so correlations of single "
                        "folds are mostly noise")  # fmt: skip
    if results.videos > results.performances:
        cautions.append(f"{results.performances} trials in {results.videos} videos; each counts once, its views "
                        "averaged")  # fmt: skip
    if apart := separation_line(results):
        cautions.append(apart)
    published = KINDS[kind].counts.get("all", 0) if kind in KINDS else 0
    if results.paper and results.performances < published:
        cautions.append(f"{results.performances} of {published} published performances; the paper's rows are of all")
    if requested.quick:
        cautions.append(
            "no inner validation (--quick)"
            f"{': `train` may combine other systems' * (method.combined and not 0 < results.users < MANY_USERS)}"
        )
    combined = results.systems.get(COMBINED)
    facts = [f"{COMBINED}, which `train` fits, is {_members(results)}"] if combined and combined.chosen else []
    facts += [results.ceiling] if results.ceiling else []
    return [
        *beside_guessing(results),
        *_best_baseline(results),
        *(Note("caution", text) for text in cautions),
        *(Note("fact", text) for text in facts),
        *_training_notes(results, method, kind, requested, origins),
        *_row_notes(results, requested),
    ]


def _training_notes(
    results: EvaluationResults, method: Method, kind: str, requested: RequestedRows, origins: FeatureOrigins
) -> Iterator[Note]:
    """How AIM was trained, what differs from the paper, and settings chosen after seeing results of this kind."""
    if not (network := _network(results, method)):
        return
    yield Note(
        "fact",
        f"{network}: {counted(method.train.networks, 'network')} a fold, {method.train.epochs} epochs"
        f" (recipe {method.train.recipe}: {RECIPES[method.train.recipe]['epochs']})",
    )
    if method.without_agents:
        yield Note("caution", "these features lack an agent, so AIM and other systems that need both are left out")
    differing = counted(len(paper_differences(method, kind, origins)), "setting")
    yield Note("caution", f"{network} differs from the paper's method in {differing}: Methods on the page lists them"
               ", and what the paper leaves open")  # fmt: skip
    if 0 < results.users < MANY_USERS:
        instead = "" if method.combined or requested.systems in TABLES else "; add --set combined=true"
        yield Note(
            "caution",
            f"fewer than {MANY_USERS} users ({results.users}): do not score new people with AIM alone{instead}",
        )
    if chosen := _seen(method, kind):
        yield Note("caution", f"optimistic: {chosen}")


def beside_guessing(results: EvaluationResults) -> Iterator[Note]:
    """The headline's mean error beside that of guessing the mean score of the training part."""
    names = (results.against, MEAN)
    ours, mean = (results.systems[name].average.mae if name in results.systems else None for name in names)
    if ours is None or mean is None or results.against == MEAN:
        return
    pairs = [[results.held_out(task, name) for name in names] for task in results.tasks]
    certain = all(
        replace(part, group=part.fold if results.users else part.group).better_than(guess.predicted)
        for part, guess in pairs
    )
    error, guessed = apart(ours, mean)
    verdict = "better" if certain else "not certainly better"
    yield Note(
        "fact" if certain else "caution",
        f"{results.against} is {verdict} than guessing the mean training score: mean error {error} against {guessed}"
        f" (one-sided paired t-test over {'users' if results.users else 'performances'} at 5 %)",
    )


def _best_baseline(results: EvaluationResults) -> Iterator[Note]:
    """The trivial baseline that ranks best, if it ranks higher than the headline, which is no baseline itself."""
    rho = {name: system.average.rho.value for name, system in results.systems.items() if system.kind == "baseline"}
    known = [(value, name) for name, value in rho.items() if value is not None]
    ours = results.systems[results.against].average.rho.value
    if not known or ours is None or results.against in rho or max(known)[0] <= ours:
        return
    value, name = max(known)
    lead = results.comparison and results.comparison.rows.get(name)
    tie = " (a tie)" if lead and lead.verdict == "tie" else ""
    yield Note("caution", f"'{name}', the best trivial baseline, ranks higher than {results.against}: "
               f"{value:.3f} against {ours:.3f}{tie}")  # fmt: skip


def _network(results: EvaluationResults, method: Method) -> str:
    """The network that the recipe trains: the method's, else AIM; "" if no row has either."""
    name = next((row for row in (NETWORK_ROWS[method.network.variant], OURS) if row in results.systems), "")
    return "AIM" if name == OURS else name


def _row_notes(results: EvaluationResults, requested: RequestedRows) -> Iterator[Note]:
    """Rows chosen inside the training parts, and missing rows."""
    if by_grid := results.systems.get(CHOSEN):
        counts = Counter(name for choice in by_grid.chosen for name in choice.chosen)
        chosen = "; ".join(f"{settings} in {count}" for settings, count in counts.most_common())
        yield Note("fact", f"settings chosen by inner validation, with the number of trainings: {chosen}")
    if (
        requested.systems == "all"
        and "MUSDL" not in results.systems
        and PUBLISHED in (requested.only.lower() or PUBLISHED)
    ):
        yield Note("caution", "MUSDL is left out: fewer than nine in ten performances have single judges' scores")
    if requested.systems in TABLES:
        table = TABLES[requested.systems]
        if not results.paper and not results.made_by:
            where = f"{table.kind}, {table.protocol}"
            yield Note("caution", f"the paper's rows are of {where}, so this table leaves them out")
        if missing := [name for name in table.systems if name not in results.systems]:
            yield Note("caution", f"these features are not enough for {', '.join(missing)}")


def _seen(method: Method, kind: str) -> str:
    """What was chosen after seeing results of this kind; or empty."""
    if (method.train.recipe, kind) == ("tools", "jigsaws"):
        return "AIM's recipe 'tools' and the rule of combined for few users came after results on JIGSAWS"
    return ""


def methods_paragraph(results: EvaluationResults, method: Method, kind: str, origins: FeatureOrigins) -> str:
    """Data, split, system, checkpoint rule, seeds, metric, interval, software and citation, for a paper."""
    users, folds, origin = results.users, len(results.folds), results.origin
    made = f", synthetic: {results.made_by}" if results.made_by else ""
    tasks = f" of {counted(len(results.tasks), 'task')}" if len(results.tasks) > 1 else ""
    apart = " or ".join(results.audit.forbid) if results.audit else ""
    leaks = "the audit was not run" if results.audit is None else "an audit found no leak" if results.audit.ok else (
        f"an audit found {counted(len(results.audit.leaks), 'leak')}")  # fmt: skip
    if results.audit and not results.audit.subjects_known:
        leaks += ", but could not check subjects, which the data set does not name"
    units = f"the jackknife over {counted(users, 'user') if users else 'performances'}"
    average = "; tasks are averaged by Fisher's z" if len(results.tasks) > 1 else ""
    versions = ", ".join(f"{name} {version}" for name, version in origin.versions.items())
    trained_on = " and ".join({"cpu": "CPUs", "cuda": "GPUs"}[device] for device in origin.devices)
    return " ".join(
        [
            f"We evaluated {counted(results.performances, 'performance')}{tasks} (data set {kind}{made}) by "
            f"the protocol {results.protocol} with {counted(folds, 'fold')}.",
            f"Training and test parts shared no {apart}; {leaks}." if apart else f"{leaks.capitalize()}.",
            *_system_sentences(results, method, kind, origins),
            "The metric is Spearman's rank correlation of all held-out predictions with the judges' scores"
            f"{', ranked together after the mean of each fold was removed from both' if folds > 1 else ''}{average}.",
            *(
                [f"Its 95 % interval is by Fisher's z and {units}."]
                if any(system.average.rho.interval for system in results.systems.values())
                else []
            ),
            f"Comparison of systems: {separation_line(results) or 'none'}.",
            *([f"Networks trained on {trained_on}."] if trained_on else []),
            f"Software: {versions}; commit {origin.commit}; {origin.date[:10]}.",
            "AIM: Gao et al., An Asymmetric Modeling for Action Assessment, ECCV 2020.",
        ]
    )


def _members(results: EvaluationResults) -> str:
    """The systems that the combination averages, with the number of folds if they differ, and how it chose them."""
    choices = results.systems[COMBINED].chosen
    folds = {choice.fold: choice.chosen for choice in choices}  # one choice for all tasks
    counts = Counter(name for chosen in folds.values() for name in chosen)
    about = (
        "economy and ridge' (the mean of a ridge and of the index of economy, without a line, scaled to the standard "
        "deviation of the ridge's predictions)"
    )
    shown = [
        f"'{name}'" if count == len(folds) else f"'{name}' in {count} of {counted(len(folds), 'fold')}"
        for name, count in counts.items()
    ]
    how = ", chosen inside the training part" if any(choice.tests for choice in choices) else ""
    if how and 0 < results.users <= MANY_USERS:
        how = f", by a rule for under {MANY_USERS} training users, made on simulated trials after results on JIGSAWS"
    members = "; ".join(shown).replace("economy and ridge'", about)
    return f"{'the mean of ' if len(shown) > 1 else ''}{members}{how}"


def _system_sentences(results: EvaluationResults, method: Method, kind: str, origins: FeatureOrigins) -> list[str]:
    if not (network := _network(results, method)):
        return [f"The system is {results.against}."]
    recipe, differing = method.train, paper_differences(method, kind, origins)
    return [
        *([f"The score is {_members(results)}."] if results.against == COMBINED else []),
        f"{network} is the mean of {counted(recipe.networks, 'network')} trained for {recipe.epochs} epochs"
        f" (seed {recipe.seed}; seed of the split {method.split.seed}).",
        "The checkpoint is the last epoch; no choice of this run used a test label.",
        *([f"Optimistic: {chosen}."] if (chosen := _seen(method, kind)) else []),
        *(
            ["Scores were divided by the announced difficulty, predictions multiplied."]
            if method.times_difficulty
            else []
        ),
        *([f"Settings that differ from the paper's, in brackets: {', '.join(differing)}."] if differing else []),
        f"The paper leaves open: {'; '.join(left_open(results, method))}.",
    ]
