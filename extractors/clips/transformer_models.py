"""Video networks of the library `transformers` as clip networks: V-JEPA 2, VideoMAE, and VideoMAE V2 in its layout.

The model's own configurations decide: frames of a clip, size and normalisation of its pictures. Where its processor
samples frames (`do_sample_frames`) at a rate (`fps`), clips are made of the frames that are shown at that rate, as the
processor thins a video. Its `num_frames` is the length of a clip. A model with a class layer gives its logits and that
layer's input. One without gives no logits, and the mean of its tokens as features.

Published VideoMAE V2 folders name code of their own (`auto_map`), which is never run. Converted to the layout of
`VideoMAEModel`, their weights load here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data.errors import UsageError, WeightsError
from extractors.state_dicts import read_tensors

if TYPE_CHECKING:
    from torch import nn

    from data.weights.model_folders import ModelFolder

CLASSES = {"videomae": "VideoMAE", "vjepa2": "VJEPA2"}
"""Beginning of the names of the library's classes, by the model type of a configuration."""

FRAMES = ("num_frames", "frames_per_clip")
HEAD = "classifier"  # the class layer, in both types

FIX = "Save the model and its processor again, or choose another model"


def input_of(folder: ModelFolder) -> dict[str, Any]:
    """Frames, sizes and normalisation of a folder's model, as fields of a `Backbone`.

    Raises WeightsError: another type of model, or an input that its configurations do not tell.
    """
    kind, processor = folder.config.get("model_type"), folder.processor
    if kind not in CLASSES:
        what = f"a model of type '{kind}', not {' or '.join(CLASSES)}; code of a folder is never run"
        fix = "Convert a VideoMAE V2 checkpoint to the layout of VideoMAEModel"
        raise WeightsError(what, where=folder.name, fix=fix)
    try:
        frames = next(int(folder.config[name]) for name in FRAMES if name in folder.config)
        size = _side(processor["crop_size"] if processor.get("do_center_crop", True) else processor["size"])
        short_side = _side(processor["size"]) if processor.get("do_resize", True) else size
        mean, std = (tuple(map(float, processor[name])) for name in ("image_mean", "image_std"))
        sampling = processor if processor.get("do_sample_frames") else {}
        fps = float(sampling.get("fps") or 0) if sampling.get("num_frames") is None else 0.0
        sound = 0 <= fps <= 1000 and sampling.get("num_frames") in (None, frames)
        sound &= abs(float(processor.get("rescale_factor", 1 / 255)) * 255 - 1) < 1e-6 and len(mean) == len(std) == 3
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        what = f"the configurations of its input lack a value ({str(error) or 'frames'})"
        raise WeightsError(what, where=folder.name, fix=FIX) from None
    if not (sound and 1 <= size <= short_side <= 4096 and 1 <= frames <= 1024 and min(std) > 0):
        raise WeightsError("the configurations of its input cannot be followed", where=folder.name, fix=FIX)
    made = {"least_frames": frames, "size": size, "short_side": short_side, "mean": mean, "std": std}
    return made | ({"fps": fps} if fps else {})


def _side(size: Any) -> int:
    """Pixels of a square, or of the short side."""
    if isinstance(size, dict):
        size = size["shortest_edge"] if "shortest_edge" in size else min(size["height"], size["width"])
    return int(size)


def build(folder: ModelFolder) -> nn.Module:
    """The network: normalised clips (batch, 3, frame, row, column) to logits and features.

    Raises UsageError: no library; WeightsError: weights of another model.
    """
    try:
        import transformers
    except ImportError as error:  # also where it does not fit another package
        fix = 'Type: python -m pip install -e ".[transformers]"'
        raise UsageError(f"'transformers' cannot be imported ({str(error)[:120]})", fix=fix) from None
    from models.clip_network import Headless, Tapped, VideoTransformer

    state: dict[str, Any] = {}
    for content in folder.contents():
        state |= read_tensors(content, folder.name)
    with_head, name = f"{HEAD}.weight" in state, CLASSES[folder.config["model_type"]]
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    kind = getattr(transformers, name + ("ForVideoClassification" if with_head else "Model"))
    try:
        config = getattr(transformers, f"{name}Config").from_dict(
            {**folder.config, "dtype": "float32", "num_labels": len(state[f"{HEAD}.weight"]) if with_head else 0}
        )
        network, report = kind.from_pretrained(None, config=config, state_dict=state, output_loading_info=True)
    except Exception as error:  # the library raises many kinds for a configuration of another model
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise WeightsError(f"not a model of {name}: {reason}", where=folder.name, fix=FIX) from error
    if faults := [*report["missing_keys"], *report["mismatched_keys"]]:
        what = f"{len(faults)} tensors of {name} are missing or of another size ({faults[0]})"
        raise WeightsError(what, where=folder.name, fix=FIX)
    skip = {"skip_predictor": True} if name == "VJEPA2" and not with_head else {}
    inner = VideoTransformer(network, **skip)
    return Tapped(inner, f"network.{HEAD}") if with_head else Headless(inner)
