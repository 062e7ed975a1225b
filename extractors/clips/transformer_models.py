"""Video networks of the library `transformers` as clip networks: V-JEPA 2, VideoMAE and VideoMAE V2.

The model's configuration sets the frames of a clip, and the size and normalisation of pictures. As in its processor,
the whole picture is resized before the centre crop. If its processor samples frames (`do_sample_frames`) at a rate
(`fps`), the video is resampled at this frame rate. `num_frames` is the length of a clip. A model with a class layer
gives its logits and that layer's input. A model without it gives no logits, and the mean of its tokens as features,
which VideoMAE V2 normalises. Published VideoMAE V2 folders contain code (`auto_map`), which is never run: the network
is VideoMAE's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from data.errors import UsageError, WeightsError, first_line, install_line
from extractors.state_dicts import read_tensors

if TYPE_CHECKING:
    from torch import nn

    from data.video import Picture
    from data.weights.network_folders import NetworkFolder

CLASSES = {"videomae": "VideoMAE", "vjepa2": "VJEPA2"}  # prefix of the library's classes, by the model's type
FRAMES = ("num_frames", "frames_per_clip")
HEAD = "classifier"  # the class layer, in all types
V2_TENSORS = {  # replacements in the names of VideoMAE V2's tensors to get VideoMAE's, in this order
    "model.patch_embed.proj.": "videomae.embeddings.patch_embeddings.projection.",
    "model.blocks.": "videomae.encoder.layer.", "model.fc_norm.": "fc_norm.", "model.head.": f"{HEAD}.",
    ".norm1.": ".layernorm_before.", ".norm2.": ".layernorm_after.", ".attn.proj.": ".attention.output.dense.",
    ".attn.": ".attention.attention.", ".mlp.fc1.": ".intermediate.dense.", ".mlp.fc2.": ".output.dense.",
}  # fmt: skip
FIX = "Save the model and its processor again, or choose another model"


def input_of(folder: NetworkFolder) -> dict[str, Any]:
    """Frames, sizes and normalisation of a folder's model, as fields of a `Backbone`. Raises WeightsError: missing."""
    try:
        config, processor = _config(folder), folder.processor
        frames = next(int(config[name]) for name in FRAMES if name in config)
        cut = processor.get("crop_size", config.get("image_size"))  # an older processor's file may lack it
        size = _side(cut if processor.get("do_center_crop", True) else processor["size"])
        short_side = _side(processor["size"]) if processor.get("do_resize", True) else size
        mean, std = (tuple(map(float, processor[name])) for name in ("image_mean", "image_std"))
        sampling = processor if processor.get("do_sample_frames") else {}
        fps = float(sampling.get("fps") or 0) if sampling.get("num_frames") is None else 0.0
        sound = 0 <= fps <= 1000 and sampling.get("num_frames") in (None, frames)
        sound &= processor.get("resample", 2) == 2  # Pillow's number of bilinear, which all published processors name
        sound &= abs(float(processor.get("rescale_factor", 1 / 255)) * 255 - 1) < 1e-6 and len(mean) == len(std) == 3
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        what = f"the configurations of its input lack a value ({str(error) or 'frames'})"
        raise WeightsError(what, where=folder.name, fix=FIX) from None
    if not (sound and 1 <= size <= short_side <= 4096 and 1 <= frames <= 1024 and min(std) > 0):
        raise WeightsError("the configurations of its input cannot be followed", where=folder.name, fix=FIX)
    made = {
        "least_frames": frames,
        "size": size,
        "short_side": short_side,
        "mean": mean,
        "std": std,
        "resized_first": True,
    }
    return made | ({"fps": fps} if fps else {})


