"""A real Ray whose workers read videos from an S3 server and write the cache there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.store import hdf5 as store
from data.video.records import find_videos
from pipeline.cache.local_cache import open_cache
from pipeline.run.batch import Summary, run_extract
from pipeline.run.plan import Planner
from pipeline.session import Session
from tests.helpers.object_store import Bucket

pytest.importorskip("ray", reason='needs python -m pip install -e ".[ray]"')


def extract(bucket: Bucket) -> Summary:
    config = bucket.config(stages=["camera_flow"], run={"workers": 2})
    with Session(config, engine="ray") as session:
        return run_extract(bucket.videos(), session.planner())


@pytest.mark.slow
def test_far_videos_and_a_far_cache_give_what_the_disk_gives(bucket: Bucket, make_video: Callable[..., Path]) -> None:
    for name in ("a.mp4", "sub/b.mp4", "sub/c.mp4"):
        bucket.put(f"in/{name}", make_video(bucket.home / "in" / name).read_bytes())
    bucket.put("in/cut.mp4", bucket.get("in/a.mp4")[:500])
    done = extract(bucket)
    assert (len(done.results), [r.record.id for r in done.failed]) == (4, ["cut.mp4"])

    near = bucket.config(stages=["camera_flow"], cache=str(bucket.home / "cache"))
    kept = open_cache(near.cache, near.storage.reach())
    assert run_extract(find_videos([bucket.home / "in"]).records, Planner(near, kept)).exit_code == 0
    outputs = sorted(near.cache.rglob("*.h5"))
    assert len(outputs) == 3
    for path in outputs:
        name = path.relative_to(near.cache).as_posix()
        ours, theirs = store.read(path), store.read(Path(name), bucket.get(f"cache/{name}"))
        assert ours.header == theirs.header
        for key, array in ours.output.arrays.items():
            np.testing.assert_array_equal(array.values, theirs.output.arrays[key].values)
    assert not list((bucket.home / "scratch").glob("*")), "copies of videos were left"
    assert extract(bucket).fresh == 3
