"""Runs a trained scorer on features.

Scoring is deterministic. Each performance is computed alone and in double precision, so the other performances of a
batch and the number of threads do not change the printed scores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.errors import PROGRAM, UsageError, printable
from data.store.arrays import Floats
from data.video import Record
from models.aim import Aim
from models.aim_config import AimConfig, AimSizes
from models.layers import Layers
from models.stacked import predict_members
from pipeline.cache.computation import ABSENT, differences
from pipeline.score.bundle_hashes import MODEL_FILES
from pipeline.systems.combination import FittedCombination
from pipeline.train import TrainedRun, sizes_of, stack_data
from pipeline.train.features import FeatureSet


@dataclass(frozen=True)
class Predictions:
    """Scores of n performances in the units of the labels: means over the runs, except `members`.

    Attributes:
        score: (n,) final score.
        members: (runs, n) final score by each run.
        step_scores: (n, T) share of each time step; with `other_share` and the lowest training score they sum to
            the score.
        attention: (n, T, 2) weights of scene and interaction.
        execution, synchronisation: (n,), or None where the model has no such head, or the training part no such label.
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
    """A trained run ready to score."""

    def __init__(self, run: TrainedRun, combination: FittedCombination | None = None) -> None:
        self.run, self.combination = run, combination
        self.runs = len(next(iter(run.state.values())))
        self._net = double_network(run.model, run.sizes, run.state)

    def predict(self, features: FeatureSet) -> Predictions:
        """Score performances. Raises UsageError for none, and as `check`."""
        self.check(features)
        if len(features) == 0:
            raise UsageError("no performance to score", fix="Give at least one performance with features")
        data = stack_data(features, [self.run.normaliser]).to(torch.device("cpu"), torch.float64)
        output = predict_members(self._net, data, torch.zeros(self.runs, dtype=torch.long), chunk=1)
        unscale = self.run.normaliser.unscale

        def mean(name: str, column: int) -> Floats | None:
            values = getattr(output, name)
            if values is None or not np.isfinite(self.run.train_labels[:, column]).any():
                return None  # without labels the output has no scale
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
        """Raise UsageError, which lists the differences, if settings, channel names or sizes are not the model's."""
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
    """What to name in place of a folder without a run: a run one folder below (`demo/run` for `demo`), or a new one."""
    with suppress(OSError):
        if runs := sorted(path.parent for path in folder.glob(f"*/{MODEL_FILES[0]}")):
            return f"Did you mean {printable(runs[0])}?"
    return f"Name the folder that {writer} wrote"


def double_network(model: AimConfig, sizes: AimSizes, state: Mapping[str, Tensor]) -> Aim:
    """The networks of a stacked state (members, ...) in double precision, for predictions."""
    net = Aim(model, sizes, Layers(len(next(iter(state.values())))))
    net.load_state_dict(dict(state))
    return net.double().eval()


FAULTS = (LookupError, TypeError, AttributeError, ValueError, RuntimeError, ArithmeticError, MemoryError)
"""Errors of JSON, numpy and torch where parts of a run do not fit together."""


def blank_features(run: TrainedRun, steps: int = 3) -> FeatureSet:
    """One performance of zeros in the sizes that a run reads; every step is observed."""
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


def setting_lines(model: Any, here: Any) -> list[str]:
    """One line per setting that differs, named by its dotted path, with both values."""
    return [f"{path}: {_shown(a)} in the model, {_shown(b)} here" for path, a, b in differences(model, here)]


def _shown(value: Any) -> str:
    return "absent" if value is ABSENT else printable(json.dumps(value, sort_keys=True))


def plain(settings: Mapping[str, Any]) -> Any:
    """Settings after a round trip through JSON, where tuples become lists: saved and new ones then compare equal."""
    return json.loads(json.dumps(settings, sort_keys=True))
