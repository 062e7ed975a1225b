"""Opens the files named in settings of stages, so that extractors need not open files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data.keypoints import further_people, sidecar
from data.video import Record
from data.weights import digest, kept_model, read_network, whole
from data.weights.network_folders import NetworkFolder, fetch_network, network_folder
from data.weights.pose_networks import PoseNetwork, mmpose_networks, rtmlib_networks
from data.weights.published_weights import keep_published
from data.weights.registry import Announce
from data.weights.weight_files import read_weights

PACKAGES: Mapping[str, Callable[..., Mapping[str, PoseNetwork]]] = {
    "rtmlib": rtmlib_networks,
    "mmpose": mmpose_networks,
}


class StageFiles:
    """Gives stages access to their files.

    `name` is a registered name of weights or a path. Methods with a `name` raise DataError: a missing or damaged file.
    """

    def digest(self, name: str) -> str:
        """SHA-256 of the content; for a registered name the file may be missing."""
        return digest(name)

    def content(self, name: str) -> bytes:
        """The bytes of a file of weights."""
        return read_weights(whole(name))

    def network(self, name: str) -> Any:
        """The `openvino.Model` of a file of weights. Raises RuntimeError: the file is not a model."""
        return read_network(whole(name))

    def compiled(self, identity: Mapping[str, Any], make: Callable[[], Any]) -> Any:
        """The `openvino.Model` that `make` returns, cached for the user under `identity`, all it depends on."""
        return kept_model(identity, make)

    def fetch_published(self, library: str, network: str, announce: Announce) -> None:
        """Download the weights that a library publishes for a network, if they are missing."""
        keep_published(library, network, announce)

    def network_folder(self, name: str) -> NetworkFolder:
        """The network of `transformers` in a folder or on the Hugging Face Hub."""
        return network_folder(name)

    def fetch_network(self, name: str, announce: Announce) -> None:
        """Download a network of the hub, if it is missing."""
        fetch_network(name, announce)

    def pose_networks(self, package: str, *settings: str) -> Mapping[str, PoseNetwork]:
        """The networks of rtmlib or mmpose, by role, from the settings of the backend.

        Raises UsageError: the package is not installed, or the settings do not name a network; DataError.
        """
        return PACKAGES[package](*settings)

    def keypoints(self, record: Record, folder: str) -> Mapping[str, Path]:
        """{"keypoints": path} of a video's keypoint file, in `folder` or beside the video; empty if it has none.

        Raises DataError: several files match.
        """
        return sidecar(record, folder)

    def further_people(self, path: Path | None, agents: int) -> Mapping[str, Path]:
        """The files of the second to the last of `agents` people, beside the first person's keypoint file.

        Keys are `keypoints 2` and so on; empty if the tool writes one file for all people.
        """
        others = further_people(path)[: agents - 1] if path else []
        return {f"keypoints {number}": other for number, other in enumerate(others, start=2)}
