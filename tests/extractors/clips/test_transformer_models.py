"""Models of the library `transformers`: small ones with random weights, saved by the library and loaded offline."""

import json
import os
import shutil

import numpy as np
import pytest
import safetensors.torch

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
load_file, save_file = safetensors.torch.load_file, safetensors.torch.save_file

FILES = StageFiles()
FRAMES, CLASSES = 4, 5
SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 16, "tubelet_size": 2}
MODELS = ["VideoMAEModel", "VideoMAEForPreTraining", "VideoMAEForVideoClassification", "VJEPA2Model"]
MODELS += ["VJEPA2ForVideoClassification"]
CLIP = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, FRAMES, 32, 32, 3), np.uint8))


def model(kind):
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


def processor(kind):
    name = "VideoMAEImageProcessor" if kind.startswith("VideoMAE") else "VJEPA2VideoProcessor"
    return getattr(transformers, name)(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32})


def saved(folder, kind="VideoMAEModel"):
    model(kind).save_pretrained(folder)
    processor(kind).save_pretrained(folder)
    return folder


def config(folder, **more):
    given = {"steps": 2, "frames_per_clip": FRAMES, "device": "cpu", "weights_file": str(folder), **more}
    return ClipsConfig(backbone="transformers", **given)


@pytest.mark.parametrize("kind", MODELS)
def test_the_numbers_are_those_of_the_library(tmp_path, kind):
    """Its own processor makes the input of pictures of another size."""
    pictures = noise(2 * FRAMES)[:, :45, :62]
    output = Clips(config(saved(tmp_path / "m", kind), layout="uniform"), FILES).extract(MadeSource(pictures))
    made = processor(kind)(list(pictures[:FRAMES]), return_tensors="pt")
    pixels = next(iter(made.values())).reshape(1, FRAMES, 3, 32, 32)
    network = model(kind)
    with torch.inference_mode():
        if kind.endswith("Classification"):
            inputs = []
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


def sampled(folder, **values):
    """The folder, with further values in the configuration of its processor."""
    change(next(name for name in PROCESSORS if (folder / name).is_file()), **values)(folder)
    return folder


def retensored(folder, change):
    """Replace each tensor of the folder by others."""
    state = load_file(folder / "model.safetensors").items()
    save_file({name: v for old, value in state for name, v in change(old, value).items()}, folder / "model.safetensors")


def change(file, **values):
    """Changes values in a JSON file of a folder."""
    return lambda folder: (folder / file).write_text(json.dumps({**json.loads((folder / file).read_text()), **values}))


def of_mcg_nju(name, value):
    """The published names of biases, which newer versions of the library call otherwise."""
    return {name.replace("query.bias", "q_bias").replace("value.bias", "v_bias"): value}


def outputs(folder):
    """Logits and features of `CLIP`."""
    with torch.inference_mode():
        return backbones.build("transformers", str(folder), 0, FILES)(CLIP)


def test_the_key_has_the_weights_and_the_input(tmp_path):
    folder, other = saved(tmp_path / "a"), tmp_path / "b"
    identities = [Clips.identity(config(folder), FILES)]
    folder.rename(other)
    for damage in (
        lambda folder: None,
        change("preprocessor_config.json", image_std=[0.25] * 3),
        lambda folder: retensored(folder, lambda name, value: {name: value + 1}),
    ):
        damage(other)
        identities.append(Clips.identity(config(other), FILES))
    first, moved, other_input, other_weights = identities
    assert first == moved
    assert first["library"] == f"transformers {transformers.__version__}"
    assert json.loads(first["input"]) == {
        "least_frames": 4, "size": 32, "short_side": 36, "mean": [0.5] * 3, "std": [0.5] * 3, "resized_first": True
    }  # fmt: skip
    assert {name for name in first if other_input[name] != first[name]} == {"input"}
    assert {name for name in first if other_weights[name] != other_input[name]} == {"weights"}


def test_models_in_several_files_and_with_published_names_of_biases_are_read(tmp_path):
    for kind in ("VJEPA2Model", "VideoMAEModel"):
        expected = outputs(saved(tmp_path / kind, kind))
        model(kind).save_pretrained(tmp_path / "parts", max_shard_size="20KB")
        processor(kind).save_pretrained(tmp_path / "parts")
        (tmp_path / "parts/of_another_model.safetensors").write_bytes(b"")
        assert torch.equal(outputs(tmp_path / "parts")[1], expected[1])
        shutil.rmtree(tmp_path / "parts")
    retensored(tmp_path / kind, of_mcg_nju)
    assert torch.equal(outputs(tmp_path / kind)[1], expected[1])


def test_clips_are_of_the_rate_at_which_the_processor_samples(tmp_path):
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
def test_a_rate_that_the_processor_does_not_use_is_not_used(tmp_path, values):
    folder = saved(tmp_path / "m", "VJEPA2Model")
    before = Clips.identity(config(folder), FILES)
    assert Clips.identity(config(sampled(folder, **values)), FILES) == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: os.truncate(folder / "model.safetensors", 1000), "not a safetensors file"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "no model.safetensors in this folder"),
        (lambda f: retensored(f, lambda n, v: {} if "dense.weight" in n else {n: v}), "of VideoMAE are missing"),
        (change("config.json", hidden_size=48), "of another size|not a model of VideoMAE"),
        (change("config.json", model_type="v3", auto_map={"AutoModel": "m.M"}), "code of a folder is never run"),
        (change("preprocessor_config.json", image_mean=None), "lack a value"),
        (change("preprocessor_config.json", rescale_factor=1.0), "cannot be followed"),
        (change("preprocessor_config.json", resample=1), "cannot be followed"),
        (change("preprocessor_config.json", do_sample_frames=True, fps=-1), "cannot be followed"),
        (change("preprocessor_config.json", do_sample_frames=True, num_frames=9), "cannot be followed"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "missing, or not a JSON object"),
        (lambda folder: (folder / "config.json").write_text("{"), "missing, or not a JSON object"),
        (shutil.rmtree, "no such model"),
    ],
)
def test_folders_that_cannot_be_used_are_named(tmp_path, damage, message):
    folder = saved(tmp_path / "m")
    damage(folder)
    with pytest.raises(DataError, match=message) as caught:
        backbones.build("transformers", str(folder), 0, FILES)
    assert str(folder) in str(caught.value)


