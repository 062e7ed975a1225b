"""Makes a pack, a model and results of this version: `python -m tests.kept.make tests/kept/NAME`.

Make a new folder when a format changes; the earlier ones stay, since later versions read them or refuse them by name.
"""

import json
import shutil
import sys
from pathlib import Path

from pipeline import api
from pipeline.evaluate import read_results
from pipeline.pack.pack_file import read_pack, write_pack
from pipeline.score import TrainedModel
from tests.helpers.made_features import made_features

SMALL = {"train.networks": 1, "train.epochs": 1, "model.width": 4, "model.regression_width": 4, "combined": False}


def make(folder):
    """Write the files and `expected.json`, the values that are read from them."""
    folder.mkdir(parents=True)
    write_pack(folder / "pack.h5", made_features(12, steps=3, channels=2, scene=2, trial=1))
    given = {"pack": folder / "pack.h5", "overrides": SMALL}
    api.train(out=folder / "model", folds=3, **given)
    api.evaluate(out=folder / "out", quick=True, **given)
    (folder / "out/results.json").rename(folder / "results.json")
    for left in ("out", "model/checkpoints"):
        shutil.rmtree(folder / left)
    (folder / "expected.json").write_text(json.dumps({name: read(folder) for name, read in READ.items()}, indent=1))


def read_score(folder):
    """Scores of packed performances."""
    return TrainedModel.load(folder / "model").predict(read_pack(folder / "pack.h5").take(range(4))).score.tolist()


READ = {
    "pack": lambda folder: [one.labels.score for one in read_pack(folder / "pack.h5").records],
    "model": read_score,
    "results": lambda folder: [
        {name: estimate.value for name, estimate in one.systems.items()}
        for one in read_results(folder / "results.json").predictions
    ],
}
"""A function of the folder for each kind of file; it raises DataError where this version does not read the file."""


if __name__ == "__main__":
    make(Path(sys.argv[1]))
