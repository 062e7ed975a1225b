"""Models of the library `transformers`: small ones with random weights, saved by the library and loaded offline."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from data.errors import DataError, UsageError
from data.stage_files import StageFiles
from data.weights import weights_dir
from data.weights.network_folders import PROCESSORS
from extractors.clips import backbones
from extractors.clips.stage import Clips, ClipsConfig
from extractors.contract import MadeSource
from tests.extractors.clips.test_clips import noise

transformers = pytest.importorskip("transformers", reason="needs the extra transformers")
torch = pytest.importorskip("torch")

FILES = StageFiles()
FRAMES, CLASSES = 4, 5
SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 16, "tubelet_size": 2}
MODELS = ["VideoMAEModel", "VideoMAEForPreTraining", "VideoMAEForVideoClassification", "VJEPA2Model"]
MODELS += ["VJEPA2ForVideoClassification"]


def model(kind: str) -> Any:
    torch.manual_seed(0)
    if kind.startswith("VideoMAE"):
        decoder = {f"decoder_{name}": 2 for name in ("num_attention_heads", "num_hidden_layers")}
        sizes = {"intermediate_size": 48, "decoder_hidden_size": 16, "decoder_intermediate_size": 16, **decoder}
        config = transformers.VideoMAEConfig(image_size=32, num_frames=FRAMES, num_labels=CLASSES, **sizes, **SMALL)
    else:
        sizes = {"pred_hidden_size": 12, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
        sizes |= {"num_pooler_layers": 1, "mlp_ratio": 2.0}
        config = transformers.VJEPA2Config(crop_size=32, frames_per_clip=FRAMES, num_labels=CLASSES, **sizes, **SMALL)
    return getattr(transformers, kind)(config).eval()


def processor(kind: str) -> Any:
    name = "VideoMAEImageProcessor" if kind.startswith("VideoMAE") else "VJEPA2VideoProcessor"
    return getattr(transformers, name)(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32})


def saved(folder: Path, kind: str = "VideoMAEModel") -> Path:
    model(kind).save_pretrained(folder)
    processor(kind).save_pretrained(folder)
    return folder


def config(folder: Path | str, **more: Any) -> ClipsConfig:
    given = {"steps": 2, "frames_per_clip": FRAMES, "device": "cpu", **more}
    return ClipsConfig(backbone="transformers", weights_file=str(folder), **given)


@pytest.mark.parametrize("kind", MODELS)
def test_the_numbers_are_those_of_the_library(tmp_path: Path, kind: str) -> None:
    """Its own processor makes the input; pictures have its short side, so that only the cut and the scale matter."""
    pictures = noise(2 * FRAMES)[:, :36, :50]
    output = Clips(config(saved(tmp_path / "m", kind), layout="uniform"), FILES).extract(MadeSource(pictures))
    made = processor(kind)(list(pictures[:FRAMES]), return_tensors="pt")
    pixels = next(iter(made.values())).reshape(1, FRAMES, 3, 32, 32)
    network = model(kind)
    with torch.inference_mode():
        if kind.endswith("Classification"):
            inputs: list[Any] = []
            network.classifier.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
            logits = network(pixels).logits
            features = inputs[0]
        else:
            base = network.videomae if kind == "VideoMAEForPreTraining" else network
            options = {"skip_predictor": True} if kind == "VJEPA2Model" else {}
            logits, features = torch.zeros(1, 0), base(pixels, **options).last_hidden_state.mean(dim=1)
    assert output.arrays["logits"].values.shape == (2, CLASSES if kind.endswith("Classification") else 0)
    np.testing.assert_allclose(output.arrays["logits"].values[:1], logits.numpy(), atol=2e-5)
    np.testing.assert_allclose(output.arrays["features"].values[:1], features.numpy(), atol=2e-5)
    assert output.arrays["features"].values.std() > 0


def test_the_key_has_the_weights_and_the_input(tmp_path: Path) -> None:
    first = saved(tmp_path / "a")
    shutil.copytree(first, tmp_path / "b")
    identities = [Clips.identity(config(tmp_path / name), FILES) for name in ("a", "b")]
    assert identities[0] == identities[1]
    assert identities[0]["library"] == f"transformers {transformers.__version__}"
    assert json.loads(identities[0]["input"]) == {
        "least_frames": 4, "size": 32, "short_side": 36, "mean": [0.5] * 3, "std": [0.5] * 3
    }  # fmt: skip
    place = tmp_path / "b/preprocessor_config.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "image_std": [0.25] * 3}))
    changed = Clips.identity(config(tmp_path / "b"), FILES)
    assert {name for name in changed if changed[name] != identities[0][name]} == {"input"}
    other = model("VideoMAEModel")
    with torch.no_grad():
        next(other.parameters()).add_(1)
    other.save_pretrained(tmp_path / "a")
    assert Clips.identity(config(tmp_path / "a"), FILES)["weights"] != identities[0]["weights"]


def sampled(folder: Path, **values: Any) -> Path:
    """The folder, with further values in the configuration of its processor."""
    path = next(path for name in PROCESSORS if (path := folder / name).is_file())
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return folder


def test_clips_are_of_the_rate_at_which_the_processor_samples(tmp_path: Path) -> None:
    """Its own sampling of the same video gives the same frames."""
    kind, rate, count = "VJEPA2Model", 30.0, 24
    folder = sampled(saved(tmp_path / "m", kind), fps=10, do_sample_frames=True)
    clip = MadeSource(noise(count)[:, :36, :50], np.arange(count) / rate)
    output = Clips(config(folder, layout="windows"), FILES).extract(clip)
    metadata = transformers.video_utils.VideoMetadata(total_num_frames=count, fps=rate)
    library = np.asarray(transformers.VJEPA2VideoProcessor.from_pretrained(folder).sample_frames(metadata, fps=10))
    assert library.tolist() == [0, 3, 6, 9, 12, 15, 18, 21]
    assert output.arrays["frame_index"].values.tolist() == [[0, 3, 6, 9], [12, 15, 18, 21]]
    np.testing.assert_allclose(output.arrays["bounds"].values, np.array([[0, 9], [12, 21]]) / rate)
    assert json.loads(Clips.identity(config(folder), FILES)["input"])["fps"] == 10


@pytest.mark.parametrize("values", [{"fps": 10}, {"fps": 10, "do_sample_frames": True, "num_frames": FRAMES}])
def test_a_rate_that_the_processor_does_not_use_is_not_used(tmp_path: Path, values: dict[str, Any]) -> None:
    folder = saved(tmp_path / "m", "VJEPA2Model")
    before = Clips.identity(config(folder), FILES)
    assert Clips.identity(config(sampled(folder, **values)), FILES) == before


def test_published_names_of_biases_are_read(tmp_path: Path) -> None:
    """The files of MCG-NJU have q_bias and v_bias, which newer versions of the library call otherwise."""
    from safetensors.torch import load_file, save_file

    saved(tmp_path / "m")
    before = backbones.build("transformers", str(tmp_path / "m"), 0, FILES)
    state = load_file(tmp_path / "m/model.safetensors")
    names = {"attention.attention.query.bias": "attention.attention.q_bias"}
    names |= {"attention.attention.value.bias": "attention.attention.v_bias"}
    old = {}
    for name, values in state.items():
        ending = next((one for one in names if name.endswith(one)), "")
        old[name.removesuffix(ending) + names.get(ending, "")] = values
    save_file(old, tmp_path / "m/model.safetensors")
    clip = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, FRAMES, 32, 32, 3), np.uint8))
    with torch.inference_mode():
        after = backbones.build("transformers", str(tmp_path / "m"), 0, FILES)(clip)
        assert torch.equal(after[1], before(clip)[1])


def test_models_in_several_files_are_read(tmp_path: Path) -> None:
    kind = "VJEPA2Model"
    model(kind).save_pretrained(tmp_path / "m", max_shard_size="20KB")
    processor(kind).save_pretrained(tmp_path / "m")
    assert len(list((tmp_path / "m").glob("*.safetensors"))) > 1
    (tmp_path / "m/of_another_model.safetensors").write_bytes(b"")
    saved(tmp_path / "one", kind)
    clip = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, FRAMES, 32, 32, 3), np.uint8))
    with torch.inference_mode():
        parts, one = (backbones.build("transformers", str(tmp_path / n), 0, FILES)(clip)[1] for n in ("m", "one"))
    assert torch.equal(parts, one)


def break_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])


def pickle_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def drop_a_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    state.pop(next(name for name in state if name.endswith("dense.weight")))
    save_file(state, folder / "model.safetensors")


def change(file: str, **values: Any) -> Any:
    return lambda folder: (folder / file).write_text(json.dumps({**json.loads((folder / file).read_text()), **values}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_weights, "not a safetensors file"),
        (pickle_weights, "no model.safetensors in this folder"),
        (drop_a_tensor, "tensors of VideoMAE are missing"),
        (change("config.json", hidden_size=48), "of another size|not a model of VideoMAE"),
        (change("config.json", model_type="v3", auto_map={"AutoModel": "m.M"}), "code of a folder is never run"),
        (change("preprocessor_config.json", image_mean=None), "lack a value"),
        (change("preprocessor_config.json", rescale_factor=1.0), "cannot be followed"),
        (change("preprocessor_config.json", do_sample_frames=True, fps=-1), "cannot be followed"),
        (change("preprocessor_config.json", do_sample_frames=True, num_frames=9), "cannot be followed"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "missing, or no JSON object"),
        (lambda folder: (folder / "config.json").write_text("{"), "missing, or no JSON object"),
        (shutil.rmtree, "no such model"),
    ],
)
def test_folders_that_cannot_be_used_are_named(tmp_path: Path, damage: Any, message: str) -> None:
    folder = saved(tmp_path / "m")
    damage(folder)
    with pytest.raises(DataError, match=message) as caught:
        backbones.build("transformers", str(folder), 0, FILES)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weights_file": ""}, "needs weights_file"),
        ({"weights_file": "a/b", "runtime": "openvino"}, "runs in torch"),
    ],
)
def test_impossible_settings_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClipsConfig(backbone="transformers", **given)


def test_settings_that_do_not_fit_the_model_are_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "m")
    with pytest.raises(UsageError, match=r"clips\.frames_per_clip=4"):
        Clips.identity(config(folder, frames_per_clip=16), FILES)
    with pytest.raises(UsageError, match="below the 32 pixels of this model"):
        Clips.identity(config(folder, short_side=20), FILES)


def test_a_name_on_the_hub_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's download is replaced by a copy: there is no hub here."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("AIM_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.chdir(tmp_path)
    source, asked = saved(tmp_path / "source"), []

    def snapshot_download(name: str, *, local_dir: Path, allow_patterns: list[str]) -> None:
        asked.append((name, allow_patterns))
        shutil.copytree(source, local_dir)

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    named = config("owner/small")
    for _ in range(2):
        Clips.fetch(named, FILES, lambda text: None)
    assert [name for name, _ in asked] == ["owner/small"]
    assert not any(pattern.endswith((".bin", ".py")) for pattern in asked[0][1])
    assert (weights_dir() / "hub/owner--small/model.safetensors").is_file()
    assert Clips.identity(named, FILES)["weights"] == Clips.identity(config(source), FILES)["weights"]


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = saved(tmp_path / "m")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match=r"'transformers' cannot be imported.*\[transformers\]"):
        backbones.build("transformers", str(folder), 0, FILES)


V2 = {"img_size": 32, "patch_size": 16, "in_chans": 3, "num_classes": 0, "embed_dim": 24, "depth": 2, "num_heads": 2}
V2 |= {"mlp_ratio": 2.5, "qkv_bias": True, "layer_norm_eps": 1e-6, "tubelet_size": 2, "num_frames": FRAMES}
V2_LAYERS = {"norm1": (24,), "attn.proj": (24, 24), "norm2": (24,), "mlp.fc1": (60, 24), "mlp.fc2": (24, 60)}


def tensors_of_v2(classes: int = 0) -> dict[str, Any]:
    """Random tensors with the names of a published folder, whose network is `model` of its code."""
    shapes = {"patch_embed.proj.weight": (24, 3, 2, 16, 16), "patch_embed.proj.bias": (24,)}
    layers = [("fc_norm", (24,))] + ([("head", (classes, 24))] if classes else [])
    for block in (f"blocks.{number}" for number in range(2)):
        layers += [(f"{block}.{name}", shape) for name, shape in V2_LAYERS.items()]
        shapes |= {f"{block}.attn.qkv.weight": (72, 24), f"{block}.attn.q_bias": (24,), f"{block}.attn.v_bias": (24,)}
    for name, shape in layers:
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    generator = torch.Generator().manual_seed(3)
    return {f"model.{name}": 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def v2_folder(folder: Path, tensors: dict[str, Any]) -> Path:
    """A folder in the form of OpenGVLab/VideoMAEv2-Base."""
    from safetensors.torch import save_file

    folder.mkdir()
    code = {"AutoModel": "modeling_videomaev2.VideoMAEv2", "AutoConfig": "modeling_config.VideoMAEv2Config"}
    (folder / "config.json").write_text(
        json.dumps({"model_type": "VideoMAEv2_Base", "auto_map": code, "model_config": V2})
    )
    (folder / "modeling_videomaev2.py").write_text("raise SystemExit('this code must not run')")
    cut = {"size": {"shortest_edge": 36}, "do_center_crop": True, "crop_size": {"height": 32, "width": 32}}
    named = {"feature_extractor_type": "VideoMAEFeatureExtractor", "image_mean": [0.485, 0.456, 0.406]}
    (folder / "preprocessor_config.json").write_text(json.dumps({**cut, **named, "image_std": [0.229, 0.224, 0.225]}))
    save_file(tensors, folder / "model.safetensors")
    return folder


def v2_features(tensors: dict[str, Any], clips: Any) -> Any:
    """The features of bytes (batch, frame, row, column, RGB), after the forward pass in the authors' repository."""
    functional = torch.nn.functional

    def of(name: str, kind: str = "weight") -> Any:
        return tensors[f"model.{name}.{kind}"]

    def normalised(x: Any, name: str) -> Any:
        return functional.layer_norm(x, (24,), of(name), of(name, "bias"), eps=1e-6)

    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = ((clips / 255 - mean) / std).permute(0, 4, 1, 2, 3)
    x = functional.conv3d(pixels, of("patch_embed.proj"), of("patch_embed.proj", "bias"), stride=(2, 16, 16))
    x = x.flatten(2).transpose(1, 2)
    places, pairs = torch.arange(x.shape[1], dtype=torch.float64)[:, None], torch.arange(12, dtype=torch.float64)
    angles = places / 10000 ** (2 * pairs / 24)
    x = x + torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1).float()
    for block in ("blocks.0", "blocks.1"):
        q, k, v = functional.linear(normalised(x, f"{block}.norm1"), of(f"{block}.attn.qkv")).split(24, dim=2)
        q, v = q + of(f"{block}.attn", "q_bias"), v + of(f"{block}.attn", "v_bias")
        heads = []
        for columns in (slice(0, 12), slice(12, 24)):
            weights = (q[..., columns] @ k[..., columns].transpose(1, 2) / 12**0.5).softmax(dim=2)
            heads.append(weights @ v[..., columns])
        x = x + functional.linear(torch.cat(heads, 2), of(f"{block}.attn.proj"), of(f"{block}.attn.proj", "bias"))
        inner = functional.linear(
            normalised(x, f"{block}.norm2"), of(f"{block}.mlp.fc1"), of(f"{block}.mlp.fc1", "bias")
        )
        x = x + functional.linear(functional.gelu(inner), of(f"{block}.mlp.fc2"), of(f"{block}.mlp.fc2", "bias"))
    return normalised(x.mean(dim=1), "fc_norm")


