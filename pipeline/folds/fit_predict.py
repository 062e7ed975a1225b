"""Fits a system to training rows and predicts other rows, once per key, with results kept on disk.

    FOLDER/<key>.safetensors    predictions of a finished training of a system with an identity
    FOLDER/<key>/               checkpoints of an unfinished one

The key is a hash of the system, the performances and the networks' device, so later calls and other evaluations reuse
the files. Files of other code are ignored (`pipeline.train.checkpoint`).
"""

from __future__ import annotations

import json
import shutil
import traceback
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.errors import AimError, Cancelled
from data.outside import is_outside
from data.store.arrays import Rows
from data.video import Labels, Record
from pipeline.folds.fold import Fold
from pipeline.systems import Predictions, System
from pipeline.systems.system import BY_PERFORMANCE
from pipeline.train import TrainingControl, factors, task_rows, without_difficulty
from pipeline.train.checkpoint import digest_of, read_checkpoint, write_checkpoint
from pipeline.train.feature_set import ARRAYS, FeatureSet

NO_CONTROL = TrainingControl()


class TrainingError(AimError):
    """A training failed by a bug or lost its workers; names the system."""


@dataclass(frozen=True)
class Training:
    """One fit of a system.

    Attributes:
        train: (k,) rows of the evaluation's features, labelled; of one task unless the system joins tasks.
        to_predict: (m,) rows to predict.
    """

    system: System
    train: Rows
    to_predict: Rows

    @cached_property
    def key(self) -> Hashable:
        """Equal for trainings with equal predictions. Systems with an identity predict the same rows."""
        identity = self.system.identity()
        if identity is None:
            return id(self.system), self.train.tobytes(), self.to_predict.tobytes()
        return json.dumps(identity, sort_keys=True), self.train.tobytes()

    @property
    def weight(self) -> float:
        """Expected time, in rows through a network."""
        return float(self.system.passes * len(self.train))


Finished = Mapping[Hashable, tuple[Training, Predictions]]
"""Finished trainings with their predictions, by key."""

RunTrainings = Callable[[FeatureSet, Sequence[Training]], Sequence[Predictions]]
"""Runs trainings on a feature set, each once, and returns their predictions in the same order."""


def trainings_of(system: System, features: FeatureSet, fold: Fold) -> list[Training]:
    """The trainings of a system for the test rows of a fold: one, or one per task.

    A system with an identity predicts all performances of its tasks outside its training rows, since other folds may
    need them. Other systems predict only the test rows.
    """
    tasks = [record.task for record in features.records]
    by_task = task_rows(features.take(fold.train))
    parts = {"": fold.train} if system.joins_tasks else {task: fold.train[mine] for task, mine in by_task.items()}
    made = []
    for task, rows in parts.items():
        mine = {tasks[row] for row in rows} if system.joins_tasks else {task}
        asked = [row for row in fold.test if tasks[row] in mine]
        if not asked:
            continue
        if system.identity() is not None:
            learnt = set(rows.tolist())
            asked = [row for row in range(len(features)) if tasks[row] in mine and row not in learnt]
        made.append(Training(system, rows, np.array(asked, dtype=np.intp)))
    return made


def predictions_of(system: System, features: FeatureSet, fold: Fold, finished: Finished) -> Predictions:
    """A system's predictions for the test rows of a fold, from its finished trainings."""
    parts, places = [], []
    for request in trainings_of(system, features, fold):
        training, predicted = finished[request.key]
        columns = {int(row): column for column, row in enumerate(training.to_predict)}
        mine = np.array([position for position, row in enumerate(fold.test.tolist()) if row in columns], dtype=np.intp)
        parts.append(predicted.take(np.array([columns[row] for row in fold.test[mine].tolist()], dtype=np.intp)))
        places.append(mine)
    return parts[0] if len(parts) == 1 else _joined(places, parts)


