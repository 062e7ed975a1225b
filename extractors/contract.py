"""The contract of a stage as tests: inherit `StageContract`, set the stage, run pytest. See docs/extend.md."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from data.errors import AimError, DataError, VideoError
from data.stage_files import StageFiles
from data.store import Outputs, StageOutput
from data.store.arrays import Floats
from data.video import Frame, Picture, Record, VideoInfo
from extractors.base import IN_KEY, Content, Extractor, Source, StageConfig, owner

EQUAL_TO = 1e-4
"""Largest change of a number by a setting that is not in the key."""

_opened: list[str] | None = None


class MadeSource:
    """A source of pictures in memory, which enforces the rules of `Source.frames`.

    Attributes:
        asked: numbers of the requested frames, in order.
    """

    def __init__(
        self,
        pictures: Sequence[Picture] = (),
        times: Sequence[float] | Floats = (),
        *,
        record: Record | None = None,
        upstream: Outputs | None = None,
    ) -> None:
        """`times` in seconds, by default 25 frames a second; with more times than pictures the stream is damaged."""
        self.pictures, self.asked = pictures, list[int]()
        self.times = np.array(times, dtype=np.float64) if len(times) else np.arange(len(pictures)) / 25
        self.record = record or Record("clip", Path("clip") if len(pictures) else None)
        self.upstream: Outputs = upstream or {}

    @property
    def info(self) -> VideoInfo:
        """Size of the pictures."""
        return VideoInfo(self.pictures[0].shape[1], self.pictures[0].shape[0])

    def opened(self, kind: str, reader: Callable[[Path], Content]) -> Content:
        """The result of `reader` for the record's file of this kind; readers may open files."""
        if kind not in self.record.sidecars:
            raise DataError(f"no {kind} file", where=self.record.name, fix="Put it beside the video")
        with _noting(None):
            return reader(self.record.sidecars[kind])

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        """Copies of the frames, so that memory shows whether a stage keeps them."""
        wanted = list(range(len(self.times)) if indices is None else indices)
        assert not self.asked, "frames() may be called once"
        assert wanted == sorted(set(wanted)), "indices ascend, each once"
        for index in wanted:
            if index >= len(self.pictures):
                raise VideoError("the stream is damaged", fix="Copy the video again")
            self.asked.append(index)
            yield Frame(index, float(self.times[index]), self.pictures[index].copy())


