"""The line on what differs from the paper: no setting of the method can be forgotten."""

import pytest

from data.weights.registry import REGISTRY
from models.estimate import Estimate
from pipeline.cache.cache_key import StageDescription
from pipeline.evaluate.paper_differences import OPEN, left_open, paper_differences
from pipeline.settings.config import load_config
from tests.helpers.made_results import made_results, system

PAPER_PRESET = "jigsaws-paper"
PAPER = load_config(PAPER_PRESET).method


def said(config=None, settings=None):
    given = load_config(config, settings or {})
    return ", ".join(paper_differences(given.method, given.dataset.kind, {}))


def test_settings_count_where_their_stage_runs(snapshot):
    """The paper's own presets differ in nothing; the best row of table 4 has several tasks."""
    cases = (
        *((name, {}) for name in ("jigsaws", "tasd2", "finediving", PAPER_PRESET, "tasd2-paper", "aqa7-paper")),
        ("tasd2", {"timesteps.statistics": "dct"}),
        ("tasd2", {"model.multi_task": False, "clips.layout": "uniform"}),
        ("tasd2", {"kinematics.rotation": "6d"}),
        ("aqa7", {"train.weight_decay": 0.5}),
        (PAPER_PRESET, {"stages": ["timesteps"], "kinematics.rotation": "6d"}),
    )
    assert {f"{config} {settings}": said(config, settings) for config, settings in cases} == snapshot


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("i3d-kinetics400", "ab" * 32, ["clips.weights SHA-256 abababababab (i3d-kinetics400)"]),
        ("i3d-kinetics400", REGISTRY["i3d-kinetics400"].member_sha256, []),
        ("random", "ab" * 32, ["clips.weights SHA-256 abababababab (i3d-kinetics400)"]),
        ("random", REGISTRY["i3d-kinetics400"].member_sha256, []),
        ("random", "random:0", ["clips.weights random (i3d-kinetics400)"]),
    ],
)
def test_the_weights_that_made_the_features_are_compared(name, weights, expected):
    """The path of a file is not a setting of the method, and the file's content changes the result."""
    made = {"clips": StageDescription(2, {}, {"weights": weights}), "timesteps": StageDescription(7, {}, {})}
    assert paper_differences(load_config(PAPER_PRESET, {"clips.weights": name}).method, "jigsaws", made) == expected


def test_what_the_paper_leaves_open_is_said_of_its_own_presets_too():
    """As far as it concerns the evaluation: several views, hands, several folds."""
    systems = {"AIM": system(Estimate(0.5))}
    two_views, one_part = made_results(systems, videos=120), made_results(systems, folds=1)
    assert left_open(two_views, PAPER) == [*OPEN]
    assert left_open(one_part, load_config("tasd2-paper").method) == [*OPEN][3:]
