"""The rtmlib backend on tiny ONNX models with constant outputs (needs rtmlib and onnx)."""

import numpy as np
import pytest

pytest.importorskip("rtmlib")
pytest.importorskip("onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper

from data.errors import DataError, UsageError
from data.stage_files import StageFiles
from data.store.files import sha256_file
from extractors import openvino_cpu
from extractors.openvino_cpu import compile_for_cpu
from extractors.pose.backends import load_backend, networks
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from tests.helpers.drawn_people import person

FILES = StageFiles()

IMAGE = np.zeros((100, 200, 3), dtype=np.uint8)


def model(path, shape, **outputs):
    """A model of an input (height, width) with constant outputs, which depend on the input so that none is pruned."""
    nodes, values = [], []
    nodes.append(helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0))
    nodes.append(helper.make_node("Mul", ["mean", "zero"], ["nought"]))
    values.append(numpy_helper.from_array(np.array(0, np.float32), "zero"))
    for name, value in outputs.items():
        values.append(numpy_helper.from_array(value.astype(np.float32), f"{name}_is"))
        nodes.append(helper.make_node("Add", [f"{name}_is", "nought"], [name]))
    source = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, *shape])
    sinks = [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in outputs.items()]
    graph = helper.make_graph(nodes, "constants", [source], sinks, values)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, path)
    return str(path)


def rtmo(path, score=0.9):
    """RTMO that gives one person."""
    boxes = np.array([[90, 80, 150, 240, score]])
    return model(path, (320, 640), dets=boxes[None], keypoints=person(120, 160)[None, None])


def backend(**settings):
    return load_backend(PoseConfig(backend="rtmlib", rtmlib=settings), FILES)


def test_openvino_compiles_as_for_every_other_network(tmp_path, monkeypatch):
    """rtmlib itself leaves the precision to OpenVINO (bf16 on some CPUs) and ties threads to cores."""
    compiled = []

    def compile_it(model, **options):
        compiled.append(model)
        return compile_for_cpu(model, **options)

    monkeypatch.setattr(openvino_cpu, "compile_for_cpu", compile_it)
    ready = load_backend(PoseConfig(backend="rtmlib", rtmlib={"model": rtmo(tmp_path / "rtmo.onnx")}, threads=1), FILES)
    assert len(ready.detect(IMAGE)) == 1
    assert not hasattr(ready._pose, "compiled_model")
    assert len(compiled) == 1


def test_rtmo_people_come_back_in_pixels_of_the_picture(tmp_path):
    poses = np.stack([person(120, 160, score=0.8), person(300, 160, score=0.6)])
    boxes = np.array([[90, 80, 150, 240, 0.9], [270, 80, 330, 240, 0.7]])
    path = model(tmp_path / "rtmo.onnx", (320, 640), dets=boxes[None], keypoints=poses[None])
    detections = backend(model=path).detect(IMAGE)  # 200 x 100 is shown at 3.2 times its size
    assert detections.scores == pytest.approx([0.8, 0.6])
    assert detections.keypoints[0, :, :2] * 3.2 == pytest.approx(poses[0, :, :2], abs=0.01)


def test_nobody_is_nobody(tmp_path):
    assert not len(backend(model=rtmo(tmp_path / "rtmo.onnx", score=0.01)).detect(IMAGE))


def test_top_down_poses_are_inside_the_detectors_boxes(tmp_path):
    dets = np.array([[[40.0, 20, 100, 100, 0.9]]])
    detector = model(tmp_path / "rtmdet.onnx", (320, 320), dets=dets)
    x, y = np.zeros((1, 17, 384)), np.zeros((1, 17, 512))
    x[..., 192], y[..., 256] = 0.7, 0.7  # the middle of the crop
    pose = model(tmp_path / "rtmpose.onnx", (256, 192), x=x, y=y)
    detections = backend(model=pose, detector=detector, detector_kind="rtmdet").detect(IMAGE)
    assert len(detections) == 1
    middle = np.array([70, 60]) / 1.6  # 200 pixels are shown as 320
    assert np.abs(detections.keypoints[0, :, :2] - middle).max() < 1


def test_files_that_are_missing_or_no_models_are_clear_errors(tmp_path):
    with pytest.raises(DataError, match="no such file of weights"):
        backend(model=str(tmp_path / "nowhere.onnx"))
    (tmp_path / "text.onnx").write_text("nothing")
    with pytest.raises(DataError, match="not a RTMO model"):
        backend(model=str(tmp_path / "text.onnx"))
    with pytest.raises(UsageError, match="model is not set"):
        backend()


def test_the_kind_of_a_detector_is_a_setting_and_in_the_key(tmp_path):
    """The setting decides how boxes are decoded, not the name of the file."""
    path = rtmo(tmp_path / "rtmdet.onnx")

    def key(kind):
        settings = {"model": path, "detector": path, "detector_kind": kind}
        return dict(Pose.identity(PoseConfig(backend="rtmlib", rtmlib=settings), FILES))

    assert [key(kind)["detector_kind"] for kind in ("yolox", "rtmdet")] == ["yolox", "rtmdet"]
    assert key("yolox")["library"].startswith("rtmlib ")
    with pytest.raises(UsageError, match=r"detector_kind=yolox or rtmdet"):
        key("")


def test_a_mode_is_downloaded_by_rtmlib_once(tmp_path, monkeypatch):
    import zipfile

    from rtmlib import Body
    from rtmlib.tools import file

    asked = []
    said = []

    def download(address, place, *_, **__):
        asked.append(address)
        with zipfile.ZipFile(place, "w") as archive:
            archive.write(rtmo(tmp_path / "made.onnx"), "inner/end2end.onnx")

    monkeypatch.setenv("AIM_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setattr(file, "download_url_to_file", download)
    config = PoseConfig(backend="rtmlib", rtmlib={"mode": "lightweight"})
    for _ in range(2):
        Pose.fetch(config, FILES, said.append)
    assert said == [f"downloading {address}" for address in asked]
    assert asked == [network.weights for network in networks(config, FILES).values()]
    assert {*asked} == {Body.MODE["lightweight"][kind] for kind in ("pose", "det")}
    here = Pose.identity(config, FILES)
    assert here["weights"] == here["detector"] == sha256_file(tmp_path / "made.onnx")
    by_path = PoseConfig(backend="rtmlib", rtmlib={"model": str(tmp_path / "made.onnx")})
    assert Pose.identity(by_path, FILES)["weights"] == here["weights"]
    assert by_path.result_settings() == config.result_settings()
    left = {path.name for path in (tmp_path / "weights").iterdir() if not path.name.startswith(".")}
    assert left == {network.path.name for network in networks(config, FILES).values()}
