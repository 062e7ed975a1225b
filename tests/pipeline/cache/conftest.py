"""A filled cache of the toy stages."""

from typing import NamedTuple

import pytest

from data.video import Record, find_videos
from pipeline.cache import Cache
from pipeline.settings.config import Config
from tests.helpers.extracting import configured, extract


class Filled(NamedTuple):
    """A cache, the videos whose outputs it has, and the configuration that made them."""

    cache: Cache
    records: tuple[Record, ...]
    config: Config


@pytest.fixture
def filled(toy_stages, make_video, tmp_path):
    """A cache of two good videos, one of them in a folder, and of one that failed."""
    for name in ("a", "sub/b"):
        make_video(tmp_path / f"in/{name}.mp4")
    (tmp_path / "in/bad.mp4").write_text("no video")
    records, config = find_videos([tmp_path / "in"]).records, configured(tmp_path / "cache")
    extract(records, config)
    return Filled(Cache(config.machine.cache), records, config)
