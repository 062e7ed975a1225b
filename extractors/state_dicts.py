"""Reads tensors from the content of files of weights, without running code from them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

_WRAPPERS = ("state_dict", "model_state", "model_state_dict", "model")  # keys of the tensors in checkpoints


def read_tensors(content: bytes, file: str) -> dict[str, Tensor]:
    """The tensors by name of a safetensors or PyTorch file, on the CPU; `file` is for messages.

    Raises WeightsError: anything but tensors.
    """
    fix = "Give a .safetensors file or a PyTorch state dict"
    try:
        import torch
        from safetensors.torch import load

        pickled = content[8:9] != b"{"  # a safetensors file has a JSON object after its length in 8 bytes
        tree: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True) if pickled else load(content)
    except Exception as error:  # the libraries raise many kinds for a damaged file
        reason = str(error).split("\n", 1)[0]
        what = f"cannot read tensors from this file ({type(error).__name__}: {reason})"
        raise WeightsError(what, where=file, fix=fix) from error
    for key in _WRAPPERS:
        if isinstance(tree, Mapping) and isinstance(tree.get(key), Mapping):
            tree = tree[key]
            break
    if not isinstance(tree, Mapping) or not all(isinstance(value, torch.Tensor) for value in tree.values()):
        raise WeightsError("not a state dict: it holds something other than named tensors", where=file, fix=fix)
    return {str(key).removeprefix("module."): value for key, value in tree.items()}


class _Log:
    """An empty object that replaces training logs in a checkpoint, and `getattr`, which they call."""

    def __init__(self, *_: Any) -> None:
        pass


def load_checkpoint(model: Any, content: bytes, file: str) -> None:
    """Load the checkpoint in `content` into a torch module without running code from it; `file` is for messages.

    Published checkpoints contain training logs: numpy scalars and mmengine's HistoryBuffer. This function allows
    numpy's constructors and replaces the logs by empty objects. torch refuses everything else except tensors.

    Raises WeightsError: not a checkpoint, or of another model.
    """
    import torch

    rebuild, scalar = np.array(0).__reduce__()[0], np.float64(0).__reduce__()[0]
    admitted: list[Any] = [np.ndarray, np.dtype, *(type(np.dtype(code)) for code in ("f8", "f4", "i8", "i4", "U1"))]
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        admitted += [(rebuild, f"{module}._reconstruct"), (scalar, f"{module}.scalar")]
    logs = ("mmengine.logging.history_buffer.HistoryBuffer", "builtins.getattr", "__builtin__.getattr")
    admitted += [(_Log, name) for name in logs]
    try:
        with torch.serialization.safe_globals(admitted):
            stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises nearly any exception
        what = "not a PyTorch checkpoint that loads without running code"
        raise WeightsError(what, where=file, fix="Get the checkpoint again from its publisher") from error
    fix = "Give the configuration that belongs to this checkpoint"
    try:
        missing, _ = model.load_state_dict(stored.get("state_dict", stored), strict=False)
    except Exception as error:  # its content may be anything
        raise WeightsError("the checkpoint does not fit the model", where=file, fix=fix) from error
    if missing:
        raise WeightsError(
            f"the checkpoint lacks {len(missing)} tensors of the model ({missing[0]})", where=file, fix=fix
        )