def moving_pictures(count: int, height: int = 48, width: int = 64, seed: int = 0) -> list[Picture]:
    """Smooth noise that moves two pixels to the right in every picture."""
    noise = np.random.default_rng(seed).integers(0, 256, (-(-height // 8), -(-width // 8), 3), np.uint8)
    ground = noise.repeat(8, 0).repeat(8, 1)[:height, :width]
    return [np.roll(ground, 2 * number, axis=1) for number in range(count)]


class StageContract:
    """Tests of a stage; `extractors.base` says what it promises. A stage without a video overrides `source`."""

    stage: ClassVar[type[Extractor[Any]]]

    settings: ClassVar[Mapping[str, Any]] = {}
    """The settings under test, by dotted name; with them and `source`, every setting has an effect."""

    changes: ClassVar[Mapping[str, Any]] = {}
    """Another value of every setting, by dotted name."""

    elsewhere: ClassVar[frozenset[str]] = frozenset()
    """Settings that other tests cover."""

    bytes_per_frame: ClassVar[int] = 2000
    """Most bytes of memory per further frame of a video."""

    frames: ClassVar[int] = 12
    """Frames of an ordinary input."""

    long: ClassVar[int] = 150
    """Frames of a long one."""

    def source(self, frames: int) -> Source:
        """A new input with a video of this many frames, or its substitute; equal for equal numbers."""
        return MadeSource(moving_pictures(frames))

    def made(self, **changes: Any) -> Extractor[Any]:
        """A stage with these changes of `settings`."""
        return self.stage(self.config(**changes), StageFiles())

    def config(self, **changes: Any) -> StageConfig:
        """The settings under test with these changes by dotted name."""
        nested: dict[str, Any] = {}
        for name, value in {**self.settings, **changes}.items():
            *sections, last = name.split(".")
            section = nested
            for part in sections:
                section = section.setdefault(part, {})
            section[last] = value
        return self.stage.Config(**nested)

    def checked(self, source: Source, stage: Extractor[Any] | None = None) -> StageOutput:
        """The output for a source, checked against the stage's declaration."""
        stage = stage or self.made()
        frames = len(source.times) if "video" in stage.reads else 0
        output = stage.extract(source)
        self.stage.promise(stage.config, frames).check(output)
        for name, array in output.arrays.items():
            assert array.values.dtype.kind != "f" or array.values.dtype.itemsize >= 4, f"{name} is less than float32"
        return output

    def attempted(self, name: str, source: Source) -> StageOutput | None:
        """The output for a source, or None after an error with a fix."""
        try:
            return self.checked(source)
        except AimError as error:
            if error.fix:
                return None
            raise AssertionError(f"{name}: an error without a fix: {error}") from error

    def test_the_declaration_is_complete(self) -> None:
        """Name, version and texts exist; the headline and the clock refer to existing arrays."""
        output = self.checked(self.source(self.frames))
        assert self.stage.name.isidentifier()
        assert isinstance(self.stage.version, int)
        assert all(field.description for field in self.stage.Config.model_fields.values())
        assert all(spec.about for spec in self.stage.arrays.values())
        assert {*self.stage.headline} <= {*output.quality}

    def test_equal_inputs_give_equal_bits(self) -> None:
        """One instance serves many inputs in any order."""
        stage = self.made()
        first, _, again = (bits(self.checked(self.source(n), stage)) for n in (self.frames, 2, self.frames))
        assert first == again
        assert first == bits(self.checked(self.source(self.frames)))

    def test_every_setting_is_in_the_key_or_has_no_effect(self) -> None:
        """A setting in the key changes the output; others change `identity`, or numbers by at most 1e-4."""
        assert {*leaves(self.stage.Config)} == {*self.changes, *self.elsewhere}
        before, files = self.checked(self.source(self.frames)), StageFiles()
        for name, value in self.changes.items():
            stage, source = self.made(**{name: value}), self.source(self.frames)
            assert stage.config != self.config(), f"{name} has this value already"
            keys = [[self.stage.identity(c, files), self.stage.reads_of(c, source.record, files)]
                    for c in (self.config(), stage.config)]  # fmt: skip
            if leaves(self.stage.Config)[name] in IN_KEY:
                assert bits(self.checked(source, stage)) != bits(before), f"{name} changes nothing"
            elif keys[0] == keys[1]:
                for array, values in self.checked(source, stage).arrays.items():
                    numbers, others = (np.asarray(a.values, dtype=np.float64) for a in (values, before.arrays[array]))
                    equal = numbers.shape == others.shape and np.allclose(numbers, others, 0, EQUAL_TO, equal_nan=True)
                    assert equal, f"{name} changes {array}"

    def test_work_grows_with_the_video(self) -> None:
        """Cost estimates need a number that never decreases."""
        work = [self.stage.work(self.config(), frames) for frames in range(300)]
        assert work == sorted(work)
        assert work[0] >= 0

    def test_odd_inputs(self) -> None:
        """Short, black, narrow and tiny videos, and uneven or repeated times give an output, or an error with a fix."""
        sources = {f"{count} frames": self.source(count) for count in (1, 2, 7)}
        if "video" in self.stage.reads and self.stage.reads == {"video"}:
            for height, width in ((33, 17), (1, 1), (2, 900), (300, 20)):
                sources[f"{width} x {height}"] = MadeSource(moving_pictures(3, height, width))
            sources["black"] = MadeSource([np.zeros((48, 64, 3), np.uint8)] * 30)
            sources["other scenes"] = MadeSource([picture for n in range(20) for picture in moving_pictures(1, seed=n)])
            sources["uneven times"] = MadeSource(moving_pictures(8), [0, 0.01, 0.5, 0.51, 2, 2.01, 60, 60.04])
            sources["equal times"] = MadeSource(moving_pictures(4), [0, 0.04, 0.04, 0.08])
        for name, source in sources.items():
            self.attempted(name, source)

    def test_missing_inputs_are_errors_with_a_fix(self) -> None:
        """Missing files, missing upstream stages and a truncated stream are errors with a fix."""
        if self.stage.reads - {"video"} or self.stage.upstream(self.config()):
            assert self.attempted("nothing", MadeSource()) is None
        if self.stage.reads == {"video"}:
            source = MadeSource(moving_pictures(self.frames), np.arange(self.frames + 9) / 25)
            assert self.attempted("a broken stream", source) is None

    def test_no_file_is_opened(self) -> None:
        """Readers of data/ open files, by `Source.opened` and `StageFiles`; networks load on first use."""
        stage, source, noted = self.made(), self.source(self.frames), list[str]()
        self.checked(self.source(self.frames), stage)
        with _noting(noted):
            stage.extract(source)
        assert not noted

    def test_memory_per_frame_is_small(self) -> None:
        """Memory grows with the output, not with the pictures."""
        self.checked(self.source(2))
        peaks = []
        for frames in (self.long, 2 * self.long):
            stage, source = self.made(), self.source(frames)
            tracemalloc.start()
            stage.extract(source)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        more = (peaks[1] - peaks[0]) / self.long
        assert more <= self.bytes_per_frame, f"{more:.0f} bytes for each further frame"


def bits(output: StageOutput) -> tuple[dict[str, object], dict[str, object]]:
    """All of an output, for `==`; measures as text, because NaN differs from itself."""
    arrays = {n: (a.values.dtype, a.values.shape, a.values.tobytes(), a.names) for n, a in output.arrays.items()}
    return {**arrays}, {name: repr(value) for name, value in output.quality.items()}


def leaves(kind: type[StageConfig], section: str = "") -> dict[str, str]:
    """The owner of every setting, by dotted name."""
    owners: dict[str, str] = {}
    for name, field in kind.model_fields.items():
        inner, path = field.annotation, f"{section}{field.alias or name}"
        if isinstance(inner, type) and issubclass(inner, StageConfig):
            owners |= leaves(inner, f"{path}.")
        else:
            owners[path] = owner(field)
    return owners


@contextmanager
def _noting(noted: list[str] | None) -> Iterator[None]:
    """Append the names of files that this process opens to `noted`."""
    global _opened
    before, _opened = _opened, noted
    try:
        yield
    finally:
        _opened = before


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event == "open":
        _opened.append(str(arguments[0]))


sys.addaudithook(_note)  # a hook cannot be removed, so it is added once
