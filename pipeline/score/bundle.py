"""A trained scorer as a folder that works on another machine.

    MODEL/model.json           format, versions, network, sizes, recipe, feature settings, channel names, training ids
    MODEL/model.safetensors    `state.<parameter>` (runs, ...), `normaliser.<field>`, `train_labels` (k, 3), `losses`

Format 1. Scoring is deterministic: each performance is computed alone and in double precision, so that neither its
neighbours nor the number of threads change what is printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from data.errors import DataError, UsageError, printable
from data.store import atomic_path, write_text
from data.store.arrays import Floats
from models.aim import Aim
from models.aim_config import AimConfig, AimSizes
from models.layers import StackedLayers
from models.stacked import predict_members
from pipeline.features import FeatureSet
from pipeline.recipes import TrainConfig
from pipeline.train import Normaliser, TrainedRun, sizes_of, stack_data

FORMAT = 1
WEIGHTS, SETTINGS = "model.safetensors", "model.json"


@dataclass(frozen=True)
class Predictions:
    """Scores of n performances in the units of the labels; the mean over the runs unless said otherwise.

    Attributes:
        ids: the performances.
        score: (n,) final score.
        members: (runs, n) final score by each run.
        step_scores: (n, T) share of each time step; with `trial_score` and the lower end of the scale they sum to
            the score.
        attention: (n, T, 2) weights of scene and interaction.
        execution: (n,), or None where the model has no such head.
        synchronisation: (n,), or None.
        execution_steps: (n, T), or None.
        synchronisation_steps: (n, T), or None.
    """

    ids: tuple[str, ...]
    score: Floats
    members: Floats
    step_scores: Floats
    attention: Floats
    execution: Floats | None = None
    synchronisation: Floats | None = None
    execution_steps: Floats | None = None
    synchronisation_steps: Floats | None = None


class Bundle:
    """A trained run ready to score."""

    def __init__(self, run: TrainedRun) -> None:
        self.run = run
        self.runs = len(next(iter(run.state.values())))
        self._net = Aim(run.model, run.sizes, StackedLayers(self.runs))
        self._net.load_state_dict(run.state)
        self._net.double().eval()

    def predict(self, features: FeatureSet) -> Predictions:
        """Score performances, at least one.

        Raises:
            UsageError: no performance, or the features were made with other settings than the model's; the
                message names the keys that differ.
        """
        self.check(features)
        if len(features) == 0:
            raise UsageError("there is nothing to score", fix="Give at least one performance whose features are there")
        data = stack_data(features, [self.run.normaliser]).to(torch.device("cpu"), torch.float64)
        output = predict_members(self._net, data, torch.zeros(self.runs, dtype=torch.long), chunk=1)
        unscale = self.run.normaliser.unscale

        def mean(name: str, column: int, *, shift: bool) -> Floats | None:
            values = getattr(output, name)
            return None if values is None else unscale(values.mean(0).numpy(), column, shift=shift)

        return Predictions(
            ids=features.ids,
            score=unscale(output.score.mean(0).numpy(), 0),
            members=unscale(output.score.numpy(), 0),
            step_scores=unscale(output.step_scores.mean(0).numpy(), 0, shift=False),
            attention=output.attention.mean(0).numpy(),
            execution=mean("execution", 1, shift=True),
            synchronisation=mean("synchronisation", 2, shift=True),
            execution_steps=mean("execution_steps", 1, shift=False),
            synchronisation_steps=mean("synchronisation_steps", 2, shift=False),
        )

    def check(self, features: FeatureSet) -> None:
        """Refuse features of another making.

        Raises:
            UsageError: settings, channel names or sizes differ; the message names what differs.
        """
        found = list(differences(_plain(self.run.settings), _plain(features.settings)))
        for name in sorted({*self.run.names, *features.names}):
            if tuple(self.run.names.get(name, ())) != tuple(features.names.get(name, ())):
                found.append(f"channel names of '{name}'")
        ours, theirs = asdict(self.run.sizes), asdict(sizes_of(features))
        found += [
            f"{key} size: {ours[key]} in the model, {theirs[key]} here" for key in ours if ours[key] != theirs[key]
        ]
        if found:
            raise UsageError(
                "these features were made with other settings than the model's: " + "; ".join(found),
                fix="Extract with the model's settings, or train a model on these features",
            )


def save(run: TrainedRun, folder: Path) -> None:
    """Write a run; the settings file comes last, so that a folder with one is whole.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"state.{name}": values.contiguous() for name, values in run.state.items()}
    arrays = {f"normaliser.{name}": values for name, values in run.normaliser.arrays().items()}
    arrays |= {"train_labels": run.train_labels, "losses": run.losses}
    tensors |= {name: torch.from_numpy(np.array(values, dtype=np.float64)) for name, values in arrays.items()}
    told = {
        "format": FORMAT,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "model": asdict(run.model),
        "sizes": asdict(run.sizes),
        "train": run.config.model_dump(mode="json"),
        "settings": _plain(run.settings),
        "names": {name: list(values) for name, values in run.names.items()},
        "train_ids": list(run.train_ids),
        "loss_epochs": list(run.loss_epochs),
    }
    (folder / SETTINGS).unlink(missing_ok=True)  # of an earlier run: it must not stand beside other weights
    with atomic_path(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary)
    write_text(folder / SETTINGS, json.dumps(told, indent=2, sort_keys=True) + "\n")


