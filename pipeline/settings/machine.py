"""The machine: where outputs and the user's own networks are, and where and how work runs. No model stores it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from data.store import Storage
from extractors.base import MACHINE, one_of
from pipeline.settings.section import Section, part_of_stage, with_sections
from pipeline.settings.stages import STAGES, stage_class

ENGINES = ("local", "ray")

Device = Literal["auto", "cpu", "cuda"]
"""Where networks train; auto: a GPU where there is one."""


class WorkConfig(Section):
    """Where and how work runs."""

    workers: int | None = Field(
        None,
        ge=0,
        description="processes side by side; null: one per core, as memory and videos allow, on Ray as many as fit; "
        "0: in this process, on Ray as many as fit",
    )
    engine: Annotated[str, one_of(ENGINES)] = Field("local", description="local: this machine; ray: a Ray cluster")
    address: str | None = Field(None, description="of a running Ray cluster; null: that of RAY_ADDRESS, else one here")
    threads: int = Field(0, ge=0, description="threads per process; 0: cores / workers")
    timeout_s: float = Field(3600.0, gt=0, description="seconds that one video may take; the next run tries it again")
    ray_cpus: float = Field(1.0, gt=0, description="cores that one worker takes on a Ray cluster")
    ray_gpus: float = Field(0.0, ge=0, description="GPUs that one worker takes on a Ray cluster; 0.25: four share one")
    train_device: Device = Field("auto", description="where networks train: auto (a GPU if there is one), cpu, cuda")


class StorageConfig(Section):
    """How object stores are reached. Credentials come from the environment."""

    endpoint_url: str = Field("", description="an S3 server that is not Amazon's; empty: AWS_ENDPOINT_URL, else Amazon")
    anonymous: bool = Field(False, description="ask without credentials, for public buckets")
    scratch: Path | None = Field(None, description="folder of local copies; null: the system's temporary folder")

    def reach(self) -> Storage:
        """These settings for the data layer."""
        return Storage(self.endpoint_url, self.anonymous, self.scratch)


class Machine(Section):
    """The machine; `machine_class` adds the devices, threads and files of the stages."""

    cache: Path = Field(Path("cache/folder"), description="folder of the stages' outputs")
    run: WorkConfig = WorkConfig()
    storage: StorageConfig = StorageConfig()

    @field_validator("cache", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip():
            raise ValueError("an empty name is no folder; '.' is the working directory")
        return value


def machine_class() -> type[Machine]:
    """The class of a machine, with a section for each stage that has settings of the machine."""
    parts = {name: part_of_stage(stage_class(name).Config, MACHINE) for name in STAGES}
    return with_sections(Machine, {name: part for name, part in parts.items() if part.model_fields})
