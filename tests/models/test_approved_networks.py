"""Scores and gradients of every network, from fixed weights and inputs, are those that were approved."""

from dataclasses import replace
from typing import Any

import torch

from models.aim import Aim
from models.aim_config import AimSizes
from models.comparisons import COMPARISONS, ComparisonConfig, build_network
from models.layers import Layers
from models.published_methods import PUBLISHED_METHODS, group_edges
from tests.helpers.approved_numbers import ApprovedNumbers, summary
from tests.models.test_aim import SMALL, SWITCHES, inputs
from tests.models.test_published_methods import batch, dropout, started

SIZES = AimSizes(primary=6, secondary=6, agents=1, scene=7)
NODES = ((0, 1, 2), (3, 4, 5))
GRAPH = {"primary_nodes": NODES, "secondary_nodes": NODES, "edges": ((0, 1), (2, 3), (0, 2))}
MORE_SWITCHES = [{"identity_start": True}, {"agents": "concat"}, {"variant": "scene_agents"}]


def learnt(network, **results):
    """Summaries of results and of the gradients of their sum."""
    given = {name: values for name, values in results.items() if values is not None}
    network.zero_grad()
    sum(values.sum() for values in given.values() if values.requires_grad).backward()  # type: ignore[union-attr]
    grads = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    return {name: summary(values.detach()) for name, values in {**given, **grads}.items()}


def test_published_methods(snapshot):
    numbers, x, voters = dict[str, Any](), batch(), torch.tensor([0, 3, 5]).expand(2, 7, 3)
    for kind in PUBLISHED_METHODS:
        net = started(kind)
        loss = net.loss(x, torch.arange(6, -1, -1).expand(2, -1), dropout(2, 7))
        judges = net.predict(x.steps, x, voters, dropout(2, 7))
        made = {"score": judges.mean(-1), "judges": judges if kind == "musdl" else None}
        numbers |= {f"{kind} False: {name}": n for name, n in learnt(net, loss=loss, **made).items()}
    # Many differences of whole scores equal a bound; rounding must not move them to another group.
    generator, net = torch.Generator().manual_seed(3), started("core", 1)
    scaled = torch.randint(1, 15, (24,), generator=generator) / 1.5
    net.edges, apart = group_edges(scaled, 8), (scaled - scaled[torch.randperm(24, generator=generator)])[None]
    logs, places = torch.randn(2, 1, 24, 8, generator=generator)
    numbers["core, whole scores"] = summary(net.tree_loss(logs.log_softmax(-1), places, apart))
    assert numbers == snapshot.use_extension(ApprovedNumbers)


def test_aim_and_comparisons(snapshot):
    numbers, nets = dict[str, Any](), dict[str, Any]()
    for kind in COMPARISONS:
        config = ComparisonConfig(kind, **GRAPH, width=16, regression_width=8)
        nets[f"{kind} 1"] = build_network(config, SIZES, Layers(2))
    nets |= {str(changes): Aim(replace(SMALL, **changes), SIZES, Layers(2)) for changes in (*SWITCHES, *MORE_SWITCHES)}
    for name, net in nets.items():
        net.start([torch.Generator().manual_seed(seed) for seed in range(2)], torch.tensor([1.0, 2.0]))
        made = learnt(net, **vars(net(inputs(2, 5, sizes=SIZES))))
        numbers |= {f"{name}: {part}": n for part, n in made.items()}
    assert numbers == snapshot.use_extension(ApprovedNumbers)
