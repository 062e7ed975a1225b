"""Videos are found by their paths."""

import pytest

from data.errors import UsageError
from data.video.video_search import find_videos


def test_a_missing_file_is_meant_by_its_name_and_not_by_its_ending(make_video, tmp_path):
    for name in ("broken.mp4", "anna.mp4"):
        make_video(tmp_path / name)
    for given, meant in (("anns.mp4", "anna.mp4"), ("anna.mov", "anna.mp4"), ("zoe.mp4", "")):
        with pytest.raises(UsageError) as error:
            find_videos([tmp_path / given])
        assert (f"did you mean '{tmp_path / meant}'?" in str(error.value)) == bool(meant)
        assert ("did you mean" in str(error.value)) == bool(meant)