def fit_predict(features: FeatureSet, training: Training, control: TrainingControl = NO_CONTROL) -> Predictions:
    """A training's predictions for its rows `to_predict`, whose scores are hidden from the system.

    Args:
        control: its folder also keeps the predictions for later calls.

    Raises Cancelled after a stop. An AimError of the system gets the system's name in front. A bug is a TrainingError
    with the system and the line.
    """
    system, train, asked = training.system, features.take(training.train), features.take(training.to_predict)
    train = without_difficulty(train) if system.times_difficulty else train
    asked, identity, key, folder = without_scores(asked), system.identity(), "", None
    device = system.device(control)
    if control.checkpoints is not None and identity is not None:
        key = digest_of([identity, device], [*_content(train), *_content(asked)])
        folder = control.checkpoints / key[:16]
        if (kept := _read(folder, key)) is not None:
            return replace(kept, device=device)
    try:
        predicted = system.fit(train, asked, replace(control, checkpoints=folder))(asked)
    except Cancelled:
        raise
    except AimError as error:
        raise type(error)(f"{system.name}: {error.what}", where=error.where, fix=error.fix) from error
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        what = f"{system.name}: {type(error).__name__}: {error}"
        fix = "Correct it there" if is_outside(system.name) else "This is a fault of the program: report it"
        raise TrainingError(what, where=where, fix=fix) from error
    if system.times_difficulty:
        scores = {name: values for name in ("score", "by_epoch") if (values := getattr(predicted, name)) is not None}
        predicted = replace(predicted, **{name: values * factors(asked) for name, values in scores.items()})
    if folder is not None:
        _write(folder, key, predicted)
    return replace(predicted, device=device)


def without_scores(features: FeatureSet, known: Rows | None = None) -> FeatureSet:
    """The same performances without labels, except the difficulty, which is announced in advance.

    Rows in `known` keep their labels.
    """
    kept = set(() if known is None else known.tolist())
    records = (record if row in kept else _without_scores(record) for row, record in enumerate(features.records))
    return replace(features, records=tuple(records))


def _without_scores(record: Record) -> Record:
    difficulty = record.labels.difficulty if record.labels else None
    return replace(record, labels=None if difficulty is None else Labels(difficulty=difficulty))


def _joined(places: Sequence[Rows], parts: Sequence[Predictions]) -> Predictions:
    """The predictions for several groups of performances as one; `places` are the groups' positions."""
    order = np.argsort(np.concatenate(places))
    arrays: dict[str, Any] = {}
    for name, axis in (*((name, -1) for name in BY_PERFORMANCE), ("losses", 1)):
        values = [getattr(part, name) for part in parts]
        if values[0] is not None:
            whole = np.concatenate(values, axis=axis)
            arrays[name] = whole if name == "losses" else whole[..., order]
    return replace(parts[0], **arrays)


def _content(features: FeatureSet) -> list[Any]:
    """Arrays with everything that a training can read of performances."""
    described = [[r.id, r.task, sorted(r.groups.items()), r.labels] for r in features.records]
    names = sorted((name, list(channels)) for name, channels in features.names.items())
    text = np.frombuffer(repr([described, names]).encode(), dtype=np.uint8)
    return [text, *(getattr(features, name) for name in ARRAYS)]


def _write(folder: Path, key: str, predicted: Predictions) -> None:
    """Write the predictions of a finished training, and delete its checkpoints."""
    values = {name: getattr(predicted, name) for name in (*BY_PERFORMANCE, "losses")}
    arrays = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in values.items() if v is not None}
    arrays["loss_epochs"] = torch.tensor(predicted.loss_epochs, dtype=torch.int64)
    write_checkpoint(folder.with_suffix(".safetensors"), key, 0, arrays)
    shutil.rmtree(folder, ignore_errors=True)


def _read(folder: Path, key: str) -> Predictions | None:
    """The predictions that `_write` wrote; None if they are missing, damaged or of another training."""
    kept = read_checkpoint(folder.with_suffix(".safetensors"), key)
    if kept is None:
        return None
    arrays: dict[str, Any] = {name: values.numpy() for name, values in kept[1].items()}
    return Predictions(**arrays | {"loss_epochs": tuple(arrays["loss_epochs"].tolist())})
