"""Exports the networks of a trained model as one ONNX file, with their normalisation, checked against torch.

Inputs, batch first, as in `pipeline.train.feature_set.FeatureSet` and in its units; inputs of size 0 are left out:

    primary (B, T, Np), primary_mask (B, T), secondary (B, T, A, Ns), secondary_mask (B, T, A), scene (B, T, Nc), all
    float32; masks are 1 where observed

Outputs in the units of the labels, means over the networks except `members`:

    score (B,), members (networks, B), step_scores (B, T), attention (B, T, 2)
    execution (B,), synchronisation (B,)    if the model has the head and the training part had the label

The score is the networks', without the difficulty if the model multiplies by one. If the model averages it with
regressions, the file's metadata (`SHARE`) and the printed line give its share of the model's score. A model that
scores by regressions alone is refused. The file contains no intervals, flags or percentile: they need the calibration
of the model folder.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from io import StringIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from data.errors import DataError, UsageError, of_extra, printable
from data.store import atomic_path
from data.store.arrays import Floats, Singles
from extractors.openvino_cpu import compile_for_cpu
from models.aim import Aim, AimInputs
from models.layers import Layers
from models.stacked import member_state
from pipeline.folds.combination import NETWORK_ALONE
from pipeline.score.calibration import HEADS
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.stages import with_defaults
from pipeline.train import Normaliser
from pipeline.train.feature_set import FeatureSet

TOLERANCE = 1e-5
"""Largest allowed difference between the file and torch, relative to outputs above 1."""

SHARE = "share_of_score"
"""Metadata key of the networks' weight in the model's score, 0 to 1."""

BUG = "This is an error of the program: report it with the model folder"

OPSET = 18
PROBES = 6
"""Number of random performances for the comparison with torch."""


@dataclass(frozen=True)
class Exported:
    """The exported file."""

    path: Path
    bytes: int
    runtime: str  # ran the file for the comparison with torch
    difference: float  # the largest, as for `TOLERANCE`
    inputs: dict[str, list[int | str]]  # shapes by name; "B" is any number of performances
    outputs: dict[str, list[int | str]]
    share: float  # of the model's score, from 0 to 1
    times_difficulty: bool  # the score is then score ÷ difficulty

    def as_json(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self) | {"path": printable(self.path)}

    def text(self) -> str:
        """One line for people."""
        size = f"{printable(self.path)}, {self.bytes / 1e6:.1f} MB"
        text = f"{size}; differs from torch by {self.difference:.1e} at most ({self.runtime})"
        text += "; its output is score ÷ difficulty" if self.times_difficulty else ""
        if self.share == 1:
            return text
        rest = "regressions, which the file does not hold"
        return f"{text}; the network is {self.share:.0%} of this model's score, the rest are {rest}"


def export_onnx(folder: Path, out: Path) -> Exported:
    """Write the model in `folder` as ONNX file `out`, if the file agrees with torch on random performances.

    Raises DataError if the model is missing or the file differs from torch. Raises UsageError if the packages that
    write ONNX are missing, or the networks have no part in the model's score.
    """
    with of_extra("export", "ONNX"):
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    whole = TrainedModel.load(folder)
    share, model = whole.network_share, replace(whole, combination=NETWORK_ALONE)
    if not share:
        what = "this model's score is that of regressions alone, which ONNX files cannot hold"
        fix = f"Score with the model folder (--model {printable(folder)}), or train with --set combined=false"
        raise UsageError(what, where=folder, fix=fix)
    probe, net = _probe(model, max(1, _steps(model))), _Ensemble(model)
    with atomic_path(out) as temporary:
        _write(net, _arrays(net, probe), temporary)
        _describe(temporary, share)
        (inputs, outputs), difference = _compare(temporary, net, model, probe)
    return Exported(
        out,
        out.stat().st_size,
        f"OpenVINO {version('openvino')}",
        difference,
        inputs,
        outputs,
        share,
        whole.times_difficulty,
    )


class _Normalise(nn.Module):
    """Standardises in single precision as exactly as `Normaliser` in double precision.

    The mean is a sum of two numbers, to keep the digits of channels far from zero.
    """

    def __init__(self, statistics: Floats, clip: float, mapping: Floats | None = None) -> None:
        super().__init__()
        mean, high = statistics[0], statistics[0].astype(np.float32)
        self.mapped, self.clip = mapping is not None, clip
        mapping = np.zeros((0, 0)) if mapping is None else mapping
        buffers = {"high": high, "low": mean - high, "inverse": 1.0 / statistics[1], "mapping": mapping}
        for name, values in buffers.items():
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(x - mean) / deviation, zero where unobserved or NaN."""
        apart = x - self.get_buffer("high")
        # Removes NaN, and keeps runtimes from merging the two parts of the mean.
        apart = torch.where(apart.abs() < torch.finfo(torch.float32).max, apart, torch.zeros_like(apart))
        scaled = (apart - self.get_buffer("low")) * self.get_buffer("inverse")
        if np.isfinite(self.clip):
            scaled = scaled.clamp(-self.clip, self.clip)
        if mask is not None:
            scaled = scaled * mask.unsqueeze(-1)
        return scaled @ self.get_buffer("mapping") if self.mapped else scaled


