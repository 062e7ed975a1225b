"""Compared networks and regressions: stacks equal single networks, names give graphs, impossible rows are left out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.aim_config import AimConfig, AimSizes
from models.comparisons import ComparisonConfig, build_network
from models.layers import Layers
from models.metrics import spearman
from pipeline.evaluate.leaderboard import ABLATIONS, OURS, all_systems
from pipeline.settings.train_config import TrainConfig
from pipeline.systems.descriptors import approximate_entropy
from pipeline.systems.graph_nodes import graph
from pipeline.systems.regressors import ECONOMY_AND_RIDGE, regression_systems
from tests.helpers.made_features import made_features
from tests.models.test_aim import inputs

SIZES = AimSizes(primary=6, secondary=6, agents=2, scene=7, trial=0)
NODES = ((0, 1, 2), (3, 4, 5))


def config(kind):
    edges = ((0, 1), (2, 3), (4, 5), (0, 2), (1, 3), (0, 4))
    return ComparisonConfig(kind, NODES, NODES, edges, width=16, regression_width=32)


@pytest.mark.parametrize("kind", ["st_gcn", "jr_gcn"])
def test_graph_networks_read_all_agents_along_edges(kind):
    torch.manual_seed(0)
    net, x = build_network(config(kind), SIZES, Layers()), inputs(2, sizes=SIZES)
    moved = x.secondary.clone()
    moved[..., 1, 3:] += 1
    assert not torch.allclose(net(x).score, net(replace(x, secondary=moved)).score)
    torch.manual_seed(0)
    other = build_network(replace(config(kind), edges=()), SIZES, Layers())
    assert not torch.allclose(net(x).score, other(x).score)


def test_snippets_see_few_steps_while_training():
    torch.manual_seed(0)
    net, x = build_network(config("snippets"), SIZES, Layers()), inputs(50, sizes=SIZES, steps=10)
    out = net(x, lambda values, rate: torch.nn.functional.dropout(values, rate))
    kept = (out.step_scores != 0).float().mean()
    assert 0.15 < kept < 0.45
    few = replace(config("snippets"), snippet_share=0.02)
    drawn = build_network(few, SIZES, Layers())(x, lambda values, rate: torch.nn.functional.dropout(values, rate))
    assert (drawn.step_scores != 0).any(-1).all(), "a draw of no snippet at all counts all of them"
    assert (net(x).step_scores != 0).all()


def test_networks_refuse_what_they_cannot_read():
    with pytest.raises(ValueError, match="whole-scene"):
        build_network(config("clip_lstm"), replace(SIZES, scene=0), Layers())
    with pytest.raises(ValueError, match="nodes"):
        build_network(ComparisonConfig("st_gcn"), SIZES, Layers())


def named(names, agents=1):
    made = made_features(24, channels=len(names), scene=6, trial=3, agents=agents)
    return replace(made, names={"primary": names, "secondary": names})


def test_graphs_are_the_approved_ones(snapshot):
    """Of bodies, whose agents are joined, of tools, and of nothing known."""
    leg = (f"body.left_{part}.{axis}.mean" for part in ("hip", "knee", "ankle") for axis in "xy")
    tools = ("left_x_m.mean", "left_y_m.mean", "right_x_m.mean", "right_y_m.mean", "distance_m.mean")
    made = {
        "bodies": named(("place.x.mean", *leg, "angle.left_knee.mean"), agents=2),
        "tools": named(tools),
        "unknown": replace(named(("a", "b")), names={}),
    }
    assert {name: [str(sorted(part)) for part in graph(given)] for name, given in made.items()} == snapshot


def test_approximate_entropy_tells_order_from_noise():
    rng = np.random.default_rng(0)
    regular = np.tile([0.0, 1.0], 50)[None, :, None]
    noise = rng.normal(size=(1, 100, 1))
    assert approximate_entropy(regular)[0, 0] == pytest.approx(0, abs=0.02)
    assert approximate_entropy(noise)[0, 0] > 0.3


def test_regressions_learn():
    """On the synthetic set the scene holds the execution, so every scene regression must rank well above chance."""
    features = made_features(80, channels=4, scene=10, trial=4)
    rows, asked = np.arange(50), np.arange(50, 80)
    records = tuple(
        replace(r, labels=replace(r.labels, score=r.labels.execution)) for r in features.records if r.labels
    )
    true = [record.labels.score for record in records[50:] if record.labels]
    for system in regression_systems(features):
        fitted = system.fitted(replace(features, records=records).take(rows))
        predicted = fitted.predict(features.take(asked)).score[0]
        assert np.isfinite(predicted).all(), system.name
        if "SVR" in system.name:
            assert spearman(predicted, true) > 0.5, system.name
        if "ridge" in system.name:  # the descriptors show the quality weakly
            assert spearman(predicted, true) > 0.2


def test_impossible_rows_are_left_out():
    features = made_features(20, channels=4, scene=0, agents=2)
    systems = all_systems(features, AimConfig(width=6, regression_width=4), TrainConfig(networks=1, epochs=1))
    assert OURS in systems
    assert not {ECONOMY_AND_RIDGE.name, "exchanged roles", "whole scene (baseline)"} & set(systems)
    assert "w/o difference" in systems
    assert set(ABLATIONS) & set(systems)
    assert "Pose+DCT" in systems
    assert not [name for name in systems if name.startswith(("I3D", "C3D"))]
