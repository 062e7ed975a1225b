"""Locates, downloads, hashes and opens weights and configurations of the pose networks of rtmlib and mmpose."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import runpy
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import util
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlparse

from data.errors import UsageError, WeightsError, install_line, nearest
from data.store import absence, expanded
from data.weights import digest
from data.weights.registry import Announce
from data.weights.weight_files import keep_download, library_version, read_weights, weights_dir

INSTALL = {
    "rtmlib": "Type: python -m pip install --no-deps rtmlib",
    "mmpose": f"Type: {install_line('mmpose')}",
}

MIRRORS = {"rtmlib": "DavidPagnon/rtmlib_models, a data set on the Hugging Face Hub"}
"""Mirrors that a library's issues recommend while its server is down (rtmlib: issue 75)."""

OWN_FILES = {
    "rtmlib": "--set pose.rtmlib.model=FILE.onnx, for a top-down model also --set pose.rtmlib.detector=FILE.onnx "
    "--set pose.rtmlib.detector_kind=yolox",
    "mmpose": "--set pose.mmpose.config=FILE.py --set pose.mmpose.checkpoint=FILE.pth",
    "mmdet": "a one-stage model, such as RTMO, needs no detector: --set pose.mmpose.config=FILE.py "
    "--set pose.mmpose.checkpoint=FILE.pth",
}
"""Settings that name files in place of a download."""

_TIMEOUT_S = 30.0
_DATASETS = ("body8", "body7", "coco")
"""Training sets in order of preference: a short name means the model that was trained on the first of them."""


@dataclass(frozen=True)
class PoseNetwork:
    """One network of rtmlib or mmpose."""

    package: str  # the library that runs it: rtmlib, mmpose or mmdet
    weights: str  # path, or the address for the library's download
    config: Path | None = None  # mmpose's or mmdet's configuration file
    kind: str = ""  # of a detector of rtmlib: yolox or rtmdet

    @property
    def path(self) -> Path:
        """The file of weights. Raises WeightsError, which says what to download to which path."""
        path = expanded(self.weights)
        if not self._is_named:
            if not path.is_file():
                raise WeightsError(absence(path, "file of weights"), where=self.weights, fix="Check the path")
            return path
        if not self._target.is_file():
            raise WeightsError("the weights are not here", where=self._target, fix=self._by_hand)
        return self._target

    @property
    def content(self) -> bytes:
        """The bytes of the file of weights; raises as `path`."""
        return read_weights(self.path)

    @property
    def _is_named(self) -> bool:
        return urlparse(self.weights).scheme in ("http", "https")

    @property
    def _target(self) -> Path:
        name = PurePosixPath(urlparse(self.weights).path)
        return weights_dir() / (name.with_suffix(".onnx") if name.suffix == ".zip" else name).name

    @property
    def _by_hand(self) -> str:
        zipped = ", take its end2end.onnx" if self.weights.endswith(".zip") else ""
        again = f"Run extract with a network connection, or download {self.weights}{zipped} and save it there"
        mirror = f". Copies: {MIRRORS[self.package]}" if self.package in MIRRORS else ""
        own = f". For files of your own: {OWN_FILES[self.package]}" if self.package in OWN_FILES else ""
        return f"{again}{mirror}{own}"

    def identity(self, name: str) -> dict[str, str]:
        """Hashes of the content, and the kind, for the cache key; raises as `path`."""
        hashes = {name: digest(str(self.path))}
        if self.config is not None:
            text = json.dumps(self.settings.to_dict(), sort_keys=True, default=_name)
            hashes[f"{name}_config"] = hashlib.sha256(text.encode()).hexdigest()
        return hashes | ({f"{name}_kind": self.kind} if self.kind else {})

    @property
    def settings(self) -> Any:
        """The configuration with its bases, as an `mmengine.Config`. Raises WeightsError: not readable."""
        from mmengine.config import Config

        try:
            return Config.fromfile(self.config)
        except Exception as error:
            fix = "Check the file, and the files that it names as its bases"
            raise WeightsError(f"no readable configuration ({error})", where=self.config, fix=fix) from error

    def fetch(self, announce: Announce) -> None:
        """Download the library's weights, if missing. Raises WeightsError, which explains the manual download."""
        if self._is_named:
            keep_download(self._target, self.weights, partial(_download, self.weights), self._by_hand, announce)


def _download(address: str, folder: Path) -> Path:
    """Download a file to `folder`. Raises ValueError: a checkpoint's hash differs from that in its name.

    rtmlib downloads its zipped ONNX files itself, because it knows mirrors.
    """
    if address.endswith(".zip"):
        from rtmlib.tools.file import download_checkpoint

        with contextlib.redirect_stderr(io.StringIO()):
            return Path(download_checkpoint(address, dst_dir=str(folder), progress=False))
    from urllib.request import urlopen  # costs a tenth of a second

    path = folder / "weights"
    with urlopen(address, timeout=_TIMEOUT_S) as stream, path.open("wb") as sink:  # noqa: S310 -- of mmpose's index
        shutil.copyfileobj(stream, sink)
    prefix = re.search(r"-([0-9a-f]{8})(_[0-9]{8})?\.pth$", address)
    if prefix and not digest(str(path)).startswith(prefix[1]):
        raise ValueError("the download has another hash than its name says")
    return path


