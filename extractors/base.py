"""The contract of a stage: settings, upstream stages, arrays, and one call that computes their values for a video.

docs/extend.md shows how to add a stage. The module with the settings must import quickly, because every command reads
every stage's settings: import torch, cv2, openvino and the like inside functions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from data.stage_files import StageFiles
from data.store import ArraySpec, Outputs, OutputSpec, StageOutput
from data.store.arrays import Floats
from data.video import Frame, Record, VideoInfo
from data.weights.registry import Announce


class StageConfig(BaseModel):
    """Settings of one stage, frozen; unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, serialize_by_alias=True, allow_inf_nan=False
    )

    def result_settings(self) -> dict[str, Any]:
        """The settings in the cache key, ready for JSON, without those at their default.

        So a new setting does not change existing keys if its default keeps the results.
        """
        return owned(type(self), self.model_dump(mode="json", exclude_defaults=True), IN_KEY)


def owned(kind: type[BaseModel], written: Mapping[str, Any], owners: Collection[str]) -> dict[str, Any]:
    """The written settings of a section that belong to any of the owners; empty sections are left out."""
    kept: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        key, inner = field.alias or name, field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            if isinstance(section := written.get(key), Mapping) and (inside := owned(inner, section, owners)):
                kept[key] = inside
        elif key in written and owner(field) in owners:
            kept[key] = written[key]
    return kept


METHOD, VIDEOS, HASHED, MACHINE, DATA_SET = "method", "videos", "hashed", "machine", "data set"
"""Owners of settings. Settings of the method change results and are in the cache key, like descriptions of a call's
videos. For names of published networks, the key has a hash of the content. Settings of the machine change outputs by at
most 1e-4: device, runtime, threads, batch size. A path of a file belongs to the machine too, and the key has a hash of
the content and how the file is read. The data set is an input of a call."""

IN_KEY = (METHOD, VIDEOS)


def setting(default: Any, about: str, *, belongs_to: str = METHOD, **limits: Any) -> Any:
    """One setting of a stage or of another section.

    Args:
        default: `...` for a required setting.
        about: one sentence with the unit; shown in the documentation.
        belongs_to: `METHOD`, `VIDEOS`, `HASHED`, `MACHINE` or `DATA_SET`.
        limits: pydantic limits such as ge=1.
    """
    return Field(default, description=about, json_schema_extra={"belongs_to": belongs_to}, **limits)


def owner(field: FieldInfo) -> str:
    """A setting's owner."""
    extra = field.json_schema_extra
    return str(extra.get("belongs_to", METHOD)) if isinstance(extra, dict) else METHOD


def needs_weights(text: str) -> PydanticCustomError:
    """The error of settings of a stage without the path of its weights on this machine, `weights_file`."""
    return PydanticCustomError(NEEDS_WEIGHTS, "{text}", {"text": text})


NEEDS_WEIGHTS = "needs_weights"
"""Pydantic's type of the error of `needs_weights`."""


def one_of(names: Collection[str], *, outside: bool = False) -> AfterValidator:
    """A validator that refuses texts outside `names`, the keys of a table.

    Args:
        outside: `module:name` is accepted too.
    """

    def check(name: str) -> str:
        if name not in names and not (outside and ":" in name):
            shown = ", ".join([*names, *(["module:name"] if outside else [])])
            raise PydanticCustomError("one_of", "should be one of {names}", {"names": shown})
        return name

    return AfterValidator(check)


Content = TypeVar("Content")


class Source(Protocol):
    """One opened input, as a stage sees it."""

    @property
    def record(self) -> Record:
        """Id, path, sidecar files and labels."""

    @property
    def info(self) -> VideoInfo:
        """Size of the pictures as shown. Raises VideoError: the record has no readable video."""

    @property
    def times(self) -> Floats:
        """(N,) presentation time of every frame in seconds from the first, from the stream. Raises as `info`."""

    @property
    def upstream(self) -> Outputs:
        """Outputs of the stages named by `Extractor.upstream`."""

    def opened(self, kind: str, reader: Callable[[Path], Content]) -> Content:
        """The result of `reader`, a function of data/, for the record's file of this kind.

        Raises DataError: the record has no file of this kind, or as `reader`.
        """

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        """Decoded frames in display order: those of `indices` (ascending, each once), or all. May be called once.

        Raises:
            VideoError: the stream is damaged.
            Cancelled: the user asked to stop.
        """


