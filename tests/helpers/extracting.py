"""Runs extractions of the toy stages and of the camera flow, with videos and cache in a folder or a bucket."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.store import LocalFolder, RemoteFolder, Storage, hdf5
from data.video import find_videos, write_video
from pipeline.cache import open_cache
from pipeline.run import Planner, run_extract, status_rows
from pipeline.settings.config import load_config, validate
from tests.helpers.watching import Watching


def configured(cache, **values):
    """A configuration of the toy stages, which run in this process."""
    return validate({"stages": ["contrast"], "cache": str(cache), "work": {"workers": 0}, **values})


def cached_in(folder):
    """A user's configuration beside a model: with this cache, and work in this process."""
    return load_config(None, {"cache": folder, "work.workers": 0})


def opened(config):
    """The cache of a configuration."""
    return open_cache(config.machine)


def extract(records, config, **options):
    """`extract` with a cache that is opened and closed; `options` are those of `Planner`."""
    cache = opened(config)
    summary = run_extract(Planner(config, cache, **options).plan_all(records), config.machine, cache)
    cache.close()
    return summary


def states(records, config):
    """State and reason by `VIDEO/STAGE`, as `status` shows them."""
    cache = opened(config)
    rows = status_rows(Planner(config, cache).plan_all(records), cache)
    return {f"{row.video}/{row.stage}": (row.state, row.reason.cause if row.reason else "") for row in rows}


def moving_films(folder, names):
    """Write short films of one picture, which moves by another step in each; returns their folder."""
    picture = np.random.default_rng(3).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    for number, name in enumerate(names, start=1):
        write_video(folder / f"{name}.mp4", (np.roll(picture, number * i, axis=1) for i in range(12)), 25)
    return folder


def flow_config(cache, workers=0, **run):
    """A configuration of the camera flow, a real stage that needs no network and runs in worker processes too."""
    return validate({"stages": ["camera_flow"], "cache": str(cache), "work": {"workers": workers, **run}})


def extract_flow(videos, config, engine="local", **hooks):
    """`extract` of a folder on an engine; `hooks` are those of `Watching`."""
    config = load_config(config, {"work.engine": engine})
    with opened(config) as cache:
        plans = Planner(config, cache).plan_all(find_videos([videos]).records)
        return run_extract(plans, config.machine, cache, Watching(**hooks))


def outputs(cache):
    """Paths of all outputs below a cache, relative to it."""
    return sorted(path.relative_to(cache) for path in cache.rglob("*.h5") if not path.name.startswith("."))


def assert_equal_outputs(cache, other):
    """Fail unless two caches hold the same outputs: names, headers and arrays."""
    assert outputs(cache) == outputs(other) != []
    for name in outputs(cache):
        ours, theirs = hdf5.read(cache / name), hdf5.read(other / name)
        assert ours.header == theirs.header
        for key, array in ours.output.arrays.items():
            np.testing.assert_array_equal(array.values, theirs.output.arrays[key].values)


@dataclass(frozen=True)
class Place:
    """A folder, or a bucket, with videos below `in` and a cache."""

    folder: LocalFolder | RemoteFolder
    home: Path  # a folder of this machine for everything else
    storage: Storage = field(default_factory=Storage)

    def put(self, name, content):
        """Put a file among the videos."""
        self.folder.write(f"in/{name}", content)

    def records(self):
        """The records of the videos."""
        return find_videos([Path(f"{self.folder.url}/in")], self.storage).records

    def config(self, **values):
        """A configuration whose cache is here."""
        storage = {"endpoint_url": self.storage.endpoint_url, "scratch": str(self.home / "scratch")}
        return configured(f"{self.folder.url}/cache", storage=storage, **values)

    def extract(self, **values):
        """`extract` of all videos with these settings."""
        return extract(self.records(), self.config(**values))

    def states(self, **values):
        """The states of all videos with these settings."""
        return states(self.records(), self.config(**values))

    def output(self, stage, video):
        """The name of the only output of a stage for a video."""
        (name,) = (name for name in self.folder.files(f"cache/{stage}") if name.startswith(f"cache/{stage}/{video}."))
        return name

    def copies(self):
        """Local copies of videos that were not removed."""
        return list((self.home / "scratch").glob("*"))
