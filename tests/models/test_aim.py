"""The AIM network: equations, switches, masks, and stacks against ordinary layers."""

from dataclasses import replace

import pytest
import torch

from models.aim import Aim, AimInputs
from models.aim_config import AimConfig, AimSizes
from models.layers import Layers
from models.losses import aim_loss, mean_squared_error, pairwise_logistic
from pipeline.settings.config import load_config

SMALL = AimConfig(width=16, regression_width=8, identity_start=False, difference="signed", feature_dropout=0.0)
"""Small, and in all else the paper's."""
SIZES = AimSizes(primary=6, secondary=5, agents=1, scene=7)


def inputs(*lead, sizes=SIZES, steps=4, seed=0):
    """Random inputs with every agent observed."""
    draw = torch.Generator().manual_seed(seed)
    return AimInputs(
        primary=torch.randn(*lead, steps, sizes.primary, generator=draw),
        primary_mask=torch.ones(*lead, steps),
        secondary=torch.randn(*lead, steps, sizes.agents, sizes.secondary, generator=draw),
        secondary_mask=torch.ones(*lead, steps, sizes.agents),
        scene=torch.randn(*lead, steps, sizes.scene, generator=draw),
    )


def build(sizes=SIZES, **changes):
    """One ordinary network."""
    torch.manual_seed(1)
    return Aim(replace(SMALL, **changes), sizes)


def test_the_preset_of_the_paper_has_its_sizes():
    net = Aim(load_config("jigsaws-paper").method.network, AimSizes(primary=51, secondary=38, scene=400))
    parts = (net.encoder, net.key, net.interaction.transformation, net.regression.hidden)
    assert [tuple(part.weight.shape) for part in parts] == [(512, 400), (512, 400), (51, 38), (128, 512)]
    assert net.interaction.temporal.weight_ih_l0.shape == (2048, 102)


def test_forward_follows_the_equations():
    """The expected values are computed step by step with the network's own layers."""
    net, x = build(multi_task=True), inputs(3)
    out = net(x)
    transformed = net.interaction.transformation(x.secondary[:, :, 0])
    joined = torch.cat([x.primary, x.primary - transformed], dim=-1)
    y = net.interaction.temporal(joined)
    whole = torch.relu(net.encoder(x.scene))
    key = net.key(x.scene)
    for b in range(3):
        for t in range(4):
            two = torch.stack([whole[b, t], y[b, t]], dim=1)  # (d, 2)
            weight = torch.softmax(two.T @ key[b, t], dim=0)  # (2,), equation 5
            fused = two @ weight  # (d,), equation 4
            hidden = torch.relu(net.regression.hidden(fused))
            torch.testing.assert_close(out.attention[b, t], weight)
            torch.testing.assert_close(out.step_scores[b, t], net.regression.out(hidden)[0])
    torch.testing.assert_close(out.score, out.step_scores.sum(1))
    execution = net.execution.out(torch.relu(net.execution.hidden(whole))).sum((1, 2))
    together = net.synchronisation.out(torch.relu(net.synchronisation.hidden(y))).sum((1, 2))
    torch.testing.assert_close(out.execution, execution)
    torch.testing.assert_close(out.synchronisation, together)


SWITCHES = [
    {},
    {"variant": "no_aim"},
    {"variant": "scene"},
    {"variant": "scene_agents"},
    {"fusion": "halves"},
    {"difference": "none"},
    {"difference": "absolute"},
    {"exchange": True},
    {"multi_task": True},
    {"variant": "scene", "multi_task": True},
    {"feature_dropout": 0.5},
]


def test_without_scene_only_the_interaction_counts_and_a_head_is_missing_for_a_reason():
    sizes = replace(SIZES, scene=0)
    out = build(sizes, multi_task=True)(inputs(2, sizes=sizes))
    assert out.score.isfinite().all()
    assert torch.equal(out.attention, torch.tensor([0.0, 1.0]).expand(2, 4, 2))
    assert (out.execution is None, out.synchronisation is None) == (True, False)
    heads = {"execution", "synchronisation"}
    for variant in ("aim", "no_aim", "scene", "scene_agents"):
        for sizes in (SIZES, *[replace(SIZES, scene=0)] * ("aim" in variant)):
            net = build(sizes, variant=variant, multi_task=True)
            assert {name for name in heads if hasattr(net, name)} == heads - {*net.config.missing_heads(sizes)}
    assert not build(multi_task=False).config.missing_heads(SIZES)


def test_an_unobserved_secondary_changes_nothing():
    net, x = build(), inputs(2)
    hidden = replace(x, secondary_mask=torch.zeros_like(x.secondary_mask))
    other = replace(hidden, secondary=x.secondary + 9)
    torch.testing.assert_close(net(hidden).score, net(other).score)
    assert not torch.allclose(net(hidden).score, net(x).score)


def test_identity_start():
    sizes = replace(SIZES, secondary=6)
    net = Aim(replace(SMALL, identity_start=True), sizes, Layers(2))
    net.start([torch.Generator().manual_seed(seed) for seed in range(2)], torch.tensor([0.5, float("nan")]))
    assert torch.equal(net.interaction.transformation.weight, torch.eye(6).expand(2, 6, 6))
    assert net.regression.out.bias[0] == 0.5
    assert net.regression.out.bias[1] != 0.5


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({"variant": "scene"}, replace(SIZES, scene=0)),
        ({"transformation": False}, SIZES),
        ({"exchange": True}, replace(SIZES, agents=2)),
        ({}, replace(SIZES, primary=0)),
    ],
)
def test_impossible_networks_are_refused(changes, sizes):
    with pytest.raises(ValueError, match=r"\w"):
        Aim(replace(SMALL, **changes), sizes)


def test_loss_is_equation_8():
    """Each part over the samples that have its label, and the ranking loss of the final score."""
    out = build(multi_task=True)(inputs(3))
    targets, weights = torch.rand(3, 3), torch.ones(3, 3)
    weights[2], weights[0, 1] = 0, 0
    columns = list(zip((out.score, out.execution, out.synchronisation), targets.T, weights.T, strict=True))
    parts = [mean_squared_error(*column) for column in columns]  # type: ignore[arg-type]
    expected = parts[0] + 0.4 * parts[1] + 0.6 * parts[2]
    torch.testing.assert_close(aim_loss(out, targets, weights, 0.4), expected)
    ranked = expected + 0.5 * pairwise_logistic(*columns[0])  # type: ignore[arg-type]
    torch.testing.assert_close(aim_loss(out, targets, weights, 0.4, 0.5), ranked)
