"""Runs clip networks: OpenVINO on the CPU; torch on a GPU, or if OpenVINO is not installed.

A compiled network is kept for the life of the process and shared by every extractor with the same settings. The
OpenVINO model is also stored in the user's cache (`StageFiles.compiled`). Importing torch and tracing the network take
seconds; compiling a stored model takes a fifth of a second without torch.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import UsageError, out_of_memory
from data.stage_files import StageFiles
from data.store.arrays import Singles
from extractors.clips import backbones
from extractors.openvino_cpu import compile_for_cpu

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16", "fp16"]
ClipBatch = NDArray[np.uint8]
LogitsAndFeatures = tuple[Singles, Singles]

MODEL_VERSION = 1  # increased whenever the traced network changes, so that older stored models are not used


@dataclass(frozen=True)
class Network:
    """Key of a compiled network, which equal settings share."""

    backbone: str
    weights: str
    seed: int
    frames: int  # of a clip
    precision: Precision = "fp32"  # of the arithmetic
    runtime: str = "openvino"  # or "torch"
    device: str = "cpu"  # or "cuda", "cuda:1"
    threads: int = 0  # of one inference; 0 lets the runtime choose


StartInference = Callable[[ClipBatch], Callable[[], LogitsAndFeatures]]
"""Starts the network on uint8 (batch, frame, row, column, RGB), in the background where the runtime can. Its result,
called before the next start, returns logits and features."""


def gpu_present() -> bool:
    """Whether a CUDA driver is installed and torch can use it; without a driver, torch is not imported."""
    for library in ("libcuda.so.1", "nvcuda.dll"):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        import torch

        return torch.cuda.is_available()
    return False


def resolve(runtime: str, device: str) -> tuple[str, str]:
    """(runtime, device) with "auto" resolved: torch on a GPU if present, else OpenVINO, else torch.

    >>> resolve("torch", "cpu"), resolve("auto", "cuda:1")
    (('torch', 'cpu'), ('torch', 'cuda:1'))

    Raises UsageError: OpenVINO on a GPU, or OpenVINO is not installed.
    """
    if device == "auto":
        device = "cuda" if runtime != "openvino" and gpu_present() else "cpu"
    installed = importlib.util.find_spec("openvino") is not None
    if runtime == "auto":
        runtime = "openvino" if device == "cpu" and installed else "torch"
    if runtime == "openvino" and device != "cpu":
        raise UsageError(f"OpenVINO runs clips on the CPU, not on '{device}'", fix="Set clips.runtime to torch")
    if runtime == "openvino" and not installed:
        raise UsageError("OpenVINO is not installed", fix="Type: python -m pip install openvino")
    return runtime, device


_RUNNING: dict[Network, Any] = {}
_LOCK = threading.Lock()


def running(network: Network, files: StageFiles) -> StartInference:
    """A compiled network for one thread; it is compiled once per process.

    Raises:
        DataError: the weights are missing or belong to another network.
        UsageError: the device is missing.
    """
    on_openvino = network.runtime == "openvino"
    with _LOCK:
        if network not in _RUNNING:
            _RUNNING[network] = (_compile_openvino if on_openvino else _place_torch)(network, files)
        compiled = _RUNNING[network]
    if on_openvino:
        return partial(_start_openvino, compiled.create_infer_request())
    return partial(_start_torch, compiled, network)


@out_of_memory()
def _start_openvino(request: Any, clips: ClipBatch) -> Callable[[], LogitsAndFeatures]:
    """Start a batch of one clip, so that the caller can decode the next one."""
    request.start_async([clips])

    @out_of_memory()
    def result() -> LogitsAndFeatures:
        request.wait()
        return request.get_output_tensor(0).data.copy(), request.get_output_tensor(1).data.copy()

    return result


@out_of_memory()
def _start_torch(module: torch.nn.Module, network: Network, clips: ClipBatch) -> Callable[[], LogitsAndFeatures]:
    """Start a batch. A GPU copies it from pinned memory and computes asynchronously."""
    import torch

    batch = torch.from_numpy(np.ascontiguousarray(clips))
    if network.device != "cpu":
        batch = batch.pin_memory().to(network.device, non_blocking=True)
    elif network.threads:
        torch.set_num_threads(network.threads)
    with torch.inference_mode():
        logits, features = module(batch)
    return lambda: (logits.cpu().numpy(), features.cpu().numpy())


def _place_torch(network: Network, files: StageFiles) -> torch.nn.Module:
    import torch

    if network.device != "cpu" and not torch.cuda.is_available():
        raise UsageError(f"there is no device '{network.device}'", fix="Set clips.device to cpu or auto")
    module = backbones.build(network.backbone, network.weights, network.seed, files)
    if network.device != "cpu":
        # Both apply to the whole process. With TF32, fp32 has 10 bits of mantissa and runtimes no longer agree.
        # Nondeterministic algorithms change the last bits on every run.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.deterministic = True
    with out_of_memory():
        module.to(network.device)
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[network.precision]
    module.network.to(kind)  # the normalisation before it stays in fp32
    if network.device != "cpu" and network.precision != "fp32":
        module.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # for tensor cores
    return module


def _compile_openvino(network: Network, files: StageFiles) -> Any:
    """The compiled OpenVINO model of a network, from the user's cache or traced from torch and cached."""
    from data.weights.quiet_openvino import openvino

    name = {
        "graph": MODEL_VERSION,
        "openvino": openvino.__version__,
        "backbone": network.backbone,
        **backbones.network_identity(network.backbone, network.weights, network.seed, files),
        "frames": network.frames,
    }
    model = files.compiled(name, partial(_trace, network, files))
    hint = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}[network.precision]
    return compile_for_cpu(model, precision=hint, threads=network.threads)


def _trace(network: Network, files: StageFiles) -> Any:
    import torch

    from data.weights.quiet_openvino import openvino

    size = backbones.backbone(network.backbone).size
    module = backbones.build(network.backbone, network.weights, network.seed, files)
    shape = (1, network.frames, size, size, 3)
    with warnings.catch_warnings(), torch.inference_mode(), out_of_memory():
        warnings.simplefilter("ignore")  # tracing warns of every shape that becomes a constant, as intended
        return openvino.convert_model(module, example_input=torch.zeros(shape, dtype=torch.uint8), input=[shape])