@pytest.mark.parametrize("classes", [0, 7])
def test_published_videomae_v2_has_the_features_of_its_own_forward_pass(tmp_path: Path, classes: int) -> None:
    tensors = tensors_of_v2(classes)
    built = backbones.build("transformers", str(v2_folder(tmp_path / "m", tensors)), 0, FILES)
    clips = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, FRAMES, 32, 32, 3), np.uint8))
    with torch.inference_mode():
        logits, features = built(clips)
        wanted = v2_features(tensors, clips)
    assert wanted.std() > 0.1
    torch.testing.assert_close(features, wanted, atol=1e-4, rtol=0)
    assert {module.eps for module in built.modules() if isinstance(module, torch.nn.LayerNorm)} == {1e-6}
    assert logits.shape == (2, classes)
    if classes:
        head = torch.nn.functional.linear(wanted, tensors["model.head.weight"], tensors["model.head.bias"])
        torch.testing.assert_close(logits, head, atol=1e-4, rtol=0)
    identity = Clips.identity(config(tmp_path / "m"), FILES)
    assert json.loads(identity["input"]) == {
        "least_frames": 4, "size": 32, "short_side": 36, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"model.blocks.1.attn.q_bias": None}, r"layer\.1\.attention\.attention\.(query\.bias|q_bias)"),
        ({"model.blocks.0.attn.qkv.weight": None}, r"layer\.0\.attention\.attention\.(query|key|value)\.weight"),
        ({"model.pos_embed": (1, 8, 24)}, r"model\.pos_embed"),
        ({"model.blocks.0.gamma_1": (24,)}, r"layer\.0\.gamma_1"),
    ],
)
def test_a_tensor_too_many_or_too_few_in_videomae_v2_is_named(
    tmp_path: Path, changed: dict[str, tuple[int, ...] | None], named: str
) -> None:
    tensors = {name: values for name, values in tensors_of_v2().items() if name not in changed}
    tensors |= {name: torch.ones(shape) for name, shape in changed.items() if shape is not None}
    with pytest.raises(DataError, match=rf"tensors of VideoMAE are missing, unknown or of another size \(.*{named}"):
        backbones.build("transformers", str(v2_folder(tmp_path / "m", tensors)), 0, FILES)
