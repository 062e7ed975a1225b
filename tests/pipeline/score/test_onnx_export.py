"""One ONNX file gives the scores that torch gives, for any number of performances; a file that differs is refused."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from data.errors import DataError, UsageError
from data.weights.quiet_openvino import openvino as ov
from models.aim_config import AimConfig
from pipeline.score import TrainedModel, onnx_export
from pipeline.score.onnx_export import TOLERANCE, export_onnx
from pipeline.settings.train_config import TrainConfig
from tests.helpers.made_features import made_features, with_records

pytest.importorskip("onnxscript")

MODELS = {
    "multi-task": (AimConfig(width=8, regression_width=4, multi_task=True, difference="absolute"), {"agents": 2}, ()),
    "one head without labels": (AimConfig(width=8, regression_width=4, multi_task=True), {}, ("synchronisation",)),
    "no head has labels": (AimConfig(width=8, multi_task=True), {}, ("synchronisation", "execution")),
    "scene only": (AimConfig(width=8, regression_width=4, variant="scene"), {}, ()),
    "no scene": (AimConfig(width=8, regression_width=4), {"scene": 0}, ()),
    "without AIM": (AimConfig(width=8, regression_width=4, variant="no_aim", agents="concat"), {"agents": 2}, ()),
}
"""Network, sizes of the features, and labels that are missing."""


def trained(folder, name):
    """Train the model `name` into `folder`; returns features far from zero, where single precision is weak."""
    model, sizes, missing = MODELS[name]
    made = made_features(12, channels=5, **{"scene": 6, **sizes})
    features = with_records(made, lambda r, _: {"labels": replace(r.labels, **dict.fromkeys(missing))})
    features = replace(features, scene=made.scene + 3000)
    clip = {"clip": None} if name == "scene only" else {}
    TrainedModel.fit(features, TrainConfig(networks=2, epochs=3, **clip), model).save(folder)
    return features


@pytest.mark.parametrize("name", list(MODELS))
def test_parity_with_torch(name, tmp_path):
    features = trained(tmp_path / "run", name)
    done = export_onnx(tmp_path / "run", tmp_path / "out/model.onnx")
    assert done.difference <= TOLERANCE
    assert done.outputs["score"] == ["B"]
    assert done.bytes == (tmp_path / "out/model.onnx").stat().st_size
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["model.onnx"], "one file, nothing beside it"
    net = ov.Core().compile_model(str(done.path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    truth = TrainedModel.load(tmp_path / "run").predict(features)
    heads = {head for head in ("execution", "synchronisation") if getattr(truth, head) is not None}
    assert heads == {*done.outputs} & {"execution", "synchronisation"}
    assert not heads & {*MODELS[name][2]}
    given = {name: np.asarray(getattr(features, name), dtype=np.float32) for name in done.inputs}
    for rows in (slice(0, 12), slice(0, 1), slice(3, 10)):
        outputs = net({name: values[rows] for name, values in given.items()})
        for output in ("score", "attention", *heads):
            np.testing.assert_allclose(outputs[output], getattr(truth, output)[rows], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(outputs["members"], truth.members[:, rows], rtol=1e-5, atol=1e-5)


def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch):
    trained(tmp_path / "run", "scene only")
    right = onnx_export._scale
    monkeypatch.setattr(onnx_export, "_scale", lambda normaliser, column: (right(normaliser, column)[0] * 1.001, 0.0))
    with pytest.raises(DataError, match="differs from torch"):
        export_onnx(tmp_path / "run", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_missing_packages_are_named(tmp_path, monkeypatch):
    trained(tmp_path / "run", "scene only")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UsageError, match=r"'onnxscript', which is not installed.* Type: .* pip install .*\[export\]"):
        export_onnx(tmp_path / "run", tmp_path / "model.onnx")
