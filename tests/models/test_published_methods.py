"""Losses and decodings of the published methods against calculations by hand."""

import numpy as np
import pytest
import torch

from models.layers import Layers
from models.published_methods import (
    Core,
    LabelledSteps,
    PublishedConfig,
    build_published,
)
from models.stacked import MemberDropout

STEPS, FEATURES = 6, 5


def dropout(members, rows):
    return MemberDropout([np.random.Generator(np.random.SFC64(i)) for i in range(members)], [rows] * members)


def batch(members=2, rows=7, judges=3):
    generator = torch.Generator().manual_seed(1)
    score = 10 * torch.rand(rows, generator=generator).expand(members, -1)
    steps = torch.randn(members, rows, STEPS, FEATURES, generator=generator)
    return LabelledSteps(steps, score, score.unsqueeze(-1).expand(-1, -1, judges).clone())


def started(kind, members=2):
    net = build_published(PublishedConfig(kind, width=16), FEATURES, 3, Layers(members))  # type: ignore[arg-type]
    net.start([torch.Generator().manual_seed(i) for i in range(members)], batch().score[0])
    return net


def test_the_tree_gives_probabilities_and_its_decoding_inverts_its_loss():
    net = started("core")
    assert isinstance(net, Core)
    logs, _ = net.tree(torch.randn(2, 4, net.relation_width()))
    torch.testing.assert_close(logs.exp().sum(-1), torch.ones(2, 4))
    net.edges = torch.tensor([-8.0, -4, -2, -1, 0, 1, 2, 4, 8])
    differences = torch.tensor([[-7.0, -1.5, 0.0, 3.0, 8.0]])
    group = torch.tensor([[0, 2, 4, 6, 7]])
    certain = torch.full((1, 5, 8), -1e9).scatter(-1, group.unsqueeze(-1), 0.0)
    place = torch.tensor([[0.25, 0.5, 0.0, 0.5, 1.0]]).unsqueeze(-1).expand(-1, -1, 8)
    torch.testing.assert_close(net.tree_loss(certain, place, differences), torch.zeros(1))
    torch.testing.assert_close(net.decode(certain, place), differences)


def test_musdl_without_judges_is_refused():
    with pytest.raises(ValueError, match="single judges"):
        build_published(PublishedConfig("musdl"), FEATURES, 0, Layers(1))