class _Ensemble(nn.Module):
    """The networks of a model as plain layers, from features to scores in the units of the labels.

    Attributes:
        inputs, outputs: names; inputs of size 0 are left out.
    """

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        sizes, normaliser = model.networks.sizes, model.normaliser
        self.members = nn.ModuleList(Aim(model.networks.model, sizes, Layers()) for _ in range(model.networks.count))
        for number, member in enumerate(self.members):
            member.load_state_dict(member_state(model.networks.state, number))
        clip, mapping = float(normaliser.clip), None if normaliser.scene_map.size == 0 else normaliser.scene_map
        self.primary = _Normalise(normaliser.primary, clip)
        self.secondary = _Normalise(normaliser.secondary, clip)
        self.scene = _Normalise(normaliser.scene, clip, mapping)
        self.scales = [_scale(normaliser, column) for column in range(3)]
        self.shapes: dict[str, tuple[int, ...]] = {  # after batch and time
            "primary": (sizes.primary,),
            "primary_mask": (),
            "secondary": (sizes.agents, sizes.secondary),
            "secondary_mask": (sizes.agents,),
            "scene": (sizes.scene,),
        }
        self.inputs = [name for name in self.shapes if prod(self.shapes[name.removesuffix("_mask")])]
        self.heads = [
            (column, name)
            for column, name in enumerate(HEADS, start=1)
            if hasattr(self.members[0], name) and np.isfinite(self.scales[column][0])
        ]
        self.outputs = ["score", "members", "step_scores", "attention", *(name for _, name in self.heads)]
        self.eval()

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The outputs in the order of `outputs`, from the inputs in the order of `inputs`."""
        x, lead = dict(zip(self.inputs, tensors, strict=True)), tensors[0].shape[:2]
        for name, shape in self.shapes.items():
            if name not in x:
                x[name] = tensors[0].new_zeros((*lead, *shape))
        inputs = AimInputs(
            primary=self.primary(x["primary"], x["primary_mask"]),
            primary_mask=x["primary_mask"],
            secondary=self.secondary(x["secondary"], x["secondary_mask"]),
            secondary_mask=x["secondary_mask"],
            scene=self.scene(x["scene"]),
        )
        made = [member(inputs) for member in self.members]
        slope, low = self.scales[0]
        members = torch.stack([output.score for output in made]) * slope + low  # (networks, B)
        score, steps = members.mean(0), torch.stack([output.step_scores for output in made]).mean(0) * slope
        rest = [torch.stack([output.attention for output in made]).mean(0)]
        for column, name in self.heads:
            slope, shift = self.scales[column]
            rest.append(torch.stack([getattr(output, name) for output in made]).mean(0) * slope + shift)
        return (score, members, steps, *rest)


def _scale(normaliser: Normaliser, column: int) -> tuple[float, float]:
    """Slope and shift from the training scale to the units of label `column`; NaN without labels."""
    low, high = (float(normaliser.unscale(np.array(v), column)) for v in (0.0, 1.0))
    return high - low, low


def _steps(model: TrainedModel) -> int:
    timesteps = model.stages.get("timesteps")
    return int(with_defaults("timesteps", timesteps.settings if timesteps else {})["steps"])


def _probe(model: TrainedModel, steps: int) -> FeatureSet:
    """Random performances with the normaliser's statistics; some agents are unobserved in some steps."""
    rng = np.random.default_rng(0)
    sizes, n = model.networks.sizes, model.normaliser

    def draw(statistics: Floats, *shape: int) -> Singles:
        deviation = np.where(np.isfinite(statistics[1]), statistics[1], 0.0)
        drawn: Floats = statistics[0] + deviation * rng.normal(size=(PROBES, *shape))
        return drawn.astype(np.float32)

    return replace(
        model.blank_features(steps).take([0] * PROBES),
        primary=draw(n.primary, steps, sizes.primary),
        primary_mask=rng.uniform(size=(PROBES, steps)) > 0.1,
        secondary=draw(n.secondary, steps, sizes.agents, sizes.secondary),
        secondary_mask=rng.uniform(size=(PROBES, steps, sizes.agents)) > 0.1,
        scene=draw(n.scene, steps, sizes.scene),
    )


