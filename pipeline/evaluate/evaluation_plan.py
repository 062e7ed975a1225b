"""The parts of an evaluation by a protocol: folds, leak audit and systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.splits import Fold, make_folds, unsplit_groups
from pipeline.evaluate.leaderboard import NETWORK_ROWS, all_systems, table_systems
from pipeline.evaluate.paper_tables import TABLES
from pipeline.folds import (
    Row,
    best_on_test,
    chosen_epoch,
    combination,
    last_epoch,
    watching,
)
from pipeline.settings.method import Method
from pipeline.systems import AimSystem, NetworkSystem, published_systems, trivial_baselines
from pipeline.systems.regressors import for_new_people, regressions_of, unseen_systems
from pipeline.train.feature_set import FeatureSet


@dataclass(frozen=True)
class RequestedRows:
    """The rows of an evaluation.

    Attributes:
        systems: "aim"; "all" for every system of the paper's tables; or the number of one of its tables.
        only: the requested ones of "all" (`pipeline.evaluate.leaderboard.chosen_systems`); empty: all.
        oracle: add a row for the best epoch on the test part, labelled as such ("aim" and "all").
        quick: few networks and no inner validation: AIM only by its last epoch, and a combination of all its systems.
        curve: also a learning curve; under `protocol: fixed` of the training part alone.
        more: additional systems.
    """

    systems: str = "aim"
    only: str = ""
    oracle: bool = False
    quick: bool = False
    curve: bool = False
    more: Sequence[Row] = ()


def protocol_systems(
    method: Method,
    features: FeatureSet,
    requested: RequestedRows,
    *,
    shorter: bool = False,
) -> list[Row]:
    """The systems of an evaluation, without `requested.more` and before `requested.only`.

    The first row is the method that `train` fits: the combination (`pipeline.folds.combination`), or the network by
    its last epoch. Networks have another row for the epoch chosen by inner validation. `shorter`: include the baseline
    "shorter is better".
    """
    model, recipe, unsplit = method.network, method.train, unsplit_groups(method.protocol)
    if requested.systems in TABLES:
        return [*map(last_epoch, table_systems(requested.systems, all_systems(features, model, recipe, unsplit)))]

    def with_epochs(network: NetworkSystem) -> list[Row]:
        """Rows of a network: last epoch, epoch by inner validation and, on request, best epoch on the test part.

        One training serves all. A quick evaluation has only the last epoch.
        """
        if requested.quick:
            return [last_epoch(network)]
        network = watching(network)
        return [last_epoch(network), chosen_epoch(network), *([best_on_test(network)] if requested.oracle else [])]

    times = method.times_difficulty
    network: NetworkSystem = AimSystem(NETWORK_ROWS[model.variant], model, recipe, kind="ours", times_difficulty=times)
    network = network if requested.quick else watching(network)
    chosen = with_epochs(network)
    if regressions := regressions_of(method, features):
        new_people = for_new_people(unsplit, features)
        combined = combination(
            (network, *regressions),
            unseen_users="subject" in unsplit,
            new_people=new_people,
            validated=not requested.quick,
        )
        beside = unseen_systems(features)[:-1] if new_people else regressions
        chosen = [combined, *chosen, *map(last_epoch, beside)]
    chosen += map(last_epoch, trivial_baselines(features, unsplit, shorter=shorter))
    if requested.systems == "all":
        possible = all_systems(features, model, recipe, unsplit, times_difficulty=times)
        names = {system.name for system in chosen}
        methods = {published.name: published for published in published_systems(features, recipe)}
        for name, system in possible.items():
            if name not in names:
                chosen += with_epochs(methods[name]) if name in methods else [last_epoch(system)]
    return chosen


def protocol_folds(method: Method, features: FeatureSet) -> list[Fold]:
    """The folds of the method's protocol over these performances."""
    split = method.split
    options = {"kfold": {"k": split.folds, "seed": split.seed}, "holdout": {"seed": split.seed}}
    return make_folds(method.protocol, features.records, **options.get(method.protocol, {}))