C = TypeVar("C", bound=StageConfig)


class Extractor(ABC, Generic[C]):
    """A stage. One instance serves many videos in one thread at a time; models load on first use."""

    name: ClassVar[str]
    """Name in the command line, the configuration, the cache folder and the file."""

    version: ClassVar[int]
    """Increased by one whenever results change with the same settings."""

    Config: ClassVar[type[StageConfig]]

    reads: ClassVar[frozenset[str]] = frozenset({"video"})
    """Input files that determine the result: "video", and kinds of `Record.sidecars`."""

    headline: ClassVar[tuple[str, ...]] = ()
    """Quality values that `status` shows by default; `--quality` shows all."""

    arrays: ClassVar[Mapping[str, ArraySpec]] = {}
    """The arrays of the stage: the store refuses others, and the documentation shows this table."""

    clock: ClassVar[str] = "frame"
    """The dim along time, as the arrays name it: "frame", "pair" of frames, "row" of another clock, "step"; or "".

    With `ticks` the store checks its length. Names of other dims are free.
    """

    unit: ClassVar[str] = "frames"
    """Unit of the stage's work (see `work`); the cost is proportional to it."""

    def __init__(self, config: C, files: StageFiles) -> None:
        self.config, self.files = config, files

    @classmethod
    def upstream(cls, config: C) -> tuple[str, ...]:
        """Stages whose output this one needs."""
        return ()

    @classmethod
    def check_upstream(cls, config: C, configs: Mapping[str, StageConfig]) -> None:
        """Raise UsageError if the upstream stages, with their settings in `configs`, lack data for this one."""

    @classmethod
    def identity(cls, config: C, files: StageFiles) -> Mapping[str, str]:
        """Further facts that determine the result, such as {"weights": sha256}; part of the cache key."""
        return {}

    @classmethod
    def reads_of(cls, config: C, record: Record, files: StageFiles) -> Mapping[str, Path | str]:
        """Inputs of one record besides `reads` that determine the result, by kind; part of the cache key.

        A path is a local file or folder, such as one in the settings: it is added to `Record.sidecars`, and its content
        is hashed. A text is itself a value, such as annotated phases.

        Raises DataError: several files match; the stage then fails for this record.
        """
        return {}

    @classmethod
    def fetch(cls, config: C, files: StageFiles, announce: Announce) -> None:
        """Download a library's files that `identity` needs; called once, before a run computes its keys.

        `announce` gets one sentence before each download. Raises DataError: a download failed.
        """

    @classmethod
    def work(cls, config: C, frames: int) -> int:
        """Number of `unit` in a video of `frames` frames with these settings, for cost estimates."""
        return frames

    @classmethod
    def ticks(cls, config: C, frames: int) -> int | None:
        """Length of the clock for a video of `frames` frames; None if it depends on an input file's content.

        Default: `work`, if its unit is that of the clock.
        """
        return cls.work(config, frames) if frames and cls.unit == f"{cls.clock}s" else None

    @classmethod
    def promise(cls, config: C, frames: int) -> OutputSpec:
        """The required arrays of the output for a video of `frames` frames; 0: an unknown number."""
        return OutputSpec(cls.name, cls.arrays, cls.clock, cls.ticks(config, frames))

    @abstractmethod
    def extract(self, source: Source) -> StageOutput:
        """Compute the values of `arrays` for one video: `StageOutput.of(self.arrays, {name: values, ...})`.

        Raises:
            AimError: the input is unusable; recorded as this video's failure.
        """
