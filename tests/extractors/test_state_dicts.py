"""Files of weights give tensors and run no code."""

import io
import os
import random
from contextlib import suppress

import pytest

from data.errors import DataError, WeightsError
from extractors.state_dicts import load_checkpoint, read_tensors
from tests.helpers.pickled_calls import Calls


def test_checkpoints_are_unwrapped_and_cannot_run_code(tmp_path):
    import torch
    from safetensors.torch import save_file

    path = tmp_path / "net.pt"
    torch.save({"epoch": 3, "state_dict": {"module.layer.weight": torch.ones(2)}}, path)
    assert list(read_tensors(path.read_bytes(), str(path))) == ["layer.weight"]
    torch.save({"layer": Calls(os.mkdir, "/nowhere/made")}, path)
    with pytest.raises(DataError, match="cannot read tensors"):
        read_tensors(path.read_bytes(), str(path))
    save_file({"module.layer.weight": torch.ones(2)}, tmp_path / "net.safetensors")
    path = tmp_path / "net.safetensors"
    assert list(read_tensors(path.read_bytes(), str(path))) == ["layer.weight"]
    path.write_bytes(b'\x08\0\0\0\0\0\0\0{"a":{}}')
    with pytest.raises(DataError, match="cannot read tensors"):
        read_tensors(path.read_bytes(), str(path))
    path = tmp_path / "net.pt"
    torch.save({"epoch": 3}, path)
    with pytest.raises(DataError, match="not a state dict"):
        read_tensors(path.read_bytes(), str(path))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_checkpoint_is_named(zipped):
    import torch

    network, content, rng = torch.nn.Linear(3, 4), io.BytesIO(), random.Random(1)
    torch.save({"state_dict": network.state_dict()}, content, _use_new_zipfile_serialization=zipped)
    for _ in range(200):
        damaged = bytearray(content.getvalue())
        for _ in range(5):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        with suppress(WeightsError):
            load_checkpoint(network, bytes(damaged), "net.pth")
