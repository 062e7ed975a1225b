"""The mmpose backend, in an environment that has the `mmpose` extra: seeded random weights, safe checkpoints."""

import os

import numpy as np
import pytest

pytest.importorskip("mmpose")

import torch

from data.errors import AimError, DataError
from data.stage_files import StageFiles
from data.weights.pose_networks import PoseNetwork, _config, _people_detector
from extractors.pose.backends import load_backend, networks
from extractors.pose.backends.mmpose import MMPose, import_mmpose
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from tests.helpers.pickled_calls import Calls

FILES = StageFiles()

pytestmark = pytest.mark.filterwarnings("ignore")

ONE_STAGE = "rtmo-s_8xb32-600e_coco-640x640"
TOP_DOWN = "rtmpose-t_8xb256-420e_coco-256x192"
IMAGE = np.random.default_rng(0).integers(0, 255, (128, 228, 3), dtype=np.uint8)


def backend(min_score=0.1, **settings):
    made = load_backend(PoseConfig(backend="mmpose", mmpose=settings, min_score=min_score), FILES)
    assert isinstance(made, MMPose)
    return made


def seeded(config):
    """mmpose's model of a shipped configuration, with random weights."""
    import_mmpose()
    from mmpose.apis import init_model

    settings = PoseNetwork("mmpose", "", _config(config)).settings
    settings.model.backbone.init_cfg = None
    torch.manual_seed(0)
    model = init_model(settings, None, device="cpu")
    model.init_weights()
    return model


@pytest.fixture(scope="module")
def one_stage():
    return seeded(ONE_STAGE)


@pytest.fixture(scope="module")
def top_down():
    return seeded(TOP_DOWN)


@pytest.fixture(scope="module")
def detector():
    """mmdet's model that mmpose names for people."""
    import_mmpose()
    from mmdet.apis import init_detector

    settings = _people_detector().settings
    settings.model.backbone.init_cfg = None
    torch.manual_seed(0)
    return init_detector(settings, None, device="cpu")


