"""Losses and decodings of the published methods against calculations by hand."""

import numpy as np
import pytest
import torch

from models.layers import Layers
from models.published_methods import (
    PUBLISHED_METHODS,
    Core,
    LabelledSteps,
    PublishedConfig,
    build_published,
)
from models.stacked import MemberDropout

KINDS = list(PUBLISHED_METHODS)
STEPS, FEATURES = 6, 5


def dropout(members, rows):
    return MemberDropout([np.random.Generator(np.random.SFC64(i)) for i in range(members)], [rows] * members)


def batch(members=2, rows=7, judges=3):
    generator = torch.Generator().manual_seed(1)
    score = 10 * torch.rand(rows, generator=generator).expand(members, -1)
    steps = torch.randn(members, rows, STEPS, FEATURES, generator=generator)
    return LabelledSteps(steps, score, score.unsqueeze(-1).expand(-1, -1, judges).clone())


def started(kind, members=2, **settings):
    net = build_published(PublishedConfig(kind, width=16, **settings), FEATURES, 3, Layers(members))  # type: ignore[arg-type]
    net.start([torch.Generator().manual_seed(i) for i in range(members)], batch().score[0])
    return net


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_is_the_same_in_any_stack_and_every_parameter_learns(kind):
    x, partners, voters = batch(), torch.arange(6, -1, -1).expand(2, -1), torch.zeros(2, 7, 3, dtype=torch.long)
    stack = started(kind)
    loss = stack.loss(x, partners, dropout(2, 7))
    assert loss.shape == (2,)
    loss.sum().backward()
    assert [name for name, p in stack.named_parameters() if p.grad is None] == []
    alone = started(kind, 1)
    first = LabelledSteps(x.steps[:1], x.score[:1], x.judges[:1])
    torch.testing.assert_close(alone.loss(first, partners[:1], dropout(1, 7)), loss[:1])
    predicted = stack.predict(x.steps, x, voters, dropout(2, 7))
    assert predicted.shape == (2, 7, 3 if kind == "musdl" else 1)
    assert torch.equal(predicted, stack.predict(x.steps, x, voters, dropout(2, 7)))
    single = alone.predict(x.steps[:1], first, voters[:1], dropout(1, 7))
    torch.testing.assert_close(single[0], predicted[0])


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
