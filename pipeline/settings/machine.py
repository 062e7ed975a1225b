"""The machine: where outputs and the user's networks are, and where and how work runs. Models do not store it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import field_validator

from data.store import Storage
from extractors.base import MACHINE, one_of, setting
from pipeline.settings.section import Section

ENGINES = ("local", "ray")

Device = Literal["auto", "cpu", "cuda"]
"""Where networks train; auto: a GPU if available."""

of_machine = partial(setting, belongs_to=MACHINE)


class WorkConfig(Section):
    """Where and how work runs."""

    workers: int | None = of_machine(
        None,
        "processes side by side, in an evaluation trainings; null: one per core, as memory and videos allow; "
        "0: in this process; for trainings and on Ray, null and 0 are as many as fit",
        ge=0,
    )
    engine: Annotated[str, one_of(ENGINES)] = of_machine("local", "local: this machine; ray: a Ray cluster")
    address: str | None = of_machine(None, "of a running Ray cluster; null: that of RAY_ADDRESS, else one here")
    threads: int = of_machine(0, "threads per worker process or training; 0: cores / workers", ge=0)
    timeout_s: float = of_machine(
        3600.0,
        "seconds that a worker process may take for a video; the next run tries it again",
        gt=0,
    )
    ray_cpus: float = of_machine(1.0, "cores that one worker takes on a Ray cluster", gt=0)
    ray_gpus: float = of_machine(0.0, "GPUs that one worker takes on a Ray cluster; 0.25: four share one", ge=0)
    train_device: Device = of_machine("auto", "where networks train: auto (a GPU if there is one), cpu, cuda")


class StorageConfig(Section):
    """Access to object stores. Credentials come from the environment."""

    endpoint_url: str = of_machine("", "an S3 server that is not Amazon's; empty: AWS_ENDPOINT_URL, else Amazon")
    anonymous: bool = of_machine(False, "ask without credentials, for public buckets")
    scratch: Path | None = of_machine(None, "folder of local copies; null: the system's temporary folder")

    def as_storage(self) -> Storage:
        """These settings for the data layer."""
        return Storage(self.endpoint_url, self.anonymous, self.scratch)


class Machine(Section):
    """The machine; the devices, threads and files of stages are in their own sections."""

    cache: Path = of_machine(Path("cache/folder"), "folder of the stages' outputs")
    work: WorkConfig = WorkConfig()
    storage: StorageConfig = StorageConfig()

    @field_validator("cache", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip():
            raise ValueError("an empty name is not a folder; '.' is the working directory")
        return value