def detecting(model):
    """A copy of the tensors with class 0 likely everywhere and boxes of some size: random weights detect people."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for name, value in state.items():
        if name.endswith("bias"):
            if "rtm_cls" in name:
                value[0] = 1.0
            elif "rtm_reg" in name:
                value[:] = 20.0
            elif name.startswith("head.head_module.out_cls"):
                value[:] = 1.0
    return state


def saved(path, content):
    torch.save(content, path)
    return str(path)


def check(people):
    assert people.keypoints.shape == (len(people), 17, 3)
    assert np.isfinite(people.keypoints).all()
    scores = people.keypoints[..., 2]
    assert 0 <= scores.min() <= scores.max() <= 1
    assert (np.diff(people.scores) <= 0).all()


def test_rtmo_finds_people_with_a_checkpoint_of_seeded_weights(one_stage, tmp_path):
    path = saved(tmp_path / "rtmo.pth", {"state_dict": detecting(one_stage)})
    config = PoseConfig(backend="mmpose", mmpose={"config": ONE_STAGE, "checkpoint": path})
    check(load_backend(config, FILES).detect(IMAGE))
    hashes = dict(Pose.identity(config, FILES))
    assert hashes.pop("library").startswith("mmpose ")
    assert {name: len(value) for name, value in hashes.items()} == {"weights": 64, "weights_config": 64}


def test_rtmpose_poses_the_people_that_rtmdet_finds(top_down, detector, tmp_path, monkeypatch):
    monkeypatch.setenv("AIM_WEIGHTS_DIR", str(tmp_path))
    found = networks(PoseConfig(backend="mmpose", mmpose={"alias": "rtmpose-t"}), FILES)
    for network, weights in ((found["weights"], top_down.state_dict()), (found["detector"], detecting(detector))):
        saved(tmp_path / network.weights.rsplit("/", 1)[1], {"state_dict": weights})
    check(backend(0.0, alias="rtmpose-t").detect(IMAGE))


def test_a_checkpoint_with_training_logs_loads(one_stage, tmp_path):
    from mmengine.logging import HistoryBuffer

    log = HistoryBuffer([1.0, 2.0], [1, 1])
    content = {
        "state_dict": one_stage.state_dict(),
        "message_hub": {"loss": log, "lr": np.float64(0.1), "lrs": np.arange(3.0)},
    }
    path = saved(tmp_path / "logged.pth", content)
    assert backend(config=ONE_STAGE, checkpoint=path)._model is not None


def test_a_checkpoint_with_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "bomb.pth", {"state_dict": Calls(os.mkdir, "boom")})
    with pytest.raises(DataError, match="without running code"):
        backend(config=ONE_STAGE, checkpoint=path)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "config is not set"),
        ({"config": ONE_STAGE}, "checkpoint is not set"),
        ({"alias": "rtmo-xxl"}, r"no model 'rtmo-xxl'. Did you mean 'rtmo-"),
        ({"config": "rtmo-xxl", "checkpoint": "nowhere.pth"}, "no such mmpose configuration"),
        ({"config": ONE_STAGE, "checkpoint": "nowhere.pth"}, "no such file of weights"),
    ],
)
def test_settings_that_name_no_model_are_refused(settings, message):
    with pytest.raises(AimError, match=message):
        backend(**settings)


@pytest.mark.parametrize(
    ("config", "model", "message"),
    [
        ("td-hm_hrnet-w32_8xb64-210e_mpii-256x256", "", "not COCO's 17"),
        (TOP_DOWN, "", "needs a detector"),
        (ONE_STAGE, TOP_DOWN, r"does not fit|lacks"),
    ],
)
def test_models_that_cannot_be_used_are_refused(config, model, message, tmp_path):
    path = saved(tmp_path / "model.pth", {"state_dict": seeded(model or config).state_dict()})
    with pytest.raises(AimError, match=message):
        backend(config=config, checkpoint=path)


def test_operators_that_mmcv_lite_lacks_say_so():
    import_mmpose()
    import mmcv._ext as operators

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [50, 50, 60, 60]])
    assert operators.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5, 0).tolist() == [0, 2]
    if operators.__spec__.loader is None:
        with pytest.raises(NotImplementedError, match="roi_align"):
            operators.roi_align_forward()


def test_weights_put_where_the_message_says_are_used(one_stage, tmp_path, monkeypatch):
    monkeypatch.setenv("AIM_WEIGHTS_DIR", str(tmp_path))
    config = PoseConfig(backend="mmpose", mmpose={"alias": "rtmo-s"})
    name = networks(config, FILES)["weights"].weights.rsplit("/", 1)[1]
    saved(tmp_path / name, {"state_dict": one_stage.state_dict()})
    by_alias = Pose.identity(config, FILES)
    settings = {"config": "rtmo-s_8xb32-600e_body7-640x640", "checkpoint": str(tmp_path / name)}
    by_path = PoseConfig(backend="mmpose", mmpose=settings)
    assert Pose.identity(by_path, FILES) == by_alias
    assert by_path.result_settings() == config.result_settings()


def test_a_changed_base_of_a_configuration_changes_the_key(tmp_path):
    (tmp_path / "base.py").write_text("codec = 1\n")
    config = tmp_path / "model.py"
    config.write_text("_base_ = ['base.py']\nmodel = dict(type='BottomupPoseEstimator')\n")
    settings = PoseConfig(backend="mmpose", mmpose={"config": str(config), "checkpoint": saved(tmp_path / "a.pth", {})})
    before = dict(Pose.identity(settings, FILES))
    (tmp_path / "base.py").write_text("# the same\ncodec = 1\n")
    assert Pose.identity(settings, FILES) == before
    (tmp_path / "base.py").write_text("codec = 2\n")
    assert Pose.identity(settings, FILES) != before
