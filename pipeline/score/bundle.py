"""Saves, loads and runs a trained scorer: a folder that works on any machine.

    MODEL/model.json           format, versions, network, sizes, recipe, feature settings, channel names, training ids
    MODEL/model.safetensors    `state.<parameter>` (runs, ...), `normaliser.<field>`, `train_labels` (k, 3), `losses`,
                               `combination.<place>.<field>` of each regression
    MODEL/sha256.json          SHA-256 of every file, checked on loading (`pipeline.score.bundle_hashes`)

Format 1, or 2 with a combination (`pipeline.systems.combination`). Scoring is deterministic: each performance is
computed alone and in double precision, so that neither the other performances of a batch nor the number of threads
change the printed scores.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from data.errors import PROGRAM, DataError, UsageError, printable
from data.store import atomic_path, read_json, sha256_file, write_text
from data.store.arrays import Floats
from data.video import Record
from models.aim import Aim
from models.aim_config import AimConfig, AimSizes
from models.layers import Layers
from models.stacked import predict_members
from pipeline.cache.computation import ABSENT, differences
from pipeline.features import FeatureSet
from pipeline.recipes import TrainConfig
from pipeline.score.bundle_hashes import FIX, HASHES, check_hashes, cover
from pipeline.systems.combination import FittedCombination, part_of
from pipeline.train import Normaliser, TrainedRun, sizes_of, stack_data

FORMATS = (1, 2)
WEIGHTS, SETTINGS = "model.safetensors", "model.json"
MAX_SIZE = 1 << 24
"""Greatest size of a layer that is read."""

UNHASHED = "this model is of a version without hashes: damage to its files cannot be detected"


@dataclass(frozen=True)
class Predictions:
    """Scores of n performances in the units of the labels; the mean over the runs unless said otherwise.

    Attributes:
        ids: the performances.
        score: (n,) final score.
        members: (runs, n) final score by each run.
        step_scores: (n, T) share of each time step; with `other_share` and the lower end of the scale they sum to
            the score.
        attention: (n, T, 2) weights of scene and interaction.
        execution: (n,), or None where the model has no such head, or the training part no such label.
        synchronisation: (n,), or None.
        other_share: (n,) share of the score that belongs to no step: of a combination's regressions or of the network's
            trial-level branch; None where there is neither.
    """

    ids: tuple[str, ...]
    score: Floats
    members: Floats
    step_scores: Floats
    attention: Floats
    execution: Floats | None = None
    synchronisation: Floats | None = None
    other_share: Floats | None = None


class Bundle:
    """A trained run ready to score; `notes` say what a user should know of its files."""

    def __init__(
        self, run: TrainedRun, notes: tuple[str, ...] = (), combination: FittedCombination | None = None
    ) -> None:
        self.run, self.notes, self.combination = run, notes, combination
        self.runs = len(next(iter(run.state.values())))
        self._net = double_network(run.model, run.sizes, run.state)

    def predict(self, features: FeatureSet) -> Predictions:
        """Score performances, at least one. Raises UsageError for none, or as `check`."""
        self.check(features)
        if len(features) == 0:
            raise UsageError("no performance to score", fix="Give at least one performance with features")
        data = stack_data(features, [self.run.normaliser]).to(torch.device("cpu"), torch.float64)
        output = predict_members(self._net, data, torch.zeros(self.runs, dtype=torch.long), chunk=1)
        unscale = self.run.normaliser.unscale

        def mean(name: str, column: int) -> Floats | None:
            values = getattr(output, name)
            if values is None or not np.isfinite(self.run.train_labels[:, column]).any():  # no scale without labels
                return None
            return unscale(values.mean(0).numpy(), column)

        score = unscale(output.score.mean(0).numpy(), 0)
        members = unscale(output.score.numpy(), 0)
        steps = unscale(output.step_scores.mean(0).numpy(), 0, shift=False)
        other_share = None
        if self.combination is not None:
            others = self.combination.others(features)
            score = self.combination.combine(score, others)
            members = self.combination.combine(members, others)
            steps = self.combination.weights[0] * steps
        if self.combination is not None or self.run.model.trial != "none":
            other_share = score - self.run.normaliser.score_range[0, 0] - steps.sum(1)
        return Predictions(
            ids=features.ids,
            score=score,
            members=members,
            step_scores=steps,
            attention=output.attention.mean(0).numpy(),
            execution=mean("execution", 1),
            synchronisation=mean("synchronisation", 2),
            other_share=other_share,
        )

    def check(self, features: FeatureSet) -> None:
        """Raise UsageError, which lists the differences, where settings, channel names or sizes are not the model's."""
        differing = setting_lines(plain(self.run.settings), plain(features.settings))
        for name in sorted({*self.run.names, *features.names}):
            if tuple(self.run.names.get(name, ())) != tuple(features.names.get(name, ())):
                differing.append(f"channel names of '{name}'")
        ours, theirs = asdict(self.run.sizes), asdict(sizes_of(features))
        differing += [
            f"{key} size: {ours[key]} in the model, {theirs[key]} here" for key in ours if ours[key] != theirs[key]
        ]
        if differing:
            raise UsageError(
                "these features were made with other settings than the model's: " + "; ".join(differing),
                fix="Extract with the model's settings, or train a model on these features",
            )


