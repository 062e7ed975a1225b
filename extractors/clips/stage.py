"""Stage `clips`: class logits and pooled features of a clip network for T time steps of a video.

The whole-scene feature of the paper (section 3.3) is I3D's 400 class logits per time step. The 1024 channels before
the class layer are stored too. Pictures are prepared as in the evaluation of the published networks, see `prepare`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from data.errors import AimError, UsageError, VideoError
from data.stage_files import StageFiles
from data.store import ArraySpec, StageOutput
from data.store.arrays import Floats
from data.video import Picture
from data.weights.registry import REGISTRY, Announce
from extractors.base import HASHED, MACHINE, Extractor, Source, StageConfig, needs_weights, one_of, setting
from extractors.clips.backbones import (
    BACKBONES,
    HUB,
    RANDOM,
    Backbone,
    backbone,
    fetch_published,
    network_identity,
    with_input,
)
from extractors.clips.layouts import ClipPlan, Layout, frames_at_rate, plan_clips
from extractors.clips.runtimes import LogitsAndFeatures, Network, Precision, StartInference, resolve, running
from extractors.clips.transformer_models import resized
from extractors.signals import row_period


class ClipsConfig(StageConfig):
    """Settings of stage `clips`."""

    backbone: str = setting("i3d_inception", f"clip network, one of {', '.join(BACKBONES)}")
    weights: Annotated[str, one_of((*REGISTRY, HUB, RANDOM))] = setting(
        "i3d-kinetics400",
        "weights: a registered name, `hub` (the library's own) or `random`; their SHA-256 is in the key",
        belongs_to=HASHED,
    )
    seed: int = setting(0, "seed of `random` weights; in the key where they are random", belongs_to=HASHED, ge=0)
    steps: int = setting(10, "time steps, T in the paper", ge=1, le=1000)
    frames_per_clip: int = setting(16, "frames of one clip", ge=1, le=1024)
    layout: Layout = setting(
        "windows",
        "clips of a step: windows (one, of neighbouring frames), dense (all windows), uniform (frames spread over the "
        "video); sliding: a step for each window",
    )
    frame_stride: int = setting(1, "frames from one frame of a window to the next", ge=1, le=10_000)
    dense_hop: int = setting(1, "frames from one window to the next, layouts dense and sliding", ge=1, le=10_000)
    precision: Precision = setting("fp32", "arithmetic; bf16 moves I3D's logits by about .2")
    weights_file: str = setting(
        "",
        "file of weights in place of `weights`; for `transformers` the folder of a model, or its name on the Hugging "
        "Face Hub; the content's SHA-256 is in the key",
        belongs_to=MACHINE,
    )
    runtime: Literal["auto", "openvino", "torch"] = setting(
        "auto", "what runs the network: torch on a GPU, else OpenVINO", belongs_to=MACHINE
    )
    device: str = setting("auto", "auto, cpu, cuda or cuda:1", belongs_to=MACHINE, pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    threads: int = setting(
        0, "threads of one inference on the CPU; 0: OMP_NUM_THREADS, else all", belongs_to=MACHINE, ge=0
    )
    batch: int = setting(8, "clips that a GPU computes at once", belongs_to=MACHINE, ge=1, le=4096)

    @model_validator(mode="after")
    def _fits_the_network(self) -> ClipsConfig:
        """Refuse an unknown network, too few frames, and weights of another network."""
        try:
            entry = backbone(self.backbone)
        except AimError as error:
            raise ValueError(str(error)) from error
        if entry.library == "transformers":
            if not self.weights_file:
                raise needs_weights(
                    "transformers needs weights_file: the folder of a model, or a name such as owner/model"
                )
            if self.runtime == "openvino":
                raise ValueError("transformers runs in torch: set runtime to auto")
            return self
        if self.frames_per_clip < entry.least_frames:
            raise ValueError(f"{self.backbone} needs at least {entry.least_frames} frames per clip")
        if self.used_weights == "i3d-kinetics400" and self.backbone != "i3d_inception":
            raise needs_weights(
                f"{self.backbone} needs weights of its own: set weights to hub or random, or weights_file"
            )
        if self.used_weights == HUB and entry.library == "aim":
            raise ValueError(
                f"no library has weights of {self.backbone}: set weights to i3d-kinetics400, or weights_file"
            )
        return self

    @property
    def place(self) -> tuple[str, str]:
        """The runtime and the device. Raises UsageError."""
        return resolve("torch" if backbone(self.backbone).library == "transformers" else self.runtime, self.device)

    @property
    def used_weights(self) -> str:
        """The file of weights, else their name."""
        return self.weights_file or self.weights


class Clips(Extractor[ClipsConfig]):
    """Class logits and pooled features of T clips."""

    name, version, Config = "clips", 2, ClipsConfig
    arrays: ClassVar[Mapping[str, ArraySpec]] = {
        "logits": ArraySpec(("step", "class"), "1", "class scores before softmax, averaged over the step"),
        "features": ArraySpec(("step", "channel"), "1", "input of the class layer, averaged likewise"),
        "frame_index": ArraySpec(("step", "frame"), "1", "frames of each step, from 0; -1: none"),
        "bounds": ArraySpec(("step", "edge"), "s", "time of the first and last frame of each step"),
    }
    clock = "step"
    unit = "frames of clips"

    @classmethod
    def identity(cls, config: ClipsConfig, files: StageFiles) -> Mapping[str, str]:
        """Hashes of the weights, the library's version, and below fp32 the runtime and device, which round differently.

        Raises DataError, UsageError.
        """
        _input_of(config, files)
        identity = network_identity(config.backbone, config.used_weights, config.seed, files)
        if config.precision != "fp32":
            runtime, device = config.place
            identity["rounding"] = f"{runtime} {device.split(':')[0]}"
        return identity

    @classmethod
    def fetch(cls, config: ClipsConfig, files: StageFiles, announce: Announce) -> None:
        """Download the weights that the network's library publishes."""
        fetch_published(config.backbone, config.used_weights, files, announce)

    @classmethod
    def work(cls, config: ClipsConfig, frames: int) -> int:
        """Number of frames for the network; a frame counts once for each of its clips."""
        return _plan(config, frames).clips.size if frames else 0

    @classmethod
    def ticks(cls, config: ClipsConfig, frames: int) -> int | None:
        """The number of time steps; for the layout `sliding`, the number of windows."""
        if config.layout == "sliding":
            rated = backbone(config.backbone).library == "transformers"  # a model may state a frame rate
            return len(_plan(config, frames).spans) if frames and not rated else None
        return config.steps

    def extract(self, source: Source) -> StageOutput:
        """Decode the frames of all clips in one pass, with one batch of clips in memory at a time.

        Raises:
            VideoError: the video cannot be decoded.
            DataError: the weights are missing or belong to another network.
        """
        config = self.config
        times = source.times
        entry = _input_of(config, self.files)
        shown = frames_at_rate(times, entry.fps)
        plan = _plan(config, len(shown)).of(shown)
        runtime, device = config.place
        threads = os.environ.get("OMP_NUM_THREADS", "")  # OpenVINO ignores this variable
        network = Network(
            backbone=config.backbone,
            weights=config.used_weights,
            seed=config.seed,
            frames=config.frames_per_clip,
            precision=config.precision,
            runtime=runtime,
            device=device,
            threads=config.threads or (int(threads) if threads.isdigit() else 0),
        )
        clips = decode_clips(source, plan, partial(prepare, entry=entry))
        batch = config.batch if network.device != "cpu" else 1
        logits, features = _averaged(clips, plan, running(network, self.files), batch)
        repeated = float((np.diff(plan.clips, axis=1) == 0).mean()) if config.frames_per_clip > 1 else 0.0
        values = {"logits": logits, "features": features, "frame_index": plan.step_frames()}
        quality = {
            "frames": len(times),
            "frames_per_s": round(1 / row_period(times), 3),
            "clips": len(plan.clips),
            "repeated_frames": round(repeated, 4),
        }
        return StageOutput.of(self.arrays, {**values, "bounds": times[plan.bounds]}, quality)