def _arrays(net: _Ensemble, features: FeatureSet) -> list[Singles]:
    return [np.ascontiguousarray(getattr(features, name), dtype=np.float32) for name in net.inputs]


def _write(net: _Ensemble, arrays: Sequence[Singles], path: Path) -> None:
    batch = torch.export.Dim("B", min=1, max=1 << 20)
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with torch.no_grad(), warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                net,
                tuple(torch.from_numpy(values) for values in arrays),
                str(path),
                input_names=net.inputs,
                output_names=net.outputs,
                opset_version=OPSET,
                dynamic_shapes=(tuple({0: batch} for _ in arrays),),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        logging.disable(before)


def _describe(path: Path, share: float) -> None:
    """Add the share of the score to the file's metadata."""
    import onnx

    model = onnx.load(path)
    entry = model.metadata_props.add()
    entry.key, entry.value = SHARE, f"{share:.6g}"
    onnx.save(model, path)


def _compare(path: Path, net: _Ensemble, model: TrainedModel, probe: FeatureSet) -> tuple[Any, float]:
    """Shapes of inputs and outputs by name, and the largest difference for all probes together and one alone.

    Raises DataError if it is above `TOLERANCE`.
    """
    from data.weights.quiet_openvino import openvino as ov

    compiled = compile_for_cpu(ov.Core().read_model(str(path)))
    worst = 0.0
    for features in (probe, probe.take([0])):
        outputs = compiled(dict(zip(net.inputs, _arrays(net, features), strict=True)))
        truth = model.predict(features)
        for name in net.outputs:
            want, got = np.asarray(getattr(truth, name)), np.asarray(outputs[name])
            if want.shape != got.shape or not np.isfinite(got).all():
                raise DataError(f"output '{name}' of the ONNX file is not that of torch", fix=BUG)
            worst = max(worst, float((np.abs(got - want) / np.maximum(1.0, np.abs(want))).max()))
    if not worst <= TOLERANCE:
        raise DataError(f"the ONNX file differs from torch by {worst:.1e}", fix=BUG)

    def shape(port: Any) -> list[int | str]:
        return [int(str(size)) if str(size).isdigit() else "B" for size in port.get_partial_shape()]

    shapes = tuple({port.any_name: shape(port) for port in ports} for ports in (compiled.inputs, compiled.outputs))
    return shapes, worst
