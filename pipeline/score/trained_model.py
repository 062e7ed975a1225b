"""A trained model: fits networks, predicts, and is stored in a portable folder.

MODEL/model.json           origin (`pipeline.settings.provenance`), network, sizes, recipe, stages of the features,
                         channel names, training ids,
                         `calibration` (`pipeline.score.calibration.calibration_description`) or null, why not,
                         `contents`, SHA-256 of the recordings that training read; null for packed features
MODEL/model.safetensors    those of `TrainedNetworks.tensors`, `train_labels` (k, 3), `difficulty` (k,),
                         `combination.<name>` (`Combination.arrays`),
                         `calibration.<name>` (`pipeline.score.calibration.calibration_tensors`),
                         `phases.<name>` (the arrays of `PhaseReferences`)
MODEL/config.json          the method and the description of the videos (`pipeline.score.model_config`)
MODEL/sha256.json          SHA-256 of these files, checked on loading (`pipeline.score.model_files`)
MODEL/card.md              for people (`pipeline.score.model_card`)

Predictions are deterministic. Each performance is computed alone and in double precision, so the rest of a batch and
the number of threads do not change the printed scores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from data.errors import DataError, UsageError, first_line
from data.store import atomic_path, read_json, write_text
from data.store.arrays import Floats
from data.store.atomic_writes import TEMPORARY, sync_folder
from data.store.scratch import working_folder
from data.video import Record
from models.aim_config import AimConfig, AimSizes
from pipeline.cache import Contents, StageDescription, read_stages, recording_hashes, stages_as_json
from pipeline.folds.combination import NETWORK, NETWORK_ALONE, Combination
from pipeline.phases.carried_phases import PhaseReferences
from pipeline.score.calibration import Calibration, calibration_description, calibration_tensors, read_calibration
from pipeline.score.model_config import save_settings
from pipeline.score.model_files import (
    DESCRIPTION,
    FAULTS,
    TRAIN_AGAIN,
    WEIGHTS,
    check_hashes,
    cover,
    no_model_fix,
    require_finite,
)
from pipeline.score.setting_differences import stage_differences, texts
from pipeline.settings.config import Config
from pipeline.settings.provenance import Origin, origin
from pipeline.settings.train_config import TrainConfig
from pipeline.systems.regressors import RegressionSystem
from pipeline.train import (
    NO_LABELS_FIX,
    Normaliser,
    TrainedNetworks,
    TrainingControl,
    factors,
    input_sizes,
    label_table,
    without_difficulty,
)
from pipeline.train.checkpoint import with_prefix
from pipeline.train.feature_set import FeatureSet, data_digest
from pipeline.train.fit import one_thread
from pipeline.train.trained_networks import read_networks

FORMAT = 11


@dataclass(frozen=True)
class ModelScores:
    """Scores of n performances in the units of the labels: means over the networks, except `members`.

    A model with `times_difficulty` gives score ÷ difficulty; `times` makes it a score.

    Attributes:
        score: (n,) final score.
        members: (networks, n) final score by each network.
        step_scores: (n, T) contribution of each time step; with `other_share` and the lowest training score they sum
            to the score.
        attention: (n, T, 2) weights of scene and interaction.
        execution, synchronisation: (n,), or None without the head, or without labels in the training part.
        other_share: (n,) contribution of the regressions, which belongs to no step; None without regressions.
    """

    score: Floats
    members: Floats
    step_scores: Floats
    attention: Floats
    execution: Floats | None = None
    synchronisation: Floats | None = None
    other_share: Floats | None = None

    def times(self, difficulty: float) -> ModelScores:
        """The scores and their parts times the difficulty."""
        parts = {name: getattr(self, name) for name in ("score", "members", "step_scores", "other_share")}
        return replace(self, **{name: values * difficulty for name, values in parts.items() if values is not None})


@dataclass(frozen=True)
class TrainedModel:
    """Everything that scoring needs.

    Attributes:
        networks: trained on all performances of one training part.
        stages: the stages that made the features.
        names: channel names of the features.
        train_labels: (k, 3) labels of the performances `train_ids`, as `label_table` gives them.
        difficulty: (k,) divisor of the learned scores; 1 without `times_difficulty`.
        times_difficulty: whether a score is the prediction times the announced difficulty.
        calibration: gives scores their intervals, or None.
        not_calibrated: why the model has no calibration.
        contents: hashes of the training recordings; None if unknown, as for packed features.
        phases: annotated performances, whose phases alignment transfers to others; None if time is not cut at phases.
    """

    networks: TrainedNetworks[AimConfig]
    recipe: TrainConfig
    stages: Mapping[str, StageDescription]
    names: Mapping[str, tuple[str, ...]]
    train_ids: tuple[str, ...]
    train_labels: Floats
    difficulty: Floats
    origin: Origin
    combination: Combination = NETWORK_ALONE
    calibration: Calibration | None = None
    not_calibrated: str = "this model was not calibrated"
    contents: frozenset[str] | None = None
    phases: PhaseReferences | None = None
    times_difficulty: bool = False

    @classmethod
    def fit(
        cls,
        features: FeatureSet,
        recipe: TrainConfig,
        network: AimConfig,
        *,
        systems: Sequence[RegressionSystem] = (),
        new_people: bool = False,
        times_difficulty: bool = False,
        contents: Contents | None = None,
        control: TrainingControl | None = None,
    ) -> TrainedModel:
        """Train `recipe.networks` networks on the labelled performances of `features`, without calibration.

        Args:
            systems: regressions to average the score with; without inner validation, all of them.
            new_people: whether they are for new people; the score is then theirs alone.
            times_difficulty: learn score / difficulty.
            contents: hashes of the input files; None for packed features.

        Raises DataError for fewer than two labelled performances, UsageError if the network or the augmentation does
        not fit the features, Cancelled after `control.stop`.
        """
        part = features.take(np.flatnonzero(np.isfinite(label_table(features.records)[:, 0])))
        if len(part) < 2:
            what = f"training needs at least 2 labelled performances and has {len(part)}"
            raise DataError(what, fix=NO_LABELS_FIX)
        learning = without_difficulty(part) if times_difficulty else part
        networks, _ = TrainedNetworks.fit(learning, [np.arange(len(part))], network, recipe, control)
        with one_thread():
            regressions = [system.fitted(learning) for system in systems]
        names = (NETWORK, *(system.name for system in systems))
        device = (control or TrainingControl()).torch_device().type
        return cls(
            networks=networks,
            recipe=recipe,
            stages=part.stages,
            names=part.names,
            train_ids=part.ids,
            train_labels=label_table(part.records),
            difficulty=factors(part) if times_difficulty else np.ones(len(part)),
            origin=origin([device], data_digest(part, contents)),
            combination=Combination.of_all(names, regressions, new_people=new_people),
            contents=None
            if contents is None
            else frozenset().union(*(recording_hashes(record, contents[record.id]) for record in part.records)),
            times_difficulty=times_difficulty,
        )

    @property
    def normaliser(self) -> Normaliser:
        """Scales features for the networks, and their scores to the unit of the labels."""
        (normaliser,) = self.networks.normalisers
        return normaliser

    @property
    def guesses(self) -> str:
        """For a model without scores, not certainly better than guessing: a sentence on its accuracy, else ""."""
        accuracy = self.calibration and self.calibration.accuracy
        return str(accuracy) if accuracy and not accuracy.better else ""

    @property
    def network_share(self) -> float:
        """Weight of the networks in the score, 0 to 1; a combination's regressions have the rest."""
        return self.combination.share(NETWORK)

    @property
    def explains(self) -> bool:
        """Whether the networks are in the score and better than chance, so that step scores are meaningful."""
        return self.combination.better_than_chance(NETWORK)

    def predict(self, features: FeatureSet) -> ModelScores:
        """Score performances. Raises UsageError without any, and as `check`."""
        self.check(features)
        if len(features) == 0:
            raise UsageError("no performance to score", fix="Give at least one performance with features")
        networks, normaliser = self.networks, self.normaliser
        output = networks.output(features)

        def head(name: str, column: int) -> Floats | None:
            values = getattr(output, name)
            if values is None or not np.isfinite(self.train_labels[:, column]).any():
                return None  # without labels the output has no scale
            (mean,) = networks.mean(values, column)
            return np.asarray(mean)

        (score,), (steps,) = networks.mean(output.score), networks.mean(output.step_scores, shift=False)
        members, others = normaliser.unscale(output.score.numpy(), 0), self.combination.others(features)
        score, members = (self.combination.predict([network_scores, *others]) for network_scores in (score, members))
        steps, other_share = self.network_share * steps, None
        if others:
            other_share = score - normaliser.score_range[0, 0] - steps.sum(1)
        return ModelScores(
            score=score,
            members=members,
            step_scores=steps,
            attention=output.attention.mean(0).numpy(),
            execution=head("execution", 1),
            synchronisation=head("synchronisation", 2),
            other_share=other_share,
        )

    def check(self, features: FeatureSet) -> None:
        """Raise UsageError that lists the differences if settings, channel names or sizes are not the model's."""
        differing = texts(stage_differences(self.stages, features.stages))
        for name in sorted({*self.names, *features.names}):
            if tuple(self.names.get(name, ())) != tuple(features.names.get(name, ())):
                differing.append(f"channel names of '{name}'")
        ours, theirs = asdict(self.networks.sizes), asdict(input_sizes(features))
        differing += [
            f"{key} size: {ours[key]} in the model, {theirs[key]} here" for key in ours if ours[key] != theirs[key]
        ]
        if differing:
            raise UsageError(
                "these features were made with other settings than the model's: " + "; ".join(differing),
                fix="Extract with the model's settings, or train a model on these features",
            )

    def blank_features(self, steps: int = 3) -> FeatureSet:
        """One performance of zeros in the model's input sizes; every step is observed."""
        sizes = self.networks.sizes
        return FeatureSet(
            records=(Record("blank", None),),
            primary=np.zeros((1, steps, sizes.primary), dtype=np.float32),
            primary_mask=np.ones((1, steps), dtype=bool),
            secondary=np.zeros((1, steps, sizes.agents, sizes.secondary), dtype=np.float32),
            secondary_mask=np.ones((1, steps, sizes.agents), dtype=bool),
            scene=np.zeros((1, steps, sizes.scene), dtype=np.float32),
            trial=np.zeros((1, sizes.trial), dtype=np.float32),
            duration=np.ones(1),
            stages=self.stages,
            names=self.names,
        )

    def save(self, folder: Path, config: Config | None = None) -> None:
        """Write the model folder with its settings.

        The description is written last: a folder with this file is complete.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with working_folder(folder, TEMPORARY) as new:  # a full disk leaves the earlier model
            if config is not None:
                save_settings(config, new)
            with atomic_path(new / WEIGHTS) as temporary:
                save_file(self._tensors(), temporary)
            write_text(new / DESCRIPTION, json.dumps(self._description(), indent=2, sort_keys=True) + "\n")
            cover(new)
            (folder / DESCRIPTION).unlink(missing_ok=True)  # it must not describe the new weights
            for path in sorted(new.iterdir(), key=lambda path: path.name == DESCRIPTION):
                path.replace(folder / path.name)
        sync_folder(folder)

    def _tensors(self) -> dict[str, Tensor]:
        arrays = {"train_labels": self.train_labels, "difficulty": self.difficulty}
        tensors = self.networks.tensors()
        tensors |= {name: torch.from_numpy(np.array(values, dtype=np.float64)) for name, values in arrays.items()}
        fitted = self.combination.arrays()
        tensors |= {f"combination.{name}": torch.from_numpy(np.array(values)) for name, values in fitted.items()}
        if self.phases is not None:
            arrays = {f"phases.{name}": value for name, value in vars(self.phases).items() if name != "names"}
            tensors |= {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
        if self.calibration is not None:
            made = calibration_tensors(self.calibration)
            tensors |= {f"calibration.{name}": values for name, values in made.items()}
        return tensors

    def _description(self) -> dict[str, Any]:
        calibration = self.calibration
        return {
            "format": FORMAT,
            "origin": asdict(self.origin),
            "model": asdict(self.networks.model),
            "sizes": asdict(self.networks.sizes),
            "times_difficulty": self.times_difficulty,
            "train": self.recipe.model_dump(mode="json"),
            "settings": stages_as_json(self.stages),
            "names": {name: list(values) for name, values in self.names.items()},
            "train_ids": list(self.train_ids),
            "combination": self.combination.description(),
            "calibration": None if calibration is None else calibration_description(calibration),
            "not_calibrated": self.not_calibrated,
            "contents": None if self.contents is None else sorted(self.contents),
            "phases": None if self.phases is None else list(self.phases.names),
        }

    @classmethod
    def load(cls, folder: Path) -> TrainedModel:
        """Read a model that `save` wrote. Raises DataError if it is missing, damaged or of another version."""
        try:
            if not (folder / DESCRIPTION).exists():
                raise FileNotFoundError(folder / DESCRIPTION)
            check_hashes(folder)
            description = read_json(folder / DESCRIPTION)
            if description["format"] != FORMAT:
                raise DataError("another version trained this model", where=folder, fix=TRAIN_AGAIN)
            return _read(description, load_file(folder / WEIGHTS))
        except FileNotFoundError as error:
            raise DataError("no trained model here", where=folder, fix=no_model_fix(folder)) from error
        except (OSError, SafetensorError, UsageError, *FAULTS) as error:
            raise DataError(f"this model is damaged ({first_line(error)})", where=folder, fix=TRAIN_AGAIN) from error


def _read(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> TrainedModel:
    """The model from a folder's content. Raises UsageError or one of `FAULTS` for incompatible parts."""
    require_finite(description, tensors)
    calibration, contents = (description[name] for name in ("calibration", "contents"))
    fitted = {name: values.numpy() for name, values in with_prefix(tensors, "combination.").items()}
    names, marked = description["phases"], {name: v.numpy() for name, v in with_prefix(tensors, "phases.").items()}
    network, sizes = AimConfig(**description["model"]), AimSizes(**description["sizes"])
    model = TrainedModel(
        networks=read_networks(network, sizes, tensors),
        recipe=TrainConfig(**description["train"]),
        stages=read_stages(description["settings"]),
        names={name: tuple(values) for name, values in description["names"].items()},
        train_ids=tuple(description["train_ids"]),
        train_labels=tensors["train_labels"].numpy(),
        difficulty=tensors["difficulty"].numpy(),
        origin=TypeAdapter(Origin).validate_python(description["origin"]),
        combination=Combination.from_arrays(description["combination"], fitted),
        not_calibrated=str(description["not_calibrated"]),
        contents=None if contents is None else frozenset(map(str, contents)),
        phases=None if names is None else PhaseReferences(tuple(map(str, names)), **marked),
        times_difficulty=bool(description["times_difficulty"]),
    )
    if model.train_labels.ndim != 2 or model.train_labels.shape[1] != 3:
        raise ValueError("the training labels are of another form")
    if model.difficulty.shape != (len(model.train_ids),) or not (model.difficulty > 0).all():
        raise ValueError("the difficulties are of another form")
    tried = model.predict(model.blank_features())  # incompatible parts fail here, not when a video is scored
    if not np.isfinite([*tried.score, *tried.step_scores[0]]).all():
        raise ValueError("a score of the model is not finite")
    if calibration is None:
        return model
    stored = read_calibration(with_prefix(tensors, "calibration."), calibration, network, sizes, model.difficulty)
    stored.try_on(model.blank_features(stored.steps.shape[1]))
    return replace(model, calibration=stored)