def _input_of(config: ClipsConfig, files: StageFiles) -> Backbone:
    """The input of the network. Raises UsageError: settings that contradict a model of `transformers`."""
    entry = with_input(config.backbone, config.used_weights, files)
    if entry.library == "transformers" and config.frames_per_clip != entry.least_frames:
        fix = f"Add: --set clips.frames_per_clip={entry.least_frames}"
        raise UsageError(f"this model takes clips of {entry.least_frames} frames", where=config.weights_file, fix=fix)
    return entry


def _plan(config: ClipsConfig, count: int) -> ClipPlan:
    windows = {"frames": config.frames_per_clip, "stride": config.frame_stride, "hop": config.dense_hop}
    return plan_clips(count, layout=config.layout, steps=config.steps, **windows)


def prepare(image: Picture, entry: Backbone) -> Picture:
    """(size, size, 3) centre crop of a picture (height, width, 3) whose short side counts as `short_side` pixels.

    The crop is resized by area averaging if it shrinks, and bilinearly if it grows. With `resized_first`, the whole
    picture is resized before cropping, as in processors of `transformers`.

    >>> prepare(np.zeros((256, 340, 3), np.uint8), BACKBONES["i3d_inception"]).shape
    (224, 224, 3)
    """
    import cv2

    if entry.resized_first:
        image = resized(image, entry.short_side)
    height, width = image.shape[:2]
    size = entry.size
    side = max(round(min(height, width) * size / entry.short_side), 1)
    top, left = (height - side) // 2, (width - side) // 2
    square: Picture = image[top : top + side, left : left + side]
    if side == size:
        return np.array(square)  # not a view: the whole frame would stay in memory
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=interpolation), np.uint8)


