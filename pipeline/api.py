"""Every command as one Python call, with the same name and words: raw data to an evaluation without the command line.

    from pipeline.api import extract, train, evaluate, score, report

    extract("videos/", config="folder", workers=2)
    train("videos/", config="folder", out="runs/mine")
    scores = score("new/", model="runs/mine")

Several calls with the same words share a session:

    with Session("folder", workers=2) as session:
        extract("videos/", session=session)
        train("videos/", out="runs/mine", session=session)
        scores = score("new/", model="runs/mine", session=session)

Nothing is printed: notes and progress go to the observer. Errors that a user can mend are `data.errors.AimError`:
`UsageError` for a wrong argument, setting, place or missing package, `DataError` for a data set, features or a run
folder that cannot be used, `StorageError` for a store that does not answer or refuses. `Cancelled` is raised where the
observer's stop event ends the work before there is a result; the same call resumes.

Common arguments:
    inputs: videos or folders (searched recursively).
    root: the data set's folder; default: dataset.root of the configuration.
    session: what several calls share, in place of the words that make one, from config to observer.
    config: preset such as folder or jigsaws, or a YAML configuration; default: the preset folder.
    overrides: override one key: --set pose.stride=2.
    cache: folder of the stages' outputs.
    stages: only these, comma separated; those they need are added.
    workers: processes side by side; default: one per core, as memory allows; 0: this process. On Ray the default and 0
        are as many as fit.
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
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import DataError, UsageError, printable
from pipeline.observer import SILENT, Observer
from pipeline.session import (
    Configuration,
    Overrides,
    Place,
    Places,
    PoolWords,
    SettingsWords,
    WorkerWords,
    many_paths,
    one_path,
    opened,
)
from pipeline.session import Session as Session
from pipeline.settings.destinations import check_file, check_folder, writing
from pipeline.upkeep.upkeep_calls import cache_gc as cache_gc
from pipeline.upkeep.upkeep_calls import cache_ls as cache_ls
from pipeline.upkeep.upkeep_calls import cache_prune as cache_prune
from pipeline.upkeep.upkeep_calls import cache_rm as cache_rm
from pipeline.upkeep.upkeep_calls import cache_verify as cache_verify
from pipeline.upkeep.upkeep_calls import data_check as data_check
from pipeline.upkeep.upkeep_calls import doctor as doctor
from pipeline.upkeep.upkeep_calls import weights_fetch as weights_fetch
from pipeline.upkeep.upkeep_calls import weights_list as weights_list
from pipeline.upkeep.upkeep_calls import weights_path as weights_path
from pipeline.upkeep.upkeep_calls import weights_rm as weights_rm

if TYPE_CHECKING:  # "as": what calls return can be named from here, such as `api.Evaluation`
    from typing_extensions import Unpack

    from data.datasets import DataReport as DataReport
    from pipeline.cache import CacheFiles as CacheFiles
    from pipeline.cache import CacheListing as CacheListing
    from pipeline.demo import DemoResult as DemoResult
    from pipeline.evaluate import Evaluation as Evaluation
    from pipeline.label import LabelResult as LabelResult
    from pipeline.pack.pack_formats import Packed as Packed
    from pipeline.results import Score as Score
    from pipeline.run import ExtractRun as ExtractRun
    from pipeline.run import Status as Status
    from pipeline.score import TrainedScorer as TrainedScorer
    from pipeline.score.export import Exported as Exported
    from pipeline.settings.environment import SetupCheck as SetupCheck


def demo(
    out: Place = "demo", *, full: bool = False, overrides: Overrides = (), observer: Observer = SILENT
) -> DemoResult:
    """Render labelled dives, extract all stages, train, score new dives, write the report page.

    Args:
        out: folder of the dives, the cache, the run and the page.
        full: 88 dives instead of 24, and every frame: about 7 minutes on two cores.
    """
    from pipeline.demo import run_demo
    from pipeline.settings.environment import check_opencv
    from pipeline.settings.yaml_values import parse_overrides

    out = Path(out)
    check_folder(out)
    check_opencv()
    with writing(out):
        return run_demo(out, full=full, overrides=parse_overrides(overrides), observer=observer)


def extract(
    inputs: Places = (),
    *,
    stages: str | Sequence[str] = (),
    force: bool = False,
    retry_failed: bool = False,
    shard: str = "",
    dry_run: bool = False,
    preview: bool = False,
    strict: bool = False,
    session: Session | None = None,
    **words: Unpack[PoolWords],
) -> ExtractRun:
    """Run the stages that are not fresh, for videos, folders, or the data set of the configuration.

    Args:
        force: run again even where fresh.
        retry_failed: run again what failed before.
        shard: this machine's part of the videos: i/n; default: all.
        dry_run: show what would run, why, and at what cost.
        preview: draw skeletons, flow and clips: CACHE/preview/<video>.jpg and .mp4.
        strict: exit code 2 where a video is flagged, such as one with a cut or without people.

    Returns:
        The outcome of each video; those that failed are listed there.
    """
    from pipeline.run import ExtractRun, plan_costs, run_extract

    with opened(session, words) as session:
        observer, listing = session.observer, session.list_inputs(many_paths(inputs), shard)
        records = listing.records
        planner = session.planner(stages, force=force, retry_failed=retry_failed, fetch=not dry_run)
        if preview:
            from pipeline.settings.environment import check_opencv

            check_opencv()  # says what is wrong before the preview imports it
            from pipeline.preview import refuse_remote

            refuse_remote(records, planner)
        if dry_run:
            return plan_costs(listing, planner)
        summary = run_extract(records, planner, observer, announce=True)
        summary.problems = listing.problems
        drawn = {}
        if preview:
            from pipeline.preview import draw_previews

            drawn = draw_previews(records, planner, observer)
        flagged = {}
        if strict or any(result.done for result in summary.results):
            from pipeline.checks import report_flags

            outputs, sheets = summary.outputs, planner.cache.place if preview else ""
            measured = ((record.name, planner.measures(record, outputs.get(record.id, {}))) for record in records)
            flagged = report_flags(measured, len(records), observer, strict=strict, sheets=sheets)
        flags = {name: [flag.title for flag in given] for name, given in flagged.items()}
        return ExtractRun(planner.cache.place, summary, preview=drawn, flags=flags)


def status(
    inputs: Places = (),
    *,
    stages: str | Sequence[str] = (),
    session: Session | None = None,
    **words: Unpack[SettingsWords],
) -> Status:
    """Per video and stage: fresh, stale, missing or failed, and why."""
    from pipeline.run import Status, status_rows

    with opened(session, words) as session:
        listing, planner = session.list_inputs(many_paths(inputs)), session.planner(stages)
        return Status(planner.cache.place, tuple(status_rows(listing.records, planner)))


def train(
    root: Place | None = None,
    *,
    out: Place = "runs/model",
    pack: Place | None = None,
    folds: int | None = None,
    strict: bool = False,
    curve: bool = False,
    session: Session | None = None,
    **words: Unpack[SettingsWords],
) -> TrainedScorer:
    """Train a scorer on the labelled performances of a data set whose features are cached or packed, and calibrate it.

    `protocol: fixed` leaves out the test part of the data set.

    Args:
        out: folder of the trained run.
        folds: folds that calibrate the intervals; 0: no intervals.
        strict: stop before training, with exit code 2, where a training video is flagged.
        curve: also show the error by number of training performances, and what more labels would likely bring; OUT
            then has it as curve.json.
    """
    from pipeline.pack.feature_source import training_features
    from pipeline.score import train_scorer

    check_folder(Path(out))
    from pipeline.evaluate.learning_curve import CURVE_FILE, learning_curve
    from pipeline.evaluate.spread import Runner

    with opened(session, words) as session:
        session = _on_data_set(session, root, pack)
        features, observer = training_features(session, one_path(pack)), session.observer
        done = train_scorer(features, session, Path(out), folds=folds, cached=pack is None, strict=strict)
        if curve:
            with observer.progress("trainings of the learning curve") as progress:
                runner = Runner(progress=progress, stop=observer.stop_event().is_set)
                made = learning_curve(features, session.config, runner=runner)
            made.write(Path(out) / CURVE_FILE)
            observer.notes(made.lines())
        return done


def evaluate(
    root: Place | None = None,
    *,
    out: Place = "runs/evaluation",
    pack: Place | None = None,
    grids: Sequence[str] = (),
    oracle: bool = False,
    quick: bool = False,
    curve: bool = False,
    session: Session | None = None,
    **words: Unpack[PoolWords],
) -> Evaluation:
    """Train and test by a protocol, from raw data: folds, leak audit, trivial baselines, and the paper's row.

    Values are those of the last epoch; a further row takes the epoch that inner validation chooses. With
    `model.system=combined`, or under `protocol=louo`, the first row is AIM combined with regressions: docs/scores.md.

    Args:
        out: folder of results.json and the page.
        grids: values of one setting of model or train; repeated: all combinations. One row takes, for each
            fold, the combination that is best by inner validation.
        quick: two networks a fold and no inner validation.
        curve: also show the error by number of training performances, and what more labels would likely bring.
    """
    from pipeline.evaluate import Asked, evaluate_features
    from pipeline.evaluate.grid_search import by_inner_validation, candidates, parse_grid
    from pipeline.pack.feature_source import all_features
    from pipeline.report import write_evaluation

    if quick and (grids or oracle):
        raise UsageError("--quick makes no choice of settings or epochs", fix="Leave out --quick, --grid or --oracle")
    with opened(session, words) as session:
        chosen = _on_data_set(session, root, pack)
        tried = candidates(parse_grid(grids), lambda one: chosen.changed(one).config) if grids else []
        more = [by_inner_validation(tried)] if grids else []
        check_folder(Path(out))
        features = all_features(chosen, one_path(pack))
        asked = Asked(oracle=oracle, quick=quick, curve=curve, more=more)
        done = evaluate_features(features, chosen, Path(out), asked)
        write_evaluation(done)
        return done


def leaderboard(
    root: Place | None = None,
    *,
    out: Place = "runs/leaderboard",
    pack: Place | None = None,
    systems: str = "",
    table: str = "",
    oracle: bool = False,
    session: Session | None = None,
    **words: Unpack[PoolWords],
) -> Evaluation:
    """Every system of the paper's tables and the published methods beside AIM, on the same features and protocol.

    Args:
        out: folder of results.json and the page.
        systems: only these rows, comma separated: names or their beginnings, or "methods"; default: all.
        table: only the systems of one of the paper's results tables, 2 to 7, beside its rows. On a data set of the
            table's kind the table's protocol is taken (3: louo) where --set protocol=… names no other.
    """
    from pipeline.evaluate import Asked, evaluate_features, table_protocol
    from pipeline.pack.feature_source import all_features
    from pipeline.report import write_evaluation

    if table and oracle:
        raise UsageError("the paper's tables have no oracle", fix="Leave out --oracle or --table")
    with opened(session, words) as session:
        session = _on_data_set(session, root, pack)
        kind, protocol = table_protocol(table) if table else ("", "")
        if session.config.dataset.kind == kind and not session.sets("protocol"):
            session = session.changed({"protocol": protocol})
        check_folder(Path(out))
        features = all_features(session, one_path(pack))
        asked = Asked(table or "all", only=systems, oracle=oracle)
        done = evaluate_features(features, session, Path(out), asked)
        write_evaluation(done)
        return done


def report(
    run: Place,
    inputs: Places = (),
    *,
    out: Place | None = None,
    sections: int = 12,
    session: Session | None = None,
    **words: Unpack[WorkerWords],
) -> Path:
    """Write the offline page of a run: its evaluation, or its scores of INPUT (default: the held-out videos).

    Args:
        inputs: videos or folders to show.
        config: names the data set whose held-out videos are shown, and your own cache, paths and devices.
        out: the page; default: RUN/report.html.
        overrides: of --config: the data set, --set dataset.root=FOLDER, or --set frames.fps=25 for folders of frames.
        sections: videos with a section of their own.
    """
    from pipeline.report import run_report_data, write_report
    from pipeline.score import local_run

    folder = local_run(run)
    page = Path(out) if out is not None else Path(run if Path(run) == folder else "") / "report.html"
    check_file(page)
    places = many_paths(inputs)
    with opened(session, words) as session, writing(page):
        _refuse_model_settings(words, places)
        data = run_report_data(folder, places, page, sections, session)
        session.observer.raise_if_stopped()
        write_report(page, data)
    return page


def compare(
    a: str,
    b: str,
    *,
    model: Place,
    out: Place = "compare.html",
    session: Session | None = None,
    **words: Unpack[WorkerWords],
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
    with opened(session, words) as session, writing(page):
        _refuse_model_settings(words)
        write_comparison(local_run(model), (str(a), str(b)), page, session)
    return page


def plot(
    run: Place,
    inputs: Places = (),
    *,
    out: Place = "figures",
    formats: str | Sequence[str] = "pdf,svg",
    session: Session | None = None,
    **words: Unpack[SettingsWords],
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
    places = many_paths(inputs)
    with opened(session, words) as session:
        _refuse_model_settings(words, places)
        data = run_report_data(local_run(run), places, out / "report.html", 12, session)
    names = formats.split(",") if isinstance(formats, str) else formats
    with writing(out):
        written = plot_report(data, out, [name.strip() for name in names], session.observer)
    if not written:
        why = next((f" ({video.result.error})" for video in data.videos if video.result.error), "")
        raise DataError(f"there is nothing to draw{why}", where=run, fix="See the scores: `score`")
    return written


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
    user = Session(config).beside_model
    run_server(folder, load_scorer(model, folder / "cache", 1, user=user, observer=observer), port, observer)


def label(
    root: Place,
    *,
    pairs: bool = False,
    columns: str | Sequence[str] = "",
    rubric: Place | None = None,
    only: Sequence[str] = (),
    report: bool = False,
    suggest: int = 0,
    model: Place | None = None,
    out: Place | None = None,
    port: int = 8766,
    session: Session | None = None,
    **words: Unpack[WorkerWords],
) -> LabelResult:
    """Judge the videos of a folder on a local web page, alone or with others, and write the table of labels.

    Answers are in ROOT/ratings, one CSV a rater. ROOT/labels.csv is written when the page is closed by Ctrl-C, and by
    --report: the mean over raters, their standard deviation and number. With two raters it shows how far they agree.

    Args:
        root: folder of the videos.
        pairs: compare two videos at a time; the labels are their places on one scale.
        columns: scores to give, comma separated: score, execution, synchronisation, difficulty; default: those that
            the configuration learns.
        rubric: a Markdown file that raters read on the page.
        only: ask about this video only; may be repeated.
        report: no page: write the labels, and show the agreement of the raters.
        suggest: no page: list so many unlabelled videos whose labels would help --model most, with the reasons.
        model: folder that `train` wrote.
        config: the scores to give; for --suggest your own cache, paths and devices, as `extract` was given them.
        out: the table of labels; default: ROOT/labels.csv.
        port: 0: any free port.
    """
    from pipeline.label import LabelResult, find_session, label_report, write_labels

    folder = Path(root)
    with opened(session, words) as session:
        observer = session.observer
        if not columns and not pairs and session.config.scorer[0].multi_task:
            columns = ("score", "execution", "synchronisation")
        names = [name.strip() for name in (columns.split(",") if isinstance(columns, str) else columns) if name.strip()]
        judged, problems = find_session(folder, pairs=pairs, columns=names, only=tuple(only))
        observer.notes([f"note: {problem}" for problem in problems])
        if suggest:
            from pipeline.label.suggest import suggest_videos
            from pipeline.score import load_scorer, local_run

            if model is None:
                raise UsageError("--suggest needs a model", fix="Add: --model RUN, a folder that `train` wrote")
            _refuse_model_settings(words)
            scorer = load_scorer(local_run(model), user=session.beside_model, observer=observer)
            with scorer.session:
                return LabelResult(suggestions=tuple(suggest_videos(judged, scorer, suggest, observer)))
        table = Path(out) if out is not None else folder / "labels.csv"
        check_file(table)
        if not report:
            from pipeline.label.label_app import create_label_app
            from pipeline.serve import run_app

            text = "" if rubric is None else _rubric(Path(rubric))
            run_app(create_label_app(judged, text), port, observer)
        labels = label_report(judged)
        if labels.rows:
            with writing(table):
                write_labels(table, labels.rows)
            observer.note(f"{len(labels.rows)} videos in {table}")
        return LabelResult(report=labels)


def score(
    inputs: Places = (),
    *,
    model: Place,
    kinematics: Place | None = None,
    out: Place | None = None,
    session: Session | None = None,
    **words: Unpack[WorkerWords],
) -> list[Score]:
    """Score raw performances with a trained run: every stage is run or taken from the cache.

    A folder in the layout of JIGSAWS is recognised: its trials are scored with their videos and kinematics.

    Args:
        model: folder that `train` wrote, a ZIP file of it, or an address: s3://, gs://, hf://user/name, https://.
        kinematics: of the trial whose videos are given; a model of kinematics alone needs no video.
        config: names the data set where no videos are given, and your own cache, paths, devices and limits, which a run
            folder does not set.
        out: CSV with one line per video; not written where the work was stopped before all were scored.
        overrides: the data set of --config, --set dataset.root=NEW, or --set frames.fps=25 for folders of frames.

    Returns:
        One score per video; `error` says why a video has none.
    """
    from pipeline.score import local_run, score_videos
    from pipeline.score.score_tables import write_csv

    if out is not None:
        check_file(Path(out))
    places, trial = many_paths(inputs), one_path(kinematics)
    with opened(session, words) as session:
        _refuse_model_settings(words, places)
        rows = score_videos(places, local_run(model), session, kinematics=trial)
        stopped = session.observer.stop_event().is_set() and any(row.error is not None for row in rows)
    if out is not None and not stopped:
        with writing(Path(out)):
            write_csv(Path(out), rows)
    return rows


def push(run: Place, to: Place, *, replace: bool = False, public: bool = False, observer: Observer = SILENT) -> str:
    """Upload a trained run with its model card to an address that `score --model` reads.

    Names and hashes of the training videos go with it; paths of this machine do not.

    Args:
        run: folder that `train` wrote.
        to: s3://bucket/run, gs://bucket/run, hf://user/name, or a folder.
        replace: write over another run.
        public: make a new repository of a hub public; default: private.
    """
    from data.store import address
    from pipeline.score import push_run

    with writing(Path(to)):
        place = push_run(Path(run), str(to), replace=replace, public=public)
    observer.note(f"note: score with it: --model {address(str(to))}")
    return place


def export(run: Place, *, out: Place = "model.onnx") -> Exported:
    """Write the ensemble with its normalisation as one ONNX file, checked against torch to 1e-5.

    Args:
        run: folder that `train` wrote.
        out: the ONNX file.
    """
    from pipeline.score import export_onnx, local_run

    check_file(Path(out))
    with writing(Path(out)):
        return export_onnx(local_run(run), Path(out))


def pack(
    root: Place | None = None,
    *,
    out: Place | None = None,
    format: str = "",
    stage: str = "timesteps",
    per_video: bool = False,
    session: Session | None = None,
    **words: Unpack[SettingsWords],
) -> Packed:
    """Gather the features of a data set into one file, for sharing, for training elsewhere and for other programs.

    The HDF5 file of time steps is what `--pack` of other commands reads. The other formats come with a data dictionary.
    A data card is beside all of them.

    Args:
        out: the file, default features.FORMAT; with --per-video the folder, default features.
        format: h5, npz, csv or parquet; default: by the ending of --out, else h5.
        stage: the stage whose arrays are written, such as clips.
        per_video: one file per video, so that one video at a time is in memory.
    """
    from pipeline.pack.data_card import card_place, write_data_card
    from pipeline.pack.feature_source import gather
    from pipeline.pack.pack_file import write_pack
    from pipeline.pack.pack_formats import Packed, chosen_format, stage_outputs, write_features

    form = chosen_format(format, None if out is None or per_video else Path(out))
    path = Path(out or ("features" if per_video else f"features.{form}"))
    check_file(path / f"{stage}.dictionary.json" if per_video else path)
    with opened(session, words) as session:
        session = _on_data_set(session, root)
        records, made = session.list_inputs().records, [stage]
        if (form, stage, per_video) == ("h5", "timesteps", False):
            features = gather(records, session.planner("timesteps"), session.observer)
            with writing(path):
                write_pack(path, features)
            made = [name for name in session.config.stages if name in features.settings]
            packed = Packed(path, features.records, 1, path.stat().st_size)
        else:
            outputs = stage_outputs(records, session.planner(stage), stage, session.observer)
            with writing(path):
                packed = write_features(path, form, stage, outputs, per_video=per_video)
        with writing(path):
            write_data_card(card_place(path, per_video=per_video), session.config, packed.records, made)
    return packed


def _on_data_set(session: Session, root: Place | None, pack: Place | None = None) -> Session:
    """The session on the data set's folder. Raises UsageError where its overrides, or a pack, name another."""
    if root is None:
        return session
    if pack is not None or session.sets("dataset.root"):
        other = "--pack" if pack is not None else "--set dataset.root"
        raise UsageError(f"a folder and {other} are both given", where=root, fix="Give one of them")
    return session.changed({"dataset.root": os.fspath(root)})


