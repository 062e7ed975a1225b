"""Calls that use a trained model: score, serve, export, push."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.api.arguments import LocalSettings, Place, Places, Settings, many_paths, one_path, settings_beside_model
from pipeline.observer import SILENT, Observer
from pipeline.settings.destinations import check_file, check_folder, writing
from pipeline.settings.provenance import recorded

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pipeline.score.onnx_export import Exported
    from pipeline.score.score_tables import Scores


@recorded
def score(
    inputs: Places = (),
    *,
    model: Place,
    kinematics: Place | None = None,
    difficulty: float | None = None,
    out: Place | None = None,
    observer: Observer = SILENT,
    **given: Unpack[LocalSettings],
) -> Scores:
    """Score raw performances with a trained model: each stage is run or read from the cache.

    A folder in the layout of JIGSAWS is recognised: its trials are scored with their videos and kinematics.

    Args:
        model: folder that `train` wrote, a ZIP file of it, or an address: s3://, gs://, hf://user/name, https://.
        kinematics: kinematics file of the trial whose videos are given; a model of kinematics alone needs no video.
        difficulty: announced difficulty of a single video, such as 3.2, by which a model of dives multiplies. For a
            folder: the column difficulty of its labels.csv. Without it the result is score ÷ difficulty.
        config: names the data set where no videos are given, and your own cache, paths, devices and limits, which no
            model sets.
        out: CSV with one line per video; not written if the work stops before all are scored.
        overrides: the data set of --config, --set dataset.root=NEW, or --set frames.fps=25 for folders of frames.

    Returns:
        One score per video; `failure` says why a video has none.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.score import local_model, score_videos
    from pipeline.score.score_tables import Scores, write_csv

    if out is not None:
        check_file(Path(out))
    places, trial = many_paths(inputs), one_path(kinematics)
    user = settings_beside_model(places, **given)
    rows = Scores(score_videos(places, local_model(model), user, observer, kinematics=trial, difficulty=difficulty))
    stopped = observer.stop_event().is_set() and any(row.failure is not None for row in rows)
    if out is not None and not stopped:
        with writing(Path(out)):
            write_csv(Path(out), rows)
    return rows


@recorded
def serve(
    *,
    model: Place,
    folder: Place = "runs/serve",
    port: int = 8765,
    host: str = "",
    observer: Observer = SILENT,
    **given: Unpack[Settings],
) -> None:
    """A local web page: drop a video, watch the stages, read the report.

    A model that reads kinematics asks for both files of a trial.

    Args:
        config: your own cache, paths, devices and limits, which a model folder does not set.
        folder: uploads and pages; without a cache of your own also features, in FOLDER/cache.
        overrides: of these settings, --set work.threads=2.
        port: 0: any free port.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.score import load_scorer, local_model
    from pipeline.serve import run_server

    model, folder = local_model(model), Path(folder)
    check_folder(folder)
    user = settings_beside_model(**given)
    if "cache" not in user.machine.given():
        user = settings_beside_model(config=user, cache=folder / "cache")
    with load_scorer(model, user, observer) as scorer:
        run_server(folder, scorer, port, observer, host)


def push(model: Place, to: Place, *, replace: bool = False, public: bool = False) -> str:
    """Upload a trained model with its model card to an address that `score --model` reads.

    It includes names and hashes of the training videos, but no paths of this machine.

    Args:
        to: s3://bucket/model, gs://bucket/model, hf://user/name, or a folder.
        replace: overwrite another model.
        public: make a new repository of a hub public; default: private.
    """
    from pipeline.score import push_model

    with writing(Path(to)):
        return push_model(Path(model), str(to), replace=replace, public=public)


def export(model: Place, *, out: Place = "model.onnx") -> Exported:
    """Write the ensemble with its normalisation as one ONNX file, checked against torch to 1e-5.

    Args:
        out: the ONNX file.
    """
    from pipeline.score import export_onnx, local_model

    check_file(Path(out))
    with writing(Path(out)):
        return export_onnx(local_model(model), Path(out))
