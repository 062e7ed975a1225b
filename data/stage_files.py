"""Opens the files that settings of stages name, so that extractors open none."""

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
    """What a stage gets from the pipeline to read its files with.

    `name` is a registered name of weights or a path. Methods that take one raise DataError: no such file, or a damaged
    one.
    """

    def digest(self, name: str) -> str:
        """SHA-256 of the content; of a registered name, without its file."""
        return digest(name)

    def content(self, name: str) -> bytes:
        """The bytes of a file of weights."""
        return read_weights(whole(name))

    def network(self, name: str) -> Any:
        """The `openvino.Model` of a file of weights. Raises RuntimeError: the file is not a model."""
        return read_network(whole(name))

    def compiled(self, identity: Mapping[str, Any], make: Callable[[], Any]) -> Any:
        """The `openvino.Model` that `make` returns, kept in the user's cache by all on which it depends."""
        return kept_model(identity, make)

    def fetch_published(self, library: str, network: str, announce: Announce) -> None:
        """Download the weights that a library publishes for a network, if they are missing."""
        keep_published(library, network, announce)

    def network_folder(self, name: str) -> NetworkFolder:
        """The network of `transformers` in a folder, or of a name on the Hugging Face Hub."""
        return network_folder(name)

    def fetch_network(self, name: str, announce: Announce) -> None:
        """Download a network of the hub, if it is missing."""
        fetch_network(name, announce)

    def pose_networks(self, package: str, *settings: str) -> Mapping[str, PoseNetwork]:
        """The networks that rtmlib or mmpose runs, by role, from the settings of the backend of this name.

        Raises UsageError: the package is not installed, or the settings name no network; DataError.
        """
        return PACKAGES[package](*settings)

    def keypoints(self, record: Record, folder: str) -> Mapping[str, Path]:
        """The keypoint file of a video as `keypoints`, in `folder` or beside the video; empty where there is none.

        Raises DataError: several files fit.
        """
        return sidecar(record, folder)

    def further_people(self, path: Path | None, agents: int) -> Mapping[str, Path]:
        """The files beside a keypoint file of one person, for the second to the last of `agents` people.

        They are called `keypoints 2` and so on; empty where the tool writes one file for all people.
        """
        others = further_people(path)[: agents - 1] if path else []
        return {f"keypoints {number}": other for number, other in enumerate(others, start=2)}
