"""A real Ray whose workers read a video from an S3 server and write the cache there."""

import pytest

from tests.helpers.extracting import extract

pytest.importorskip("ray", reason='needs python -m pip install -e ".[ray]"')


@pytest.mark.slow
def test_storage_settings_reach_ray_workers(bucket, make_video):
    bucket.put("in/a.mp4", make_video(bucket.home / "a.mp4").read_bytes())
    config = bucket.config(stages=["camera_flow"], work={"workers": 1, "engine": "ray"})
    assert extract(bucket.videos(), config).ok
    assert extract(bucket.videos(), config).fresh == 1
    assert not list((bucket.home / "scratch").glob("*")), "a copy of the video was left"
