"""Stage `clips`: frames that reach the network, averaged outputs, cache keys, and equal numbers of all runtimes."""

import subprocess
import sys

import numpy as np
import pytest

from data.errors import DataError, UsageError, VideoError
from data.stage_files import StageFiles
from data.weights import weight_files as weights
from data.weights.quiet_openvino import openvino
from extractors.clips import backbones
from extractors.clips import runtimes as clip_runtimes
from extractors.clips import stage as clips
from extractors.clips.layouts import plan_clips
from extractors.clips.runtimes import Network
from extractors.clips.stage import Clips, ClipsConfig
from extractors.contract import MadeSource
from extractors.openvino_cpu import compile_for_cpu

FILES = StageFiles()

TINY = {"backbone": "x3d_xs", "weights": "random", "frames_per_clip": 4, "steps": 3, "device": "cpu"}
"""The quickest network of the table, with seeded weights."""


def numbered(count, size=(8, 10)):
    """(count, height, width, 3) where every pixel of frame i is i."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, *size, 3)).copy()


def noise(count, seed=0):
    """(count, 48, 64, 3) of smooth moving noise."""
    ground = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    return np.stack([np.roll(ground, 2 * i, axis=1) for i in range(count)])


class Means:
    """Replaces the network: the logits are the mean of a clip's pixels, the features twice that."""

    def __init__(self):
        self.batches = []

    def start(self, batch):
        """See `extractors.clips.runtimes.StartInference`."""
        self.batches.append(len(batch))
        means = batch.mean((1, 2, 3, 4), dtype=np.float64).astype(np.float32)[:, None]
        return lambda: (means, 2 * means)


@pytest.fixture
def means(monkeypatch):
    """The stage with `Means` as its network."""
    made = Means()
    monkeypatch.setattr(clips, "running", lambda network, files: made.start)
    return made


@pytest.mark.parametrize("layout", ["uniform", "windows", "dense"])
@pytest.mark.parametrize("count", [1, 10, 30, 102])
def test_steps_are_averages_over_their_own_frames(means, layout, count):
    config = ClipsConfig(layout=layout, steps=5, frames_per_clip=8, device="cpu")
    source = MadeSource(numbered(count))
    output = Clips(config, FILES).extract(source)
    plan = plan_clips(count, layout=layout, steps=5, frames=8)
    expected = [plan.clips[first:end].mean() for first, end in plan.spans]
    assert np.allclose(output.arrays["logits"].values[:, 0], expected, atol=1e-4)
    assert np.allclose(output.arrays["features"].values[:, 0], 2 * np.array(expected), atol=1e-4)
    assert source.asked == sorted(set(source.asked)) == plan.wanted.tolist()
    assert np.allclose(output.arrays["bounds"].values, source.times[plan.bounds])
    assert output.arrays["frame_index"].values.dtype == np.int32
    assert output.quality["clips"] == len(means.batches) == len(plan.clips)


def test_padding_is_reported(means):
    config = ClipsConfig(steps=2, frames_per_clip=16, device="cpu")
    assert Clips(config, FILES).extract(MadeSource(numbered(1))).quality["repeated_frames"] == 1.0
    assert Clips(config, FILES).extract(MadeSource(numbered(40))).quality["repeated_frames"] == 0.0
    assert Clips(config, FILES).extract(MadeSource(numbered(40))).quality["frames_per_s"] == pytest.approx(25)


def test_a_source_that_ends_early_is_an_error(means, monkeypatch):
    monkeypatch.setattr(MadeSource, "frames", lambda *_: iter(()))
    with pytest.raises(VideoError, match="ended before its last clip"):
        Clips(ClipsConfig(device="cpu"), FILES).extract(MadeSource(numbered(30)))


def test_a_gpu_would_get_batches(means, monkeypatch):
    output = Clips(ClipsConfig(device="cuda", batch=4), FILES).extract(MadeSource(numbered(102)))
    assert means.batches == [4, 4, 2]
    assert np.allclose(output.arrays["logits"].values[0, 0], 7.5)


def test_prepare_of_a_picture_of_the_right_size_is_exact():
    image = np.random.default_rng(1).integers(0, 256, (256, 340, 3), np.uint8)
    assert np.array_equal(clips.prepare(image, backbones.BACKBONES["i3d_inception"]), image[16:240, 58:282])


def test_half_precision_is_kept_apart_by_where_it_runs():
    identities = [
        Clips.identity(ClipsConfig(precision="bf16", runtime=runtime, device="cpu"), FILES)
        for runtime in ("torch", "openvino")
    ]
    assert identities[0]["rounding"] == "torch cpu"
    assert identities[1]["rounding"] == "openvino cpu"
    assert "rounding" not in Clips.identity(ClipsConfig(), FILES)


