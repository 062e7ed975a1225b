"""One small world for the whole run: films, features, models, an evaluation and a label session, each made once.

The fixture `world` gives it. A part is made by the first test that asks for it, by functions of `pipeline.api`, and
shared by all processes of the run. Parts are read only: a test that changes files copies them (`shutil.copytree`).
A test that scores films also asks for the fixture `toy_timesteps`.

=================  =====================================================================================================
`films`            Folder of 24 flat films of 1.2 s with `labels.csv`: the score is half of their brightness; judges,
                   execution, two tasks, four subjects, nine days.
`new`              Folder of three unseen films: a.mp4, b.mp4 and c.mp4, of brightness 100, 180 and 60.
`cache`            Cache with the outputs of `films`.
`model`            Calibrated model of `films`: two networks and regressions, which rank them well.
`scores`           Scores of `new` by `model`.
`evaluation`       Folder with results.json and report.html of an evaluation of `films`.
`planted`          300 performances of `made_features` with trial-level features: 48 to train on, the others are unseen.
`planted_model`    Combined, calibrated model of the first 48.
=================  =====================================================================================================
"""

import fcntl
import json
import shutil
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from data.video.writer import LOSSLESS, write_video
from pipeline import api
from pipeline.score import TrainedModel, train_model
from pipeline.score.model_files import cover
from pipeline.settings.config import load_config
from pipeline.settings.stages import STAGES
from tests.helpers.made_features import made_features
from tests.helpers.toy_stages import use_stages

FILMS, TRAINED = 24, 48
"""Number of films in `films`; number of performances that `planted_model` was trained on."""

STEPS = {"steps": 4}
NETWORK = {"recipe": "fast", "networks": 2, "epochs": 100, "switch_epochs": [50, 80, 100]}
SIZES = {"width": 8, "regression_width": 8}


def film(path, grey, frames=30):
    """Write a flat video of one grey level, 25 frames a second; returns its path."""
    write_video(path, (np.full((32, 48, 3), grey, np.uint8) for _ in range(frames)), 25, options=LOSSLESS)
    return path


def toy_timesteps(patch):
    """Let time steps come from brightness, without a network. Presets load, with the settings of the real stage."""
    use_stages(patch, **{**STAGES, "timesteps": "tests.helpers.toy_timesteps:ToyTimesteps"})


class World:
    """The parts by name (see the module); `root` is a folder that all processes of the run share."""

    def __init__(self, root):
        self.root = root

    def _part(self, name, make):
        """The folder of a part, which the first process that asks makes; the others wait for it."""
        folder, made = self.root / name, self.root / f"{name}.made"
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f"{name}.lock").open("w") as lock, pytest.MonkeyPatch.context() as patch:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                toy_timesteps(patch)
                make(folder)
                made.touch()
        return folder

    def settings(self, **more):
        """Settings of a training or an evaluation on `films`, in this process, with `more` of them by dotted names."""
        given = {
            "stages": ["timesteps"],
            "timesteps": STEPS,
            "dataset.root": self.films,
            "cache": self.cache,
            "work.workers": 0,
        }
        given |= {"train": NETWORK, "model": SIZES}
        return given | more

    def config(self, **more):
        """The configuration of these settings."""
        return load_config("folder", self.settings(**more))

    @cached_property
    def films(self):
        """Labelled films."""
        return self._part("films", _films)

    @cached_property
    def new(self):
        """Unseen films."""
        greys = {"a": 100, "b": 180, "c": 60}
        return self._part("new", lambda folder: [film(folder / f"{name}.mp4", grey) for name, grey in greys.items()])

    @property
    def cache(self):
        """Cache of the films; it exists as soon as a model was trained."""
        return self.root / "cache"

    @cached_property
    def model(self):
        """A trained model."""
        return self._part("model", self._train)

    def _train(self, folder):
        api.extract(config="folder", overrides=self.settings())
        api.train(config="folder", overrides=self.settings(), out=folder, folds=4)

    @cached_property
    def scores(self):
        """Scores of the unseen films by `model`; each process computes its own."""
        with pytest.MonkeyPatch.context() as patch:
            toy_timesteps(patch)
            return tuple(api.score(self.new, model=self.model, cache=self.cache, workers=0))

    @cached_property
    def evaluation(self):
        """An evaluation in three folds with a learning curve."""
        return self._part("evaluation", self._evaluate)

    def _evaluate(self, folder):
        quick = {"split.folds": 3, "train": {**NETWORK, "epochs": 3, "switch_epochs": [1, 2, 3]}}
        api.extract(config="folder", overrides=self.settings())
        api.evaluate(config="folder", overrides=self.settings(**quick), out=folder, curve=True)

    @cached_property
    def planted(self):
        """Features whose scores are known from how one agent follows the other."""
        made = made_features(300, channels=5, scene=8, trial=6, noise=1.0)
        return replace(made, names={**made.names, "trial": tuple(f"descriptor_{i}" for i in range(6))})

    @cached_property
    def planted_model(self):
        """A model of planted features; no path of this machine may be in it."""
        places = {"cache": "/home/somebody/cache", "dataset.root": "/home/somebody/dives", "name": "dives"}
        config = load_config(None, {**places, "split.calibration_folds": 4, "train": NETWORK, "model": SIZES})
        learned = self.planted.take(range(TRAINED))
        return self._part("planted_model", lambda folder: train_model(learned, config, folder, None))

    @cached_property
    def planted_bundle(self):
        """The loaded `planted_model`."""
        return TrainedModel.load(self.planted_model)

    @cached_property
    def bundle(self):
        """The loaded `model`."""
        return TrainedModel.load(self.model)

    def copy_of_model(self, folder, tensors=None, **changes):
        """A copy of `model` in `folder`/run, with other tensors or entries of its description, and hashes that fit."""
        run = Path(shutil.copytree(self.model, folder / "run", dirs_exist_ok=True))
        if tensors is not None:
            save_file(dict(tensors), run / "model.safetensors")
            changes = {"calibration": None, **changes}
        if changes:
            described = json.loads((run / "model.json").read_text())
            (run / "model.json").write_text(json.dumps({**described, **changes}))
            cover(run)
        return run


def scores_of_films():
    """The labels of `films` by name."""
    greys = np.random.default_rng(0).permutation(np.linspace(30, 220, FILMS).astype(int))
    return {f"{number:02d}.mp4": float(grey) / 2 for number, grey in enumerate(greys)}


def _films(folder):
    rng = np.random.default_rng(1)
    rows = ["video,score,judges,execution,difficulty,subject,task,date"]
    for number, (name, score) in enumerate(scores_of_films().items()):
        film(folder / name, round(2 * score), 28 + number % 5)
        judges = " ".join(f"{score + error:.1f}" for error in rng.normal(0, 2, 3))
        about = f"{score / 12:.2f},{2 + number % 3},s{number % 4},{'ab'[number % 2]},2026-03-0{1 + number % 9}"
        rows.append(f"{name},{score},{judges},{about}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