def load(folder: Path) -> Bundle:
    """Read a run that `save` wrote.

    Raises:
        DataError: there is none, it is damaged, or it is of another format.
    """
    place = folder / SETTINGS
    try:
        told = json.loads(place.read_text(encoding="utf-8"))
        if told.get("format") != FORMAT:
            raise DataError(
                f"this model is of format {told.get('format')}, this program reads {FORMAT}",
                where=place,
                fix="Train it again, or use the version of this program that wrote it",
            )
        tensors = load_file(folder / WEIGHTS)
        return Bundle(_run(told, tensors))
    except FileNotFoundError as error:
        raise DataError("no trained model here", where=folder, fix="Give a folder that 'train' wrote") from error
    except (OSError, SafetensorError, KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"this model is damaged ({printable(str(error).splitlines()[0])})", where=folder, fix="Train it again"
        ) from error


def differences(model: Any, here: Any, path: str = "") -> Iterator[str]:
    """One line per setting that differs, named by its dotted path, with both values."""
    if isinstance(model, Mapping) and isinstance(here, Mapping):
        for key in sorted({*model, *here}):
            inner = f"{path}.{key}" if path else str(key)
            yield from differences(model.get(key, _ABSENT), here.get(key, _ABSENT), inner)
    elif model != here:
        yield f"{path}: {_shown(model)} in the model, {_shown(here)} here"


_ABSENT = object()


def _shown(value: Any) -> str:
    return "absent" if value is _ABSENT else printable(json.dumps(value, sort_keys=True))


def _plain(settings: Mapping[str, Any]) -> Any:
    """Settings as JSON keeps them: tuples become lists, so that a saved and a fresh copy compare equal."""
    return json.loads(json.dumps(settings, sort_keys=True))


def _run(told: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> TrainedRun:
    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}

    return TrainedRun(
        model=AimConfig(**told["model"]),
        sizes=AimSizes(**told["sizes"]),
        config=TrainConfig(**_tuples(told["train"])),
        normaliser=Normaliser.from_arrays({name: values.numpy() for name, values in part("normaliser.").items()}),
        state=part("state."),
        settings=told["settings"],
        names={name: tuple(values) for name, values in told["names"].items()},
        train_ids=tuple(told["train_ids"]),
        train_labels=tensors["train_labels"].numpy(),
        losses=tensors["losses"].numpy(),
        loss_epochs=tuple(told["loss_epochs"]),
    )


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