def test_impossible_runtimes_are_refused():
    with pytest.raises(UsageError, match="not on 'cuda'"):
        clip_runtimes.resolve("openvino", "cuda")
    if not clip_runtimes.gpu_present():
        with pytest.raises(UsageError, match="there is no device"):
            clip_runtimes.running(Network("x3d_xs", "random", 0, 4, runtime="torch", device="cuda"), FILES)


def test_a_kept_model_gives_the_same_numbers_without_torch(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(clip_runtimes, "_RUNNING", {})
    first = Clips(ClipsConfig(**TINY), FILES).extract(MadeSource(noise(8))).arrays["logits"].values
    assert first.dtype == np.float32
    assert first.std() > 0
    code = (
        "import sys; from tests.extractors.clips.test_clips import *\n"
        "before = 'torch' in sys.modules\n"
        "arrays = Clips(ClipsConfig(**TINY), FILES).extract(MadeSource(noise(8))).arrays\n"
        "print(before, 'torch' in sys.modules, arrays['logits'].values.tobytes().hex())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", first.tobytes().hex()]


def test_compiled_networks_are_exact_and_tied_to_no_core():
    """OpenVINO would pin the only thread of each of two workers to the first core."""
    ops = openvino.opset13
    given = ops.parameter([1, 4], np.float32)
    compiled = compile_for_cpu(openvino.Model([ops.relu(given)], [given]), threads=1)
    assert compiled.get_property("ENABLE_CPU_PINNING") is False
    assert compiled.get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1


def test_library_networks_load_their_own_state_dicts(tmp_path):
    import torch

    clip = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 4, 160, 160, 3), np.uint8))
    network = backbones.build("x3d_xs", "random", 3, FILES)
    inner = network.network
    state = {f"module.{key.removeprefix('network.')}": value for key, value in inner.state_dict().items()}
    for key in ("weight", "bias"):
        state[f"module.blocks.5.proj.{key}"] = state.pop(f"module.head.{key}")
    path = tmp_path / "net.pt"
    torch.save({"model_state": state}, path)
    with torch.inference_mode():
        loaded = backbones.build("x3d_xs", str(path), 0, FILES)(clip)
        for one, other in zip(network(clip), loaded, strict=True):
            assert torch.equal(one, other)
    with pytest.raises(DataError, match=r"'fc\.weight' is missing"):
        backbones.build("r2plus1d_18", str(path), 0, FILES)
    with pytest.raises(DataError, match="not the weights of slow_r50"):
        backbones.build("slow_r50", str(path), 0, FILES)
    with pytest.raises(DataError, match="no class layer"):
        backbones.build("i3d_inception", str(path), 0, FILES)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(backbones.BACKBONES) - {"swin3d_s", "swin3d_b", "transformers"}))
def test_every_network_gives_what_its_entry_declares(name):
    import torch

    entry = backbones.BACKBONES[name]
    shape = 1, max(entry.least_frames, 2), entry.size, entry.size, 3
    clip = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    state = torch.random.get_rng_state()
    network = backbones.build(name, "random", 0, FILES)
    assert torch.equal(state, torch.random.get_rng_state())
    with torch.inference_mode():
        logits, features = network(clip)
    assert logits.shape == (1, 400)
    assert features.shape == (1, entry.features)
    if entry.library == "aim":
        return
    # the same network run by its library, on a clip that is normalised here
    plain = backbones._construct(name, entry, 400).eval()
    inner = network.network
    state_dict = {key.removeprefix("network."): value for key, value in inner.state_dict().items()}
    for key in ("weight", "bias"):
        state_dict[f"{entry.head}.{key}"] = state_dict.pop(f"head.{key}")
    plain.load_state_dict(state_dict)
    x = ((clip / 255 - torch.tensor(entry.mean)) / torch.tensor(entry.std)).permute(0, 4, 1, 2, 3)
    with torch.inference_mode():
        expected = plain(x)
        if name.startswith("x3d"):  # this library's X3D ends in a softmax
            logits = logits.softmax(1)
    assert (expected - logits).abs().max() < 1e-4


@pytest.mark.weights
def test_the_default_stage_gives_the_published_numbers():
    from tests.models.test_i3d import REFERENCE, synthetic_clip

    weights.fetch("i3d-kinetics400")
    clip = synthetic_clip(16)
    framed = np.zeros((16, 256, 256, 3), np.uint8)
    framed[:, 16:240, 16:240] = clip
    reference = np.load(REFERENCE)
    for runtime in ("openvino", "torch"):
        config = ClipsConfig(steps=1, device="cpu", runtime=runtime)
        arrays = Clips(config, FILES).extract(MadeSource(framed)).arrays
        assert np.abs(arrays["logits"].values - reference["logits_16"]).max() < 1e-4
        assert np.abs(arrays["features"].values - reference["features_16"]).max() < 1e-4
