"""Reading files of tensors without running code from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

_WRAPPERS = ("state_dict", "model_state", "model_state_dict", "model")
"""Keys under which training code keeps the state dict."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors by name of a safetensors or PyTorch file, on the CPU. Raises DataError: anything but tensors."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        import torch

        tree: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the libraries raise many kinds for a damaged file
        reason = str(error).split("\n", 1)[0]
        what = f"cannot read tensors from this file ({type(error).__name__}: {reason})"
        raise DataError(what, where=path, fix="Give a .safetensors file or a PyTorch state dict") from error
    for key in _WRAPPERS:
        if isinstance(tree, Mapping) and isinstance(tree.get(key), Mapping):
            tree = tree[key]
            break
    if not isinstance(tree, Mapping) or not all(isinstance(value, torch.Tensor) for value in tree.values()):
        raise DataError("not a state dict: something other than named tensors is in it", where=path)
    return {str(key).removeprefix("module."): value for key, value in tree.items()}
