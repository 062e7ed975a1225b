"""Where clip networks run: OpenVINO on the CPU, torch on a GPU and where OpenVINO is not installed.

A compiled network is kept for the life of the process and shared by every extractor with the same settings. The
OpenVINO model is also kept in the user's cache (`data.weights`), since importing torch and tracing the network take
seconds and compiling a converted model takes a fifth of one; torch is then not imported at all.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from data.errors import UsageError
from data.weights import load_compiled, store_compiled
from extractors.clips import backbones
from extractors.openvino_cpu import compile_for_cpu

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16", "fp16"]
Clips = NDArray[np.uint8]
Pair = tuple[NDArray[np.float32], NDArray[np.float32]]

MODEL_VERSION = 1  # increased whenever the traced network changes, so that models kept by older code are not used


@dataclass(frozen=True)
class Network:
    """Key of a compiled network: equal ones share it."""

    backbone: str
    weights: str
    seed: int
    frames: int  # of a clip
    precision: Precision = "fp32"  # what the arithmetic may be rounded to
    runtime: str = "openvino"  # or "torch"
    device: str = "cpu"  # or "cuda", "cuda:1"
    threads: int = 0  # of one inference; 0 lets the runtime choose


class Running(Protocol):
    """A compiled network. `start` returns at once where the runtime can; its result waits for the numbers."""

    def start(self, clips: Clips) -> Callable[[], Pair]:
        """Begin on uint8 (batch, frame, row, column, RGB); call the result for logits and features."""


def gpu_present() -> bool:
    """Whether a CUDA driver is installed and torch can use it; torch is only imported where there is a driver."""
    for library in ("libcuda.so.1", "nvcuda.dll"):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        import torch

        return torch.cuda.is_available()
    return False


def resolve(runtime: str, device: str) -> tuple[str, str]:
    """(runtime, device) with "auto" decided: a GPU with torch where there is one, else OpenVINO, else torch.

    >>> resolve("torch", "cpu"), resolve("auto", "cuda:1")
    (('torch', 'cpu'), ('torch', 'cuda:1'))

    Raises UsageError: OpenVINO on a GPU, or OpenVINO that is not installed.
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


def running(network: Network) -> Running:
    """A runner of this network for one thread; the compiled network behind it is made once per process.

    Raises:
        DataError: the weights are missing or belong to another network.
        UsageError: the device is not there.
    """
    on_openvino = network.runtime == "openvino"
    with _LOCK:
        if network not in _RUNNING:
            _RUNNING[network] = _compile_openvino(network) if on_openvino else _place_torch(network)
        compiled = _RUNNING[network]
    return OpenVinoRunning(compiled) if on_openvino else TorchRunning(compiled, network)


class OpenVinoRunning:
    """One clip at a time, in the background: the caller decodes the next one meanwhile."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()

    def start(self, clips: Clips) -> Callable[[], Pair]:
        """See `Running`; a batch of one clip, whose result must be asked for before the next start."""
        from openvino import Tensor

        self._given = np.ascontiguousarray(clips)  # kept: the request reads it in place
        self._request.set_input_tensor(Tensor(self._given, shared_memory=True))
        self._request.start_async()
        return self._result

    def _result(self) -> Pair:
        self._request.wait()
        return self._request.get_output_tensor(0).data.copy(), self._request.get_output_tensor(1).data.copy()


class TorchRunning:
    """Clips go to the device from pinned memory; on a GPU the caller continues while it computes."""

    def __init__(self, module: torch.nn.Module, network: Network) -> None:
        self._module, self._network = module, network

    def start(self, clips: Clips) -> Callable[[], Pair]:
        """See `Running`."""
        import torch

        given = torch.from_numpy(np.ascontiguousarray(clips))
        if self._network.device != "cpu":
            given = given.pin_memory().to(self._network.device, non_blocking=True)
        elif self._network.threads:
            torch.set_num_threads(self._network.threads)
        with torch.inference_mode():
            logits, features = self._module(given)
        return lambda: (logits.cpu().numpy(), features.cpu().numpy())


def _place_torch(network: Network) -> torch.nn.Module:
    import torch

    if network.device != "cpu" and not torch.cuda.is_available():
        raise UsageError(f"device '{network.device}' is not there", fix="Set clips.device to cpu or auto")
    module = backbones.build(network.backbone, network.weights, network.seed)
    if network.device != "cpu":
        # For the whole process: TF32 rounds fp32 to 10 bits of mantissa, so that runtimes would no longer agree, and
        # nondeterministic algorithms would give other last bits on every run.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.deterministic = True
    module.to(network.device)
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[network.precision]
    module.network.to(kind)  # the normalisation before it stays in fp32
    if network.device != "cpu" and network.precision != "fp32":
        module.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # for tensor cores
    return module


def _compile_openvino(network: Network) -> Any:
    hint = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}[network.precision]
    return compile_for_cpu(_openvino_model(network), precision=hint, threads=network.threads)


def _openvino_model(network: Network) -> Any:
    """The OpenVINO model of a network, from the user's cache or traced from torch and put there."""
    import openvino

    name = {
        "graph": MODEL_VERSION,
        "openvino": openvino.__version__,
        "backbone": network.backbone,
        "weights": backbones.weights_identity(network.backbone, network.weights, network.seed),
        "frames": network.frames,
    }
    kept = load_compiled(name)
    if kept is not None:
        return kept
    traced = _trace(network)
    store_compiled(name, traced)
    # Read back, since the order of additions, and so the last bits, may differ from the model just traced.
    return load_compiled(name) or traced


def _trace(network: Network) -> Any:
    import openvino
    import torch

    size = backbones.backbone(network.backbone).size
    module = backbones.build(network.backbone, network.weights, network.seed)
    shape = (1, network.frames, size, size, 3)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # tracing warns of every shape that becomes a constant, which is wanted
        return openvino.convert_model(module, example_input=torch.zeros(shape, dtype=torch.uint8), input=[shape])
