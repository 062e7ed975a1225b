"""Calls that train: train, evaluate, leaderboard."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import UsageError, printable
from data.outside import code_file, is_outside
from pipeline.api.arguments import (
    DataSettings,
    Names,
    Place,
    WorkSettings,
    config_of,
    note_settings,
    on_data_set,
    one_path,
    split_names,
)
from pipeline.observer import SILENT, Observer
from pipeline.settings.destinations import check_folder
from pipeline.settings.provenance import recorded

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pipeline.evaluate import Evaluation, RequestedRows
    from pipeline.folds import Row
    from pipeline.score import TrainedModel
    from pipeline.settings.config import Config


@recorded
def train(
    root: Place | None = None,
    *,
    out: Place = "runs/model",
    pack: Place | None = None,
    folds: int | None = None,
    strict: bool = False,
    curve: bool = False,
    observer: Observer = SILENT,
    **given: Unpack[DataSettings],
) -> TrainedModel:
    """Train a scorer on the labelled performances of a data set whose features are cached or packed, and calibrate it.

    `protocol: fixed` leaves out the test part of the data set. For a quick try: `--set train.networks=2`.

    Args:
        out: folder of the trained model.
        folds: folds that calibrate the intervals and choose what is averaged; 0: no intervals, all are averaged.
        strict: stop before training, with exit code 2, if a training video is flagged.
        curve: also show the error by number of training performances; OUT then has it as curve.json.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.cache import open_cache
    from pipeline.pack.labelled_features import training_features
    from pipeline.score import train_model

    check_folder(Path(out))
    from pipeline.evaluate.learning_curve import CURVE_FILE, curve_lines, noted_curve, write_curve

    settings = config_of(**on_data_set(given, root, pack), folds=folds)
    note_settings(given, settings, observer)
    with open_cache(settings.machine, observer) as opened:
        feature_set, settings = training_features(settings, opened, one_path(pack), observer)
        outputs = opened if pack is None else None
        done = train_model(feature_set, settings, Path(out), outputs, strict=strict, observer=observer)
    (Path(out) / CURVE_FILE).unlink(missing_ok=True)  # of an earlier model
    unfinished = Path(out) / "checkpoints" / "curve"
    if curve and (made := noted_curve(feature_set, settings.method, settings.machine.work, unfinished, observer)):
        write_curve(made, Path(out) / CURVE_FILE)
        shutil.rmtree(unfinished, ignore_errors=True)
        observer.notes(curve_lines(made))
    return done


@recorded
def evaluate(
    root: Place | None = None,
    *,
    out: Place = "runs/evaluation",
    pack: Place | None = None,
    grids: Sequence[str] = (),
    systems: Names = (),
    oracle: bool = False,
    quick: bool = False,
    curve: bool = False,
    observer: Observer = SILENT,
    **given: Unpack[WorkSettings],
) -> Evaluation:
    """Train and test by a protocol, from raw data: folds, leak audit, trivial baselines, and the paper's row
    beside recordings.

    Values are those of the last epoch; another row takes the epoch that inner validation chooses. The result is that
    of the method that `train` fits: AIM combined with regressions, or alone with `combined=false`. Networks train
    on one task each.

    Args:
        out: folder of results.json and the page.
        grids: values of one setting of model or train; repeated: all combinations. One row uses, for each fold, the
            values that inner validation chooses.
        systems: more rows: your own systems, module:name, comma separated.
        quick: two networks a fold and no inner validation.
        curve: also show the error by number of training performances.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.evaluate import RequestedRows
    from pipeline.evaluate.grid_search import by_inner_validation, candidates, parse_grid

    if quick and (grids or oracle):
        raise UsageError("--quick makes no choice of settings or epochs", fix="Leave out --quick, --grid or --oracle")
    arguments = on_data_set(given, root, pack)
    settings = config_of(**arguments)
    note_settings(given, settings, observer)
    if others := [name for name in split_names(systems) if not is_outside(name)]:
        fix = "Name one of your own as module:name; `leaderboard` has those of the program"
        raise UsageError(f"'{printable(others[0])}' is not a system of your own", fix=fix)
    more = [*_outside_rows(systems, observer).values()]
    if grids:
        base, overrides = given.get("config"), arguments["overrides"]
        tried = candidates(parse_grid(grids), lambda values: config_of(base, [*overrides, *values]))
        more.insert(0, by_inner_validation(tried))
    requested = RequestedRows(oracle=oracle, quick=quick, curve=curve, more=more)
    return _evaluated(settings, pack, Path(out), requested, observer)


@recorded
def leaderboard(
    root: Place | None = None,
    *,
    out: Place = "runs/leaderboard",
    pack: Place | None = None,
    systems: Names = (),
    table: str = "",
    oracle: bool = False,
    quick: bool = False,
    observer: Observer = SILENT,
    **given: Unpack[WorkSettings],
) -> Evaluation:
    """Every system of the paper's tables and the published methods beside AIM, on the same features and protocol.

    Args:
        out: folder of results.json and the page.
        systems: only these rows, comma separated: names or their beginnings, "methods", or your own
            systems, module:name; default: all.
        table: only the systems of one of the paper's results tables, 2 to 7, beside its rows: 2 and 3 on JIGSAWS, 5 AIM
            without one of its parts, 4 and 6 on TASD-2, 7 on AQA-7. On the table's data set its protocol is used
            (3: louo), unless --set protocol=… names another.
        quick: two networks a fold and no inner validation.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.evaluate import RequestedRows, table_protocol
    from pipeline.settings.config import load_config

    if quick and oracle:
        raise UsageError("--quick makes no choice of epochs", fix="Leave out --quick or --oracle")
    if table and oracle:
        raise UsageError("the paper's tables have no oracle", fix="Leave out --oracle or --table")
    arguments = on_data_set(given, root, pack)
    settings = config_of(**arguments)
    note_settings(given, settings, observer)
    kind, protocol = table_protocol(table) if table else ("", "")
    if settings.dataset.kind == kind and all(key != "protocol" for key, _ in arguments["overrides"]):
        settings = load_config(settings, {"protocol": protocol})
    own = _outside_rows(systems, observer)
    only = ",".join(own[name].name if name in own else name for name in split_names(systems))
    requested = RequestedRows(table or "all", only=only, more=[*own.values()], oracle=oracle, quick=quick)
    return _evaluated(settings, pack, Path(out), requested, observer)


def _outside_rows(systems: Names, observer: Observer) -> dict[str, Row]:
    """The last-epoch row of each system of the form `module:name`, by that name."""
    from pipeline.folds import last_epoch
    from pipeline.systems import outside_system

    rows = {name: last_epoch(outside_system(name)) for name in split_names(systems) if is_outside(name)}
    observer.notes([f"note: {name} is {code_file(name)}" for name in rows])
    return rows


def _evaluated(
    settings: Config, pack: Place | None, out: Path, requested: RequestedRows, observer: Observer
) -> Evaluation:
    """The requested rows, with their page in `out`; missing features are extracted."""
    from pipeline.cache import open_cache
    from pipeline.evaluate import evaluate_features
    from pipeline.pack.labelled_features import all_features
    from pipeline.report import write_evaluation

    check_folder(out)
    with open_cache(settings.machine, observer) as opened:
        feature_set, settings = all_features(settings, opened, one_path(pack), observer)
        done = evaluate_features(feature_set, settings, opened, out, requested, observer)
    write_evaluation(done)
    return done