def test_a_name_on_the_hub_is_downloaded_once(tmp_path, monkeypatch):
    """The library's download is replaced by a copy: there is no hub here."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("AIM_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.chdir(tmp_path)
    source, asked = saved(tmp_path / "source"), []

    def snapshot_download(name, *, local_dir, allow_patterns):
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


V2 = {"img_size": 32, "patch_size": 16, "in_chans": 3, "num_classes": 0, "embed_dim": 24, "depth": 2, "num_heads": 2}
V2 |= {"mlp_ratio": 2.5, "qkv_bias": True, "layer_norm_eps": 1e-6, "tubelet_size": 2, "num_frames": FRAMES}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def test_another_number_of_frames_than_the_model_has_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"clips\.frames_per_clip=4"):
        Clips.identity(config(saved(tmp_path / "m"), frames_per_clip=16), FILES)


V2_NAMES = {
    "videomae.embeddings.patch_embeddings.projection": "model.patch_embed.proj", "fc_norm": "model.fc_norm",
    "videomae.encoder.layer": "model.blocks", "classifier": "model.head", "layernorm_before": "norm1",
    "layernorm_after": "norm2", "attention.output.dense": "attn.proj", "output.dense": "mlp.fc2",
    "intermediate.dense": "mlp.fc1", "attention.attention.query.bias": "attn.q_bias",
    "attention.attention.value.bias": "attn.v_bias",
}  # fmt: skip
"""Parts of the library's names to those of the published tensors."""


def v2(folder, classes=0):
    """The library's network with random tensors, saved in the form of OpenGVLab/VideoMAEv2-Base."""
    sizes = {"image_size": 32, "num_frames": FRAMES, "intermediate_size": 60, "layer_norm_eps": 1e-6, **SMALL}
    network = transformers.VideoMAEForVideoClassification(transformers.VideoMAEConfig(num_labels=classes, **sizes))
    network.fc_norm.eps, tensors = 1e-6, {}
    for name, values in network.eval().state_dict().items():
        for known, own in V2_NAMES.items():
            name = name.replace(known, own)
        tensors[name] = values.normal_(std=0.3, generator=torch.Generator().manual_seed(len(tensors)))
    for block in ("model.blocks.0", "model.blocks.1"):
        parts = [tensors.pop(f"{block}.attention.attention.{part}.weight") for part in ("query", "key", "value")]
        tensors[f"{block}.attn.qkv.weight"] = torch.cat(parts)
    folder.mkdir()
    code = {"AutoModel": "modeling_videomaev2.VideoMAEv2", "AutoConfig": "modeling_config.VideoMAEv2Config"}
    described = {"model_type": "VideoMAEv2_Base", "auto_map": code, "model_config": V2}
    (folder / "config.json").write_text(json.dumps(described))
    (folder / "modeling_videomaev2.py").write_text("raise SystemExit('this code must not run')")
    cut = {"size": {"shortest_edge": 36}, "do_center_crop": True, "crop_size": {"height": 32, "width": 32}}
    named = {"feature_extractor_type": "VideoMAEFeatureExtractor", "image_mean": MEAN, "image_std": STD}
    (folder / "preprocessor_config.json").write_text(json.dumps({**cut, **named}))
    save_file(tensors, folder / "model.safetensors")
    return network


@pytest.mark.parametrize("classes", [0, 7])
def test_published_videomae_v2_has_the_features_of_the_same_network_of_the_library(tmp_path, classes):
    network = v2(tmp_path / "m", classes)
    pixels = ((CLIP / 255 - torch.tensor(MEAN)) / torch.tensor(STD)).permute(0, 1, 4, 2, 3)
    got, head = outputs(tmp_path / "m"), network.classifier
    network.classifier = torch.nn.Identity()
    with torch.inference_mode():
        features = network(pixels).logits
        logits = head(features) if classes else torch.zeros(1, 0)
    assert features.std() > 0.1
    for values, wanted in zip(got, (logits, features), strict=True):
        torch.testing.assert_close(values, wanted, atol=1e-4, rtol=0)
    assert json.loads(Clips.identity(config(tmp_path / "m"), FILES)["input"])["mean"] == MEAN


@pytest.mark.parametrize(
    ("tensor", "shape", "named"),
    [
        ("model.blocks.1.attn.q_bias", None, r"layer\.1\.attention\.attention\.(query\.bias|q_bias)"),
        ("model.blocks.0.attn.qkv.weight", None, r"layer\.0\.attention\.attention\.(query|key|value)\.weight"),
        ("model.fc_norm.bias", (1, 8, 24), r"fc_norm\.bias"),
        ("model.pos_embed", (1, 8, 24), r"model\.pos_embed"),
    ],
)
def test_a_tensor_too_many_or_too_few_in_videomae_v2_is_named(tmp_path, tensor, shape, named):
    v2(folder := tmp_path / "m")
    other = {tensor: torch.ones(shape)} if shape else {}
    retensored(folder, lambda name, value: other if name == tensor else {name: value, **other})
    with pytest.raises(DataError, match=rf"tensors of VideoMAE are missing, unknown or of another size \(.*{named}"):
        backbones.build("transformers", str(folder), 0, FILES)