def _config(folder: NetworkFolder) -> dict[str, Any]:
    """The library's configuration object. Raises WeightsError: another type; KeyError: no such size."""
    if (kind := folder.config.get("model_type")) in CLASSES:
        return dict(folder.config)
    if not str(kind).startswith("VideoMAEv2"):
        what = f"a model of type '{kind}', not {', '.join(CLASSES)} or VideoMAEv2; code of a folder is never run"
        raise WeightsError(what, where=folder.name, fix="Choose a model of one of these types")
    own = folder.config["model_config"]
    return {
        "model_type": "videomae", "image_size": own["img_size"], "patch_size": own["patch_size"],
        "num_frames": own["num_frames"], "tubelet_size": own["tubelet_size"], "hidden_size": own["embed_dim"],
        "num_hidden_layers": own["depth"], "num_attention_heads": own["num_heads"],
        "intermediate_size": int(own["embed_dim"] * own["mlp_ratio"]), "layer_norm_eps": own["layer_norm_eps"],
    }  # fmt: skip


def _side(size: Any) -> int:
    """Pixels of a square, or of the short side."""
    edges = size if isinstance(size, dict) else {"shortest_edge": size}
    return int(edges["shortest_edge"] if "shortest_edge" in edges else min(edges["height"], edges["width"]))


def resized(image: Picture, short_side: int) -> Picture:
    """The whole picture (height, width, 3) with this short side, by the arithmetic of the library's processors."""
    import torch

    shortest = min(image.shape[:2])
    size = [int(short_side * edge / shortest) for edge in image.shape[:2]]
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(pixels, size, mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()


def build(folder: NetworkFolder) -> nn.Module:
    """The network: clips (batch, 3, frame, row, column) to logits and features. Raises UsageError, WeightsError."""
    try:
        import transformers
    except ImportError as error:  # also where it does not fit another package
        fix = f"Type: {install_line('transformers')}"
        raise UsageError(f"'transformers' cannot be imported ({str(error)[:120]})", fix=fix) from None
    from models.clip_network import Headless, Tapped, VideoTransformer

    settings, is_v2 = _config(folder), folder.config["model_type"] not in CLASSES
    state = _tensors(folder, V2_TENSORS if is_v2 else {})
    with_head, name = f"{HEAD}.weight" in state, CLASSES[settings["model_type"]]
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    kind = getattr(transformers, name + ("ForVideoClassification" if with_head or is_v2 else "Model"))
    settings |= {"dtype": "float32", "num_labels": len(state[f"{HEAD}.weight"]) if with_head else 0}
    try:
        config = getattr(transformers, f"{name}Config").from_dict(settings)
        options = {"output_loading_info": True, "ignore_mismatched_sizes": True}  # both are reported, and refused below
        network, report = kind.from_pretrained(None, config=config, state_dict=state, **options)
    except Exception as error:  # the library raises many kinds for a configuration of another model
        raise WeightsError(f"not a model of {name}: {first_line(error)}", where=folder.name, fix=FIX) from error
    unknown = report["unexpected_keys"] if is_v2 else ()
    if faults := [*report["missing_keys"], *report["mismatched_keys"], *unknown]:
        what = f"{len(faults)} tensors of {name} are missing, unknown or of another size ({faults[0]})"
        raise WeightsError(what, where=folder.name, fix=FIX)
    if is_v2:
        network.fc_norm.eps = config.layer_norm_eps
    inner = VideoTransformer(network, **({"skip_predictor": True} if name == "VJEPA2" and not with_head else {}))
    return Tapped(inner, f"network.{HEAD}") if with_head else Headless(inner)


def _tensors(folder: NetworkFolder, renamed: dict[str, str]) -> dict[str, Any]:
    """The tensors by name, with parts of names replaced and joint tensors of query, key and value (qkv) split."""
    made: dict[str, Any] = {}
    for name, values in (item for part in folder.contents() for item in read_tensors(part, folder.name).items()):
        for own, known in renamed.items():
            name = name.replace(own, known)
        parts = ("query", "key", "value") if name.endswith(".qkv.weight") else ("qkv",)
        pieces = values.reshape(values.shape or (1,)).chunk(len(parts))
        made |= {name.replace("qkv", part): rows for part, rows in zip(parts, pieces, strict=False)}
    return made