def _refuse_model_settings(words: SettingsWords, inputs: Sequence[Path] = ()) -> None:
    """Raise UsageError where overrides name more than the data set, its frames and the person to follow."""
    from pipeline.score.run_config import WHO
    from pipeline.settings.yaml_values import parse_overrides

    given = parse_overrides(words.get("overrides", ()))
    for key, _ in given:
        if key.partition(".")[0] not in ("dataset", "frames") and key not in WHO:
            keys = f"the keys of dataset and frames, {' and '.join(WHO)}"
            fix = f"Leave it out; --set takes {keys}, and --config your own paths and devices"
            raise UsageError(f"'{printable(key)}' is fixed by the model", fix=fix)
    named = [key for key, _ in given if key.partition(".")[0] == "dataset"]
    if named and inputs:
        raise UsageError("videos and --set of a data set are both given", fix="Give one of them")
    if named and words.get("config") is None:
        raise UsageError("--set needs a data set", fix=f"Add its preset, such as: --config jigsaws --set {named[0]}=…")


def _rubric(path: Path) -> str:
    """The text of a rubric. Raises UsageError where it cannot be read."""
    from data.store import read_regular

    try:
        return read_regular(path, 1 << 20).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(f"the rubric cannot be read ({error})", where=path, fix="Give a text file") from error
