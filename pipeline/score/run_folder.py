"""The folder of a trained run, written at the end of training; it works on any machine.

RUN/model.json           format 3: versions, network, sizes, recipe, feature settings, channel names, training ids,
                         `calibration` (`pipeline.score.calibration.calibration_facts`) or null,
                         `contents`, SHA-256 of the input files that training read; null for packed features
RUN/model.safetensors    `state.<parameter>` (runs, ...), `normaliser.<field>`, `train_labels` (k, 3), `losses`,
                         `combination.<place>.<field>` of each regression,
                         `calibration.<name>` (`pipeline.score.calibration.calibration_tensors`)
RUN/config.json          every setting of the training (`pipeline.score.run_config`)
RUN/sha256.json          SHA-256 of these files, checked on loading (`pipeline.score.bundle_hashes`)
RUN/card.md              for people (`pipeline.score.model_card`)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from data.errors import DataError, UsageError
from data.store import atomic_path, read_json, sha256_file, write_text
from models.aim import Aim
from models.aim_config import AimConfig, AimSizes
from models.layers import Layers
from pipeline.score.bundle import FAULTS, Bundle, blank_features, no_run_fix, plain
from pipeline.score.bundle_hashes import FORMER, MODEL_FILES, TRAIN_AGAIN, check_hashes, cover, older_version
from pipeline.score.calibration import Calibration, calibration_facts, calibration_tensors, read_calibration
from pipeline.score.run_config import save_config
from pipeline.settings.config import BaseConfig
from pipeline.settings.recipes import TrainConfig
from pipeline.systems.combination import FittedCombination, part_of
from pipeline.train import Normaliser, TrainedRun

FORMAT = 3
SETTINGS, WEIGHTS = MODEL_FILES
MAX_SIZE = 1 << 24
"""Greatest size of a layer that `load` accepts."""


class RunFolder(Bundle):
    """The content of a run folder.

    Attributes:
        calibration: gives scores their intervals; None where there is none.
        contents: hashes of the input files of training; None where unknown, as for packed features.
    """

    def __init__(
        self,
        run: TrainedRun,
        combination: FittedCombination | None = None,
        calibration: Calibration | None = None,
        contents: frozenset[str] | None = None,
    ) -> None:
        super().__init__(run, combination)
        self.calibration, self.contents = calibration, contents


def save(content: RunFolder, folder: Path, config: BaseConfig | None = None) -> None:
    """Write the content of a run folder with its configuration.

    The description is written last: a folder with this file is complete.
    """
    run, combination, calibration = content.run, content.combination, content.calibration
    folder.mkdir(parents=True, exist_ok=True)
    for name in (SETTINGS, *FORMER):  # an earlier run's files must not describe the new weights
        (folder / name).unlink(missing_ok=True)
    if config is not None:
        save_config(config, folder)
    tensors = {f"state.{name}": values.contiguous() for name, values in run.state.items()}
    arrays = {f"normaliser.{name}": values for name, values in run.normaliser.arrays().items()}
    arrays |= {"train_labels": run.train_labels, "losses": run.losses}
    tensors |= {name: torch.from_numpy(np.array(values, dtype=np.float64)) for name, values in arrays.items()}
    if combination is not None:
        tensors |= {f"combination.{name}": torch.from_numpy(values) for name, values in combination.arrays().items()}
    if calibration is not None:
        tensors |= {f"calibration.{name}": values for name, values in calibration_tensors(calibration).items()}
    description = {
        "format": FORMAT,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "model": asdict(run.model),
        "sizes": asdict(run.sizes),
        "train": run.config.model_dump(mode="json"),
        "settings": plain(run.settings),
        "names": {name: list(values) for name, values in run.names.items()},
        "train_ids": list(run.train_ids),
        "loss_epochs": list(run.loss_epochs),
        "combination": None if combination is None else combination.description(),
        "calibration": None if calibration is None else calibration_facts(calibration),
        "contents": None if content.contents is None else sorted(content.contents),
    }
    with atomic_path(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary)
    text = json.dumps(description, indent=2, sort_keys=True) + "\n"
    cover(folder, {SETTINGS: text})
    write_text(folder / SETTINGS, text)


def load(folder: Path) -> RunFolder:
    """Read a run that `save` wrote. Raises DataError if it is missing, damaged or of an older version."""
    place = folder / SETTINGS
    try:
        if not place.exists():
            raise FileNotFoundError(place)
        check_hashes(folder)
        description = read_json(place)
        if description["format"] != FORMAT:
            raise older_version(folder)
        tensors = load_file(folder / WEIGHTS)
        run = _run(description, tensors)
        _check_shapes(run)
        combination, calibration, contents = (description[name] for name in ("combination", "calibration", "contents"))
        loaded = RunFolder(
            run,
            None if combination is None else _combination(combination, tensors),
            None if calibration is None else read_calibration(part_of(tensors, "calibration."), calibration, run),
            None if contents is None else frozenset(map(str, contents)),
        )
        loaded.predict(blank_features(run))  # parts that do not fit together fail here, not with the first video
        return loaded
    except FileNotFoundError as error:
        raise DataError("no trained model here", where=folder, fix=no_run_fix(folder)) from error
    except (OSError, SafetensorError, UsageError, *FAULTS) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(f"this model is damaged ({cause})", where=folder, fix=TRAIN_AGAIN) from error


def _check_shapes(run: TrainedRun) -> None:
    """Compare the weights with the network that the settings describe, before it takes memory. Raises ValueError."""
    numbers = (run.model.width, run.model.regression_width, *asdict(run.sizes).values())
    if not all(type(number) is int and 0 <= number < MAX_SIZE for number in numbers):
        raise ValueError("a size is no number, or too large")
    if run.train_labels.ndim != 2 or run.train_labels.shape[1] != 3 or not isinstance(run.settings, dict):
        raise ValueError("the training labels or the settings are of another form")
    members = len(next(iter(run.state.values()), ()))
    with torch.device("meta"):
        network = Aim(run.model, run.sizes, Layers(members))
    expected = {name: values.shape for name, values in network.state_dict().items()}
    if not members or {name: values.shape for name, values in run.state.items()} != expected:
        raise ValueError("the weights are not those of this network")


def model_sha256(folder: Path) -> str:
    """SHA-256 of a saved model, from the content of its two files; a copy elsewhere has the same."""
    contents = "".join(f"{name} {sha256_file(folder / name)}\n" for name in MODEL_FILES)
    return hashlib.sha256(contents.encode()).hexdigest()


def _combination(description: Any, tensors: Mapping[str, Tensor]) -> FittedCombination:
    arrays = {name: values.numpy() for name, values in part_of(tensors, "combination.").items()}
    return FittedCombination.from_arrays(description, arrays)


def _run(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> TrainedRun:
    normaliser = {name: values.numpy() for name, values in part_of(tensors, "normaliser.").items()}
    return TrainedRun(
        model=AimConfig(**description["model"]),
        sizes=AimSizes(**description["sizes"]),
        config=TrainConfig(**description["train"]),
        normaliser=Normaliser.from_arrays(normaliser),
        state=part_of(tensors, "state."),
        settings=description["settings"],
        names={name: tuple(values) for name, values in description["names"].items()},
        train_ids=tuple(description["train_ids"]),
        train_labels=tensors["train_labels"].numpy(),
        losses=tensors["losses"].numpy(),
        loss_epochs=tuple(description["loss_epochs"]),
    )