def no_run_fix(folder: Path, writer: str = f"`{PROGRAM} train --out FOLDER`") -> str:
    """What to name in place of a folder that holds no run: the run inside of it, such as `demo/run`, if any."""
    with suppress(OSError):
        if runs := sorted(path.parent for path in folder.glob(f"*/{SETTINGS}")):
            return f"Did you mean {printable(runs[0])}?"
    return f"Name the folder that {writer} wrote"


def double_network(model: AimConfig, sizes: AimSizes, state: Mapping[str, Tensor]) -> Aim:
    """The networks of a stacked state (members, ...) in double precision, for predictions."""
    net = Aim(model, sizes, Layers(len(next(iter(state.values())))))
    net.load_state_dict(dict(state))
    return net.double().eval()


def save(run: TrainedRun, folder: Path, combination: FittedCombination | None = None) -> None:
    """Write a run, and the regressions that its score is averaged with.

    The settings file is written last: a folder with this file is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"state.{name}": values.contiguous() for name, values in run.state.items()}
    arrays = {f"normaliser.{name}": values for name, values in run.normaliser.arrays().items()}
    arrays |= {"train_labels": run.train_labels, "losses": run.losses}
    tensors |= {name: torch.from_numpy(np.array(values, dtype=np.float64)) for name, values in arrays.items()}
    if combination is not None:
        tensors |= {f"combination.{name}": torch.from_numpy(values) for name, values in combination.arrays().items()}
    description = {
        "format": FORMATS[combination is not None],
        "hashes": HASHES,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "model": asdict(run.model),
        "sizes": asdict(run.sizes),
        "train": run.config.model_dump(mode="json"),
        "settings": plain(run.settings),
        "names": {name: list(values) for name, values in run.names.items()},
        "train_ids": list(run.train_ids),
        "loss_epochs": list(run.loss_epochs),
        **({} if combination is None else {"combination": combination.description()}),
    }
    (folder / SETTINGS).unlink(missing_ok=True)  # of an earlier run: it must not describe other weights
    with atomic_path(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary)
    text = json.dumps(description, indent=2, sort_keys=True) + "\n"
    cover(folder, (WEIGHTS,), {SETTINGS: text})  # other files in the folder are of an earlier run
    write_text(folder / SETTINGS, text)


def load(folder: Path) -> Bundle:
    """Read a run that `save` wrote. Raises DataError where there is none, it is damaged, or of another format."""
    place = folder / SETTINGS
    try:
        hashed = place.exists() and check_hashes(folder)
        description = read_json(place)
        if not hashed and "hashes" in description:
            raise DataError("the hashes of this model are missing", where=folder / HASHES, fix=FIX)
        if description.get("format") not in FORMATS:
            raise DataError(
                f"this model is of format {description.get('format')}, this program reads {FORMATS[-1]}",
                where=place,
                fix="Train it again, or use the version of this program that wrote it",
            )
        tensors = load_file(folder / WEIGHTS)
        run = _run(description, tensors)
        _check_shapes(run)
        notes = () if hashed else (f"note: {printable(folder)}: {UNHASHED}",)
        combination = None
        if "combination" in description:
            arrays = {name: values.numpy() for name, values in part_of(tensors, "combination.").items()}
            combination = FittedCombination.from_arrays(description["combination"], arrays)
        loaded = Bundle(run, notes, combination)
        loaded.predict(blank_features(run))  # parts that do not fit together fail here, not with the first video
        return loaded
    except FileNotFoundError as error:
        raise DataError("no trained model here", where=folder, fix=no_run_fix(folder)) from error
    except (OSError, SafetensorError, UsageError, *FAULTS) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(f"this model is damaged ({cause})", where=folder, fix="Train it again") from error


FAULTS = (LookupError, TypeError, AttributeError, ValueError, RuntimeError, ArithmeticError, MemoryError)
"""What JSON, numpy and torch raise for parts that do not fit together."""


def blank_features(run: TrainedRun, steps: int = 3) -> FeatureSet:
    """One performance of zeros, of the sizes that a run reads; every step is observed."""
    sizes = run.sizes
    return FeatureSet(
        records=(Record("blank", None),),
        primary=np.zeros((1, steps, sizes.primary), dtype=np.float32),
        primary_mask=np.ones((1, steps), dtype=bool),
        secondary=np.zeros((1, steps, sizes.agents, sizes.secondary), dtype=np.float32),
        secondary_mask=np.ones((1, steps, sizes.agents), dtype=bool),
        scene=np.zeros((1, steps, sizes.scene), dtype=np.float32),
        trial=np.zeros((1, sizes.trial), dtype=np.float32),
        duration=np.ones(1),
        settings=run.settings,
        names=run.names,
    )


def _check_shapes(run: TrainedRun) -> None:
    """Compare the weights with the network that the settings describe, before any memory is taken for it."""
    numbers = (run.model.width, run.model.regression_width, *asdict(run.sizes).values())
    if not all(type(number) is int and 0 <= number < MAX_SIZE for number in numbers):
        raise ValueError("a size is no number, or too large")
    if run.train_labels.ndim != 2 or run.train_labels.shape[1] != 3 or not isinstance(run.settings, dict):
        raise ValueError("the training labels or the settings are of another form")
    members = len(next(iter(run.state.values()), ()))
    with torch.device("meta"):
        network = Aim(run.model, run.sizes, Layers(members))
    expected = {name: values.shape for name, values in network.state_dict().items()}
    if not members or {name: values.shape for name, values in run.state.items()} != expected:
        raise ValueError("the weights are not those of this network")


def model_sha256(folder: Path) -> str:
    """SHA-256 that names a saved model: over the content of its two files, wherever they are."""
    contents = "".join(f"{name} {sha256_file(folder / name)}\n" for name in (SETTINGS, WEIGHTS))
    return hashlib.sha256(contents.encode()).hexdigest()


def setting_lines(model: Any, here: Any) -> list[str]:
    """One line per setting that differs, named by its dotted path, with both values."""
    return [f"{path}: {_shown(a)} in the model, {_shown(b)} here" for path, a, b in differences(model, here)]


def _shown(value: Any) -> str:
    return "absent" if value is ABSENT else printable(json.dumps(value, sort_keys=True))


def plain(settings: Mapping[str, Any]) -> Any:
    """Settings after a round trip through JSON: saved and new settings compare equal, tuples become lists."""
    return json.loads(json.dumps(settings, sort_keys=True))


def _run(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> TrainedRun:
    normaliser = {name: values.numpy() for name, values in part_of(tensors, "normaliser.").items()}
    return TrainedRun(
        model=AimConfig(**description["model"]),
        sizes=AimSizes(**description["sizes"]),
        config=TrainConfig(**description["train"]),
        normaliser=Normaliser.from_arrays(normaliser),
        state=part_of(tensors, "state."),
        settings=description["settings"],
        names={name: tuple(values) for name, values in description["names"].items()},
        train_ids=tuple(description["train_ids"]),
        train_labels=tensors["train_labels"].numpy(),
        losses=tensors["losses"].numpy(),
        loss_epochs=tuple(description["loss_epochs"]),
    )
