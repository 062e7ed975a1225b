"""Every command as one Python call with the same name and arguments.

    from pipeline.api import extract, report, score, train

    extract("videos/", config="folder", workers=2)
    train("videos/", config="folder", out="runs/mine")
    for scored in score("new/", model="runs/mine"):
        print(scored.id, scored.score, scored.interval80, [flag.title for flag in scored.flags])
    report("runs/mine", "new/", out="page.html")

Nothing is printed: notes and progress go to the observer. Errors that a user can fix are `data.errors.AimError`:
`UsageError` for a wrong argument, setting or path, or a missing package; `DataError` for an unusable data set, features
or model; `StorageError` for a store that does not answer or refuses. `Cancelled` is raised when the observer's stop
event ends the work before a result exists; the same call resumes.

Args:
    inputs: videos or folders (searched recursively).
    root: the data set's folder; default: dataset.root of the configuration.
    config: preset such as folder or jigsaws, or a YAML configuration; default: the preset folder.
    overrides: override one key: --set pose.stride=2.
    features: files of features in place of videos: a file, folder or pattern for the scene; primary=PATH or
        secondary=PATH for an agent. May be repeated.
    cache: folder of the stages' outputs.
    stages: only these stages (comma separated) and those that they need.
    workers: parallel processes, or trainings of an evaluation; default: one per core, as memory allows; 0: this
        process. For trainings and on Ray, the default and 0 mean as many as fit.
    engine: local (this machine) or ray; the results are the same.
    address: a running Ray cluster; default: start Ray here.
    pack: features from a packed file instead of the cache.
    oracle: also the best epoch on the test part, labelled as an oracle: it is not a result.
    host: address of this machine in a network, whose other machines may then open the page with its link; default:
        this machine only.
    model: folder that `train` wrote.
    observer: receives notes and progress, and holds the event that stops the work (`pipeline.observer`).

From Python, `config` may also be a `Config`, and `overrides` a mapping such as {"pose.stride": 2} or a list of
"section.key=value".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.api.extraction import extract, pack, status
from pipeline.api.pages import compare, demo, label, plot, report
from pipeline.api.scoring import export, push, score, serve
from pipeline.api.training import evaluate, leaderboard, train
from pipeline.api.upkeep import (
    cache_gc,
    cache_ls,
    cache_prune,
    cache_rm,
    cache_verify,
    data_check,
    doctor,
    settings,
    weights_fetch,
    weights_list,
    weights_path,
    weights_rm,
)

if TYPE_CHECKING:  # "as": what calls return can be named from here, such as `api.Evaluation`
    from data.datasets import DataCheck as DataCheck
    from data.weights import ListedWeights as ListedWeights
    from pipeline.cache import CacheFiles as CacheFiles
    from pipeline.cache import CacheListing as CacheListing
    from pipeline.demo.demo_run import DemoResult as DemoResult
    from pipeline.evaluate import Evaluation as Evaluation
    from pipeline.label import LabelSummary as LabelSummary
    from pipeline.pack.pack_formats import Packed as Packed
    from pipeline.run import ExpectedCost as ExpectedCost
    from pipeline.run import ExtractRun as ExtractRun
    from pipeline.run import Result as Result
    from pipeline.run import Status as Status
    from pipeline.score import TrainedModel as TrainedModel
    from pipeline.score.onnx_export import Exported as Exported
    from pipeline.score.score_tables import Scores as Scores
    from pipeline.score.video_score import Score as Score
    from pipeline.settings.settings_table import SettingRow as SettingRow
    from pipeline.settings.setup_checks import SetupCheck as SetupCheck

__all__ = [
    "cache_gc",
    "cache_ls",
    "cache_prune",
    "cache_rm",
    "cache_verify",
    "compare",
    "data_check",
    "demo",
    "doctor",
    "evaluate",
    "export",
    "extract",
    "label",
    "leaderboard",
    "pack",
    "plot",
    "push",
    "report",
    "score",
    "serve",
    "settings",
    "status",
    "train",
    "weights_fetch",
    "weights_list",
    "weights_path",
    "weights_rm",
]