def _name(value: Any) -> str:
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def require(package: Literal["rtmlib", "mmpose"]) -> None:
    """Raise UsageError if a package is not installed."""
    if util.find_spec(package) is None:
        raise UsageError(f"the {package} backend is not installed here", fix=INSTALL[package])


def identity_of(networks: Mapping[str, PoseNetwork]) -> dict[str, str]:
    """Hashes of every file, and the libraries that run the networks, for the cache key; raises as `path`."""
    if not networks:
        return {}
    packages = dict.fromkeys(network.package for network in networks.values())
    hashes = {"library": ", ".join(f"{package} {library_version(package)}" for package in packages)}
    for name, network in networks.items():
        hashes |= network.identity(name)
    return hashes


def rtmlib_networks(mode: str, model: str, detector: str, detector_kind: str) -> dict[str, PoseNetwork]:
    """The networks of the rtmlib backend: those of rtmlib's table for `mode`, or the given ONNX files.

    Raises UsageError: rtmlib is not installed; mode and model are both empty; a detector without its kind.
    """
    require("rtmlib")
    if not (mode or model):
        raise UsageError(
            "pose.rtmlib.model is not set", fix="Set pose.rtmlib.mode, or the path of an RTMO or RTMPose .onnx file"
        )
    if mode:
        from rtmlib import Body

        model, detector = Body.MODE[mode]["pose"], Body.MODE[mode]["det"]
        detector_kind = "rtmdet" if "rtmdet" in detector.lower() else "yolox"  # as its table names them
    if bool(detector) != bool(detector_kind):
        what = "a detector and its kind belong together: pose.rtmlib.detector, pose.rtmlib.detector_kind"
        raise UsageError(what, fix="Set pose.rtmlib.detector_kind=yolox or rtmdet, or leave out both")
    networks = {"weights": PoseNetwork("rtmlib", model)}
    return networks | ({"detector": PoseNetwork("rtmlib", detector, kind=detector_kind)} if detector else {})


def mmpose_networks(alias: str, config: str, checkpoint: str) -> dict[str, PoseNetwork]:
    """The networks of the mmpose backend: from its model index by `alias`, or a configuration and a checkpoint.

    Raises UsageError: mmpose is not installed; neither is set; no model has this alias. Raises WeightsError:
    no such configuration.
    """
    require("mmpose")
    if not alias and not (config and checkpoint):
        what = f"pose.mmpose.{'checkpoint' if config else 'config'} is not set"
        raise UsageError(what, fix="Give a configuration and its checkpoint, or pose.mmpose.alias, such as rtmo-l")
    if not alias:
        return {"weights": PoseNetwork("mmpose", checkpoint, _config(config))}
    networks = {"weights": _of_index(alias)}
    if networks["weights"].settings.model.type == "TopdownPoseEstimator":
        networks["detector"] = _people_detector()
    return networks


def _root(package: str) -> Path:
    spec = util.find_spec(package)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else Path()


def _config(config: str) -> Path:
    """A path as given, or the file of that name among the configurations that mmpose ships."""
    if Path(config).is_file():
        return Path(config)
    name = f"{Path(config).name.removesuffix('.py')}.py"
    matches = sorted((_root("mmpose") / ".mim" / "configs").rglob(name))
    if not matches:
        raise WeightsError("no such mmpose configuration", where=config, fix="Give a path, or a name inside mmpose")
    return matches[0]


def _of_index(alias: str) -> PoseNetwork:
    """The model of mmpose's index with this name, alias or short name (`rtmo-l`)."""
    import yaml

    loader, root = getattr(yaml, "CSafeLoader", yaml.SafeLoader), _root("mmpose") / ".mim"
    places = yaml.load((root / "model-index.yml").read_bytes(), loader)["Import"]  # noqa: S506 -- a safe one
    of_people = [root / path for path in places if "body_2d_keypoint" in path]
    models = [model for path in of_people for model in yaml.load(path.read_bytes(), loader)["Models"]]  # noqa: S506
    names: dict[str, Mapping[str, Any]] = {}
    for dataset in _DATASETS:  # setdefault: earlier data sets win
        for model in models:
            short, *_, last = str(model["Name"]).split("_")
            if re.fullmatch(dataset + r"-[0-9]+x[0-9]+", last):
                names.setdefault(short, model)
    for model in models:
        aliases = model.get("Alias", [])
        names |= dict.fromkeys([*([aliases] if isinstance(aliases, str) else aliases), model["Name"]], model)
    if alias not in names:
        raise UsageError(f"mmpose has no model '{alias}'", fix=nearest(alias, names).capitalize())
    weights = names[alias]["Weights"]
    return PoseNetwork("mmpose", weights[0] if isinstance(weights, list) else weights, root / names[alias]["Config"])


def _people_detector() -> PoseNetwork:
    """The default person detector of mmpose's inferencer."""
    script = _root("mmpose") / "apis" / "inferencers" / "utils" / "default_det_models.py"
    entry = runpy.run_path(str(script))["default_det_models"]["human"]  # mmpose.apis itself takes seconds to load
    return PoseNetwork("mmdet", entry["weights"], Path(entry["model"]))