def decode_clips(source: Source, plan: ClipPlan, cut: Callable[[Picture], Picture]) -> Iterator[Picture]:
    """The clips (frame, row, column, RGB) of a plan in order, each as soon as its last frame is decoded.

    Every frame is decoded and cropped once, and dropped after its last clip.

    Raises VideoError: the source ended before the last clip.
    """
    held: dict[int, Picture] = {}
    done = 0
    for frame in source.frames(plan.wanted.tolist()):
        held[frame.index] = cut(frame.image)
        while done < len(plan.clips) and plan.clips[done, -1] <= frame.index:
            yield np.stack([held[index] for index in plan.clips[done].tolist()])
            done += 1
            needed = int(plan.clips[done, 0]) if done < len(plan.clips) else frame.index + 1
            held = {index: picture for index, picture in held.items() if index >= needed}
    if done < len(plan.clips):
        what = "the video ended before its last clip"
        raise VideoError(what, where=source.record.path, fix="Copy or download the video again")


def _averaged(clips: Iterator[Picture], plan: ClipPlan, start: StartInference, batch: int) -> tuple[Any, Any]:
    """(step, class) and (step, channel) float32: the network's outputs averaged over the clips of each step."""
    sums: list[Floats] = []
    for number, pair in enumerate(_outputs(clips, start, batch)):
        steps = (plan.spans[:, 0] <= number) & (number < plan.spans[:, 1])
        sums = sums or [np.zeros((len(plan.spans), len(values))) for values in pair]
        for total, values in zip(sums, pair, strict=True):
            total[steps] += values
    counts = (plan.spans[:, 1] - plan.spans[:, 0])[:, None]
    logits, features = ((total / counts).astype(np.float32) for total in sums)
    return logits, features


def _outputs(clips: Iterator[Picture], start: StartInference, batch: int) -> Iterator[LogitsAndFeatures]:
    """Logits and features of each clip; while the network computes a batch, the next one is decoded."""
    pending: Callable[[], LogitsAndFeatures] | None = None
    while group := list(islice(clips, batch)):
        together = np.stack(group)
        if pending is not None:
            yield from zip(*pending(), strict=True)
        pending = start(together)
    if pending is not None:
        yield from zip(*pending(), strict=True)
