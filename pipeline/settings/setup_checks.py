"""Checks of the installation: packages, weights and backends, each with the command that repairs it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from data.errors import PROGRAM, AimError, install_line
from data.store import files_below
from pipeline.settings.environment import CHECKOUT, installed_version

INSTALL = install_line()
OPENCV_WHEELS = ("opencv-contrib-python-headless", "opencv-contrib-python", "opencv-python-headless", "opencv-python")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class SetupCheck:
    """One line of `doctor`."""

    what: str
    state: Literal["ok", "missing", "broken"]  # missing: something optional
    detail: str  # version, place, or what is wrong
    fix: str = ""  # what to type


OPTIONAL = (
    ("mmpose", "pose.backend=mmpose", "mmpose"),
    ("ray", "--engine ray, several machines", "ray"),
    ("s3fs", "videos and caches on s3://", "s3"),
    ("gcsfs", "videos and caches on gs://", "gs"),
    ("onnx", f"{PROGRAM} export", "export"),
    ("onnxscript", f"{PROGRAM} export", "export"),
    ("pytest", "the tests", "test"),
    ("playwright", "the browser tests", "test"),
)
"""Optional packages: name, purpose, and the extra that installs them."""


def setup_checks() -> Iterator[SetupCheck]:
    """All checks of `doctor`, in order."""
    from data.weights import REGISTRY, cache_dir, compiled_dir, weights_dir
    from data.weights import weight_files as weights

    yield SetupCheck("python", "ok", f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores")
    yield SetupCheck("program", "ok", str(CHECKOUT))
    for name in ("torch", "torchvision", "pytorchvideo", "av", "h5py", "numpy", "scipy", "openvino", "safetensors"):
        yield _package(name, INSTALL)
    yield _opencv()
    yield _device()
    for name in REGISTRY:
        fetch = f"Type: {PROGRAM} weights fetch {name}"
        try:
            yield SetupCheck(f"weights {name}", "ok", str(weights.locate(name)))
        except AimError:
            yield SetupCheck(f"weights {name}", "missing", "not fetched yet; the demo fetches it by itself", fetch)
    for name, needed_for, extra in OPTIONAL:
        yield _package(name, install_line(extra), needed_for)
    yield _package("rtmlib", "python -m pip install --no-deps rtmlib", "pose.backend=rtmlib")
    if browser := next(filter(None, map(shutil.which, BROWSERS)), None):
        yield SetupCheck("chromium", "ok", f"{browser}; for the browser tests")
    else:
        fix = "Type: sudo apt-get install chromium"
        yield SetupCheck("chromium", "missing", "not installed; for the browser tests, which skip without it", fix)
    folders = (("downloaded weights", weights_dir()), ("compiled models", compiled_dir()))
    for what, folder in (*folders, ("indexes of caches on a store", cache_dir() / "stores")):
        size = sum(status.st_size for _, status in files_below(folder))
        yield SetupCheck(what, "ok", f"{folder}, {size / 1e6:.1f} MB")


def _opencv() -> SetupCheck:
    """The check of OpenCV's wheels, which install the same files, so different versions break each other."""
    installed = {name: version for name in OPENCV_WHEELS if (version := installed_version(name))}
    named, versions = ", ".join(f"{name} {version}" for name, version in installed.items()), {*installed.values()}
    if len(versions) == 1:
        return SetupCheck("opencv", "ok", named)
    what = f"wheels of different versions overwrite each other: {named}" if versions else "not installed"
    return SetupCheck(
        "opencv", "broken", what, f"Type: python -m pip uninstall -y {' '.join(OPENCV_WHEELS)} && {INSTALL}"
    )


def _package(name: str, install: str, needed_for: str = "") -> SetupCheck:
    """The check of a package; without `needed_for` it is required, so its absence is a fault."""
    state: Literal["missing", "broken"] = "missing" if needed_for else "broken"
    detail = f"; for {needed_for}" if needed_for else ""
    if version := installed_version(name):
        return SetupCheck(name, "ok", f"{version}{detail}")
    return SetupCheck(name, state, f"not installed{detail}", f"Type: {install}")


def _device() -> SetupCheck:
    try:
        import torch
    except ImportError as error:
        return SetupCheck("device", "broken", str(error), f"Type: {INSTALL}")
    if torch.cuda.is_available():
        return SetupCheck("device", "ok", torch.cuda.get_device_name(0))
    return SetupCheck("device", "ok", "CPU only; OpenVINO runs I3D on it, torch the scorer")
