"""Tampered bundles, caches and packs give a good result or one AimError, never another exception."""

import copy
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from data.errors import AimError, DataError
from data.store import Array, StageOutput
from data.store import hdf5 as store
from data.video import Record
from extractors.timesteps.stage import Timesteps
from models.aim_config import AimConfig
from pipeline.cache import Cache, KeyParts
from pipeline.cache.output_cache import FAILURE
from pipeline.pack.pack_file import read_pack, write_pack
from pipeline.score.calibration_folds import calibrate
from pipeline.score.model_files import MAY_LACK, cover
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.train_config import TrainConfig
from pipeline.systems.regressors import FOR_KNOWN_PEOPLE
from pipeline.train.feature_set import ARRAYS, feature_set
from tests.helpers.made_features import made_features
from tests.helpers.tampering import damaged_bytes, retyped

FIRST_NOT_FINITE = 5


@pytest.fixture(autouse=True)
def no_sync(monkeypatch):
    """Hundreds of files are written, none of which need survive a power cut."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="module")
def features():
    return made_features(12, steps=4, channels=3, scene=4, trial=2)


@pytest.fixture(scope="module")
def models(features, tmp_path_factory):
    """A calibrated run `alone`, and `combined` with a regression, which takes most of the time to read."""
    folder = tmp_path_factory.mktemp("models")
    recipe, network = TrainConfig(networks=2, epochs=4), AimConfig(width=4, regression_width=4)
    for name, systems in (("alone", ()), ("combined", FOR_KNOWN_PEOPLE[:1])):
        run = TrainedModel.fit(features, recipe, network, systems=systems)
        calibration, combination = calibrate(features, run, folds=2, systems=systems)
        replace(run, combination=combination, calibration=calibration).save(folder / name)
    return {path.name: path for path in folder.iterdir()}


def is_combinations(name):
    """Whether only a combination has this tensor, or this entry of a description."""
    return "combination" in name


def repacked(path, target, change):
    """Write a pack with another header or other arrays, and hashes that fit them."""
    stored = store.read(path)
    header, arrays = copy.deepcopy(dict(stored.header)), dict(stored.output.arrays)
    change(header, arrays)
    store.write(target, header, StageOutput(arrays, stored.output.quality))


def use(folder, features):
    """Load a run and predict, as `score` does."""
    loaded = TrainedModel.load(folder)
    made = loaded.predict(replace(features, stages=loaded.stages))
    if loaded.calibration is not None:
        loaded.calibration.intervals(features, made.score)
        loaded.calibration.novelty.ratios(features)


def outcome(act, about):
    """Whether `act` succeeds; an `AimError` must have one line, and every other exception fails the test."""
    try:
        act()
    except AimError as error:
        text = str(error)
    except Exception as error:
        raise AssertionError(f"{about}: {type(error).__name__}: {error}") from error
    else:
        return True
    assert text.isprintable(), f"{about}: {text!r}"
    return False


def damaged_file(path, act, then=lambda: None):
    """How many damages of a file `act` refuses, and how many change it. `then` runs after each of them."""
    content = path.read_bytes()
    changes = [damaged for damaged in damaged_bytes(content) if damaged != content]
    refused = 0
    for number, damaged in enumerate(changes):
        path.write_bytes(damaged)
        then()
        refused += not outcome(act, f"{path.name}, damage {number}")
    path.write_bytes(content)
    then()
    return refused, len(changes)


def test_tampered_files(models, features, tmp_path):
    one, folder, covered = features.take([0]), tmp_path / "run", 0
    shutil.copytree(models["combined"], folder)

    def used():
        use(folder, one)

    used()
    for name in ("model.json", "model.safetensors"):
        refused, changes = damaged_file(folder / name, used)
        assert refused == changes, "the hashes do not fit"
        covered += damaged_file(folder / name, used, lambda: cover(folder))[0]
    assert covered > 30
    damaged_file(folder / "sha256.json", used)


def changed_entries(values, chosen):
    """Copies of values in each of which one of the chosen entries is changed."""
    others = {name: value for name, value in values.items() if not chosen(name)}
    yield from ({**others, **one} for one in retyped({n: v for n, v in values.items() if chosen(n)}))


def test_tampered_descriptions(models, features, tmp_path):
    one, cases, refused = features.take([0]), 0, 0
    for name, chosen in (("alone", bool), ("combined", is_combinations)):
        folder = Path(shutil.copytree(models[name], tmp_path / name))
        whole = json.loads((folder / "model.json").read_text())
        calibrations = changed_entries(whole["calibration"], chosen)
        changed = [*changed_entries(whole, chosen), *({**whole, "calibration": values} for values in calibrations)]
        for number, values in enumerate(changed):
            (folder / "model.json").write_text(json.dumps(values))
            cover(folder)
            refused += not outcome(lambda: use(folder, one), f"retyped {number}: {json.dumps(values)[:2000]}")  # noqa: B023
            cases += 1
    assert cases > 300
    assert refused > 150


@pytest.mark.parametrize(
    ("name", "chosen"), [("alone", bool), ("combined", is_combinations)], ids=["alone", "combined"]
)
def test_tampered_tensors(models, features, tmp_path, name, chosen):
    one, whole = features.take([0]), load_file(models[name] / "model.safetensors")
    folder = Path(shutil.copytree(models[name], tmp_path / "run"))
    for key in filter(chosen, whole):
        values = whole[key]
        flat = values.reshape(-1)
        others = [
            None,
            flat[:0],
            flat,
            values.unsqueeze(0),
            torch.full_like(values, 255 if values.dtype == torch.uint8 else -(10**9)),
        ]
        if values.is_floating_point():
            others += [torch.full_like(values, number) for number in (math.nan, math.inf, 3e38)]
        for number, other in enumerate(others):
            changed = {k: v for k, v in whole.items() if k != key}
            if other is not None:
                changed[key] = other
            save_file({k: v.clone().contiguous() for k, v in changed.items()}, folder / "model.safetensors")
            cover(folder)
            good = outcome(lambda: use(folder, one), f"{key}, {number}")
            lacking = any(part in key for part in MAY_LACK)
            assert not good or lacking or number < FIRST_NOT_FINITE, f"{key}, {number}: no finite numbers, and loaded"


def test_tampered_packs(features, tmp_path):
    pack, target = tmp_path / "pack.h5", tmp_path / "tampered.h5"
    write_pack(pack, features)
    damaged_file(pack, lambda: read_pack(pack))
    header = dict(store.read(pack).header)
    shortened = {**header, "records": header["records"][:2]}
    fields = ("stage", "stage_version", "settings", "records")
    for number, values in enumerate(retyped({name: shortened[name] for name in fields})):

        def change(old, _, values=values):
            old.clear()
            old.update(values)
            if isinstance(values.get("records"), list) and values["records"]:
                old["records"] = [*values["records"], *header["records"][2:]]

        repacked(pack, target, change)
        outcome(lambda: read_pack(target), f"retyped {number}")
    wrong = [
        lambda h, _: h["records"].pop(),
        lambda h, _: h["records"].append(h["records"][0]),
        lambda h, _: h["records"].__setitem__(1, h["records"][0]),
        lambda h, _: h["records"][0]["labels"].update(score=1e308),
        lambda h, _: h["records"][0]["labels"].update(score=float("nan")),
        lambda h, _: h["records"][0]["labels"].update(score="7"),
        lambda h, _: h["records"][0].update(id=5),
        lambda h, _: h["records"][0].update(groups={"a": 1}),
    ]
    for name in ARRAYS:
        wrong.append(lambda _, arrays, name=name: arrays.pop(name))  # type: ignore[misc]
        wrong.append(lambda _, a, n=name: a.update({n: replace(a[n], values=a[n].values[:-1])}))  # type: ignore[misc]
        wrong.append(lambda _, a, n=name: a.update({n: replace(a[n], values=a[n].values.astype("i4"))}))  # type: ignore[misc]
    for number, one in enumerate(wrong):
        repacked(pack, target, one)
        assert not outcome(lambda: read_pack(target), f"wrong {number}"), f"wrong pack {number} was read"
    assert len(read_pack(pack)) == len(features)


def test_tampered_caches(features, tmp_path):
    one = features.take([0])
    values_of = {name: np.asarray(getattr(one, name)[0]) for name in ARRAYS} | {"bounds": np.zeros((4, 2))}
    specs = Timesteps.arrays
    arrays = {n: Array(v, specs[n].dims, specs[n].unit, "", specs[n].names) for n, v in values_of.items()}
    parts, record = KeyParts("timesteps", 1, {"a": 1}, {}, {"video": "x"}, {}), Record("a.mp4", None)

    def use_cache():
        cache = Cache(tmp_path / "cache")
        try:
            cache.freshness(parts, "a.mp4")
            cache.quality("timesteps", "a.mp4", parts.key)
            cache.failure("timesteps", "a.mp4", parts.key)
            feature_set([record], [cache.read("timesteps", "a.mp4", parts.key).output], {})
        except FileNotFoundError:
            pass
        finally:
            cache.index.costs()
            cache.close()

    cache = Cache(tmp_path / "cache")
    cache.write(parts, record, StageOutput(arrays, {"frames": 3}))
    cache.index.add_cost("timesteps", 1.0, 1)
    cache.close()
    assert outcome(use_cache, "whole")
    path = cache.path("timesteps", "a.mp4", parts.key)
    damaged_file(path, use_cache)
    assert outcome(use_cache, "fill the index")
    assert damaged_file(cache.index.path, use_cache)[0] == 0
    path.unlink()
    for number, text in enumerate(["", "[]", "{", "5", '{"key": []}', "[" * 20000, f'{{"key": "{parts.key}"}}']):
        cache.path("timesteps", "a.mp4", parts.key, FAILURE).write_text(text)
        assert outcome(use_cache, f"failure {number}")


def test_labels_too_large_to_compute_with_are_named(features):
    labels = replace(features.records[0].labels, score=1e308)  # type: ignore[type-var]
    records = (replace(features.records[0], labels=labels), *features.records[1:])
    with pytest.raises(DataError, match="too large for a score"):
        TrainedModel.fit(replace(features, records=records), TrainConfig(networks=1, epochs=4), AimConfig(width=4))
