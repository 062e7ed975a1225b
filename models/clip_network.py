"""Clip networks of any library with one interface: uint8 clips in, logits and pooled features out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ClipNetwork(nn.Module):
    """A network preceded by its normalisation, so that every runtime takes pictures as bytes.

    Args:
        network: (batch, 3, frame, row, column) to logits (batch, class) and features (batch, channel).
        mean, std: of RGB in 0..1, for the normalisation.
    """

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network: nn.Module = network
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.tensor(mean) * 255.0)
        self.register_buffer("scale", 1.0 / (torch.tensor(std) * 255.0))

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, class) and features (batch, channel), float32, of uint8 (batch, frame, row, column, RGB)."""
        x = (clips.to(self.mean.dtype) - self.mean) * self.scale
        kind = next(self.network.parameters()).dtype  # normalised in fp32, so half precision rounds pictures only once
        logits, features = self.network(x.permute(0, 4, 1, 2, 3).to(kind))
        return logits.float(), features.float()


class Tapped(nn.Module):
    """A classifier that also returns the input of its last linear layer.

    Args:
        network: gives class scores (batch, class).
        head: dotted name of its last layer, an `nn.Linear`; a softmax or dropout after it is removed.

    Raises ValueError: `head` is not a linear layer.
    """

    def __init__(self, network: nn.Module, head: str) -> None:
        super().__init__()
        layer = network.get_submodule(head)
        if not isinstance(layer, nn.Linear):
            raise ValueError(f"'{head}' is a {type(layer).__name__}, not a linear layer")
        path, _, name = head.rpartition(".")
        parent = network.get_submodule(path)
        setattr(parent, name, nn.Identity())
        if isinstance(getattr(parent, "activation", None), nn.Module):
            parent.activation = nn.Identity()
        self.network, self.head = network, layer

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, class) and features (batch, channel) of (batch, 3, frame, row, column)."""
        features = self.network(clips)
        return self.head(features), features


class VideoTransformer(nn.Module):
    """A video network of the library `transformers` on clips (batch, 3, frame, row, column).

    It returns class scores (batch, class), or without a class layer the mean of its tokens (batch, channel). `options`
    are further arguments of its forward pass.
    """

    def __init__(self, network: nn.Module, **options: bool) -> None:
        super().__init__()
        self.network, self.options = network, options

    def forward(self, clips: Tensor) -> Tensor:
        """See the class."""
        made = self.network(clips.transpose(1, 2), **self.options)
        scores: Tensor = made["logits"] if "logits" in made else made["last_hidden_state"].mean(dim=1)
        return scores


class Headless(nn.Module):
    """A network of features (batch, channel) without classes: the logits are (batch, 0)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and features of (batch, 3, frame, row, column)."""
        features = self.network(clips)
        return features[:, :0], features
