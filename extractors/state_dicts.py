"""Reads tensors from files of weights, without running code from them."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import DataError
from data.store import read_regular

if TYPE_CHECKING:
    from torch import Tensor

MAX_BYTES = 1 << 34
"""Larger files of weights are refused."""

_WRAPPERS = ("state_dict", "model_state", "model_state_dict", "model")  # keys of the tensors in checkpoints


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors by name of a safetensors or PyTorch file, on the CPU. Raises DataError: anything but tensors."""
    fix = "Give a .safetensors file or a PyTorch state dict"
    try:
        content = read_regular(path, MAX_BYTES)
        import torch
        from safetensors.torch import load

        pickled = path.suffix != ".safetensors"
        tree: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True) if pickled else load(content)
    except Exception as error:  # the libraries raise many kinds for a damaged file
        reason = str(error).split("\n", 1)[0]
        what = f"cannot read tensors from this file ({type(error).__name__}: {reason})"
        raise DataError(what, where=path, fix=fix) from error
    for key in _WRAPPERS:
        if isinstance(tree, Mapping) and isinstance(tree.get(key), Mapping):
            tree = tree[key]
            break
    if not isinstance(tree, Mapping) or not all(isinstance(value, torch.Tensor) for value in tree.values()):
        raise DataError("not a state dict: it holds something other than named tensors", where=path, fix=fix)
    return {str(key).removeprefix("module."): value for key, value in tree.items()}


class _Log:
    """An empty object for the training logs in a checkpoint, and for `getattr`, which those logs call."""

    def __init__(self, *_: Any) -> None:
        pass


def load_checkpoint(model: Any, path: Path) -> None:
    """Load a checkpoint into a torch module without running code from it.

    Published checkpoints hold training logs: numpy scalars and mmengine's HistoryBuffer. This function admits numpy's
    constructors and replaces the logs by empty objects. torch refuses everything else that is no tensor.

    Raises DataError: not such a checkpoint, or one of another model.
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
            content = read_regular(path, MAX_BYTES)
            stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        what = "not a PyTorch checkpoint that loads without running code"
        raise DataError(what, where=path, fix="Get the checkpoint again from its publisher") from error
    fix = "Give the configuration that belongs to this checkpoint"
    try:
        missing, _ = model.load_state_dict(stored.get("state_dict", stored), strict=False)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise DataError("the checkpoint does not fit the model", where=path, fix=fix) from error
    if missing:
        raise DataError(f"the checkpoint lacks {len(missing)} tensors of the model ({missing[0]})", where=path, fix=fix)
