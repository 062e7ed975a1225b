"""Pose networks behind one contract (`PoseBackend`): an image in, people with COCO-17 joints out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Protocol

from data.pose_weights import PoseNetwork, mmpose_networks, rtmlib_networks

if TYPE_CHECKING:
    from extractors.pose.config import PoseConfig
    from extractors.pose.detections import Detections, Image


class PoseBackend(Protocol):
    """One pose network, loaded and ready."""

    max_views: int
    """Views of a frame that it can use: 4 for one-stage networks, 1 for top-down ones, whose detector decides."""

    def detect(self, image: Image) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB from the setting `min_score` on, best first, in its pixels."""


@dataclass(frozen=True)
class Backend:
    """One row of `BACKENDS`."""

    place: str  # "module:class" of a PoseBackend, made from the settings and its networks; empty: files of keypoints
    networks: Callable[[PoseConfig], Mapping[str, PoseNetwork]] | None = None  # by role; None: the file `pose.weights`


BACKENDS = {
    "movenet": Backend("extractors.pose.backends.movenet:MoveNet"),
    "mmpose": Backend(
        "extractors.pose.backends.mmpose:MMPose", lambda config: mmpose_networks(**config.mmpose.model_dump())
    ),
    "rtmlib": Backend(
        "extractors.pose.backends.rtmlib:RTMLib", lambda config: rtmlib_networks(**config.rtmlib.model_dump())
    ),
    "import": Backend("", lambda config: {}),
}
"""The accepted values of `pose.backend`."""


def load_backend(config: PoseConfig) -> PoseBackend:
    """The network of a configuration. Raises DataError: damaged weights; UsageError: no package or bad settings."""
    used = networks(config)  # refuses where the library is not installed, before the module imports it
    made: PoseBackend = resolve_name(BACKENDS[config.backend].place)(config, used)
    return made


def networks(config: PoseConfig) -> Mapping[str, PoseNetwork]:
    """The networks that a library runs, by role; empty for the others. Raises as `load_backend`."""
    listed = BACKENDS[config.backend].networks
    return listed(config) if listed else {}
