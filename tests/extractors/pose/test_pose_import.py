"""The import backend from the settings to the stored arrays, and its part in the cache key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import UsageError
from data.stage_files import StageFiles
from data.store.arrays import StageOutput
from data.video.records import Record
from data.video.video_search import find_videos
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from pipeline.settings.config import Config, load_config, validate
from tests.helpers.cached_outputs import output_of
from tests.helpers.drawn_people import person
from tests.helpers.extracting import configured, extract, opened, states
from tests.helpers.object_store import Bucket

FILES = StageFiles()

FRAMES = 8


@pytest.fixture
def video(make_video: Callable[..., Path], tmp_path: Path) -> Path:
    return make_video(tmp_path / "in" / "dive.mp4", frames=FRAMES, size=(320, 240))


def videos(video: Path) -> Sequence[Record]:
    return find_videos([video.parent]).records


def results(shift: float = 0.0) -> list[dict[str, Any]]:
    """COCO results of one person who moves 2 pixels a frame, with the ears never detected."""
    people = []
    for frame in range(FRAMES):
        pose = person(100 + shift + 2 * frame, 120, score=0.9)
        pose[3:5] = 0
        people.append({"image_id": frame, "keypoints": pose.ravel().tolist(), "score": 0.8})
    return people


def put(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def importing(root: Path, folder: str = "", **pose: Any) -> Config:
    """A configuration that imports from a folder below `root`, or from beside the video."""
    given = {"import": {"dir": str(root / folder)}} if folder else {}
    return configured(root / "cache", stages=["pose"], pose={"backend": "import", "agents": 1, **given, **pose})


def stored(config: Config, name: str) -> StageOutput:
    cache = opened(config)
    return cache.load(output_of(cache.root, "pose", name)).output


def test_imported_joints_are_stored_and_the_map_is_reported(video: Path, tmp_path: Path) -> None:
    put(tmp_path / "poses" / "dive_keypoints.json", results())
    config = importing(tmp_path, "poses", cleaning={"smoothing_s": 0})
    assert not extract(videos(video), config).failed
    output = stored(config, "dive.mp4")
    joints = output.arrays["keypoints"].values
    assert joints.shape == (FRAMES, 1, 17, 3)
    wanted = np.array([result["keypoints"] for result in results()]).reshape(FRAMES, 17, 3)
    kept = [0, 1, 2, *range(5, 17)]
    assert np.abs(joints[:, 0, kept, :2] - wanted[:, kept, :2]).max() < 0.1
    assert np.isnan(joints[:, 0, 3:5, :2]).all()
    assert not joints[:, 0, 3:5, 2].any()
    assert output.quality["joint_map"] == "COCO results, COCO-17: 17 joints under their COCO names"
    assert states(videos(video), config) == {"dive.mp4/pose": ("fresh", "")}


def test_the_content_of_the_file_is_in_the_key_and_its_place_is_not(video: Path, tmp_path: Path) -> None:
    put(tmp_path / "a" / "dive.json", results())
    extract(videos(video), importing(tmp_path, "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    moved = importing(tmp_path, "b")
    assert states(videos(video), moved) == {"dive.mp4/pose": ("fresh", "")}
    put(tmp_path / "b" / "dive.json", results(shift=1))
    assert states(videos(video), moved) == {"dive.mp4/pose": ("stale", "keypoints file changed")}


def test_a_folder_of_files_is_in_the_key_file_by_file(video: Path, tmp_path: Path) -> None:
    for frame in range(FRAMES):
        people = [{"pose_keypoints_2d": [50.0 + frame, 60.0, 0.9] * 25}]
        put(video.parent / "dive" / f"dive_{frame:012d}_keypoints.json", {"people": people})
    config = importing(tmp_path)  # beside the video
    assert not extract(videos(video), config).failed
    assert states(videos(video), config) == {"dive.mp4/pose": ("fresh", "")}
    put(video.parent / "dive" / "dive_000000000003_keypoints.json", {"people": []})
    assert states(videos(video), config) == {"dive.mp4/pose": ("stale", "keypoints file changed")}


def test_a_video_on_a_store_takes_a_local_file(bucket: Bucket, video: Path, tmp_path: Path) -> None:
    bucket.put("in/dive.mp4", video.read_bytes())
    put(tmp_path / "poses" / "dive.json", results())
    pose = {"backend": "import", "agents": 1, "import": {"dir": str(tmp_path / "poses")}}
    config = bucket.config(stages=["pose"], pose=pose)
    summary = extract(bucket.videos(), config)
    assert not summary.failed
    output = opened(config).read("pose", "dive.mp4", summary.keys["dive.mp4"]["pose"]).output
    assert output.quality["found_rate"] == 1


@pytest.mark.parametrize("retry", [False, True])
def test_a_video_without_a_file_or_with_several_fails_by_name_and_the_others_are_done(
    video: Path, tmp_path: Path, retry: bool
) -> None:
    other = video.with_name("other.mp4")
    other.write_bytes(video.read_bytes())
    put(other.with_suffix(".json"), results())
    config = importing(tmp_path)
    for files, why in (
        ((), "no keypoints file"),
        (
            ("dive.json", "dive_pose.json"),
            "several keypoint files belong to this video: dive.json, dive_pose.json",
        ),
    ):
        written = [put(video.with_name(name), results()) for name in files]
        summary = extract(videos(video), config, retry_failed=retry)
        assert "dive.mp4" in str(summary.failed)
        assert why in str(summary.failed)
        assert stored(config, "other.mp4").quality["found_rate"] == 1
        shown = states(videos(video), config)
        assert shown["other.mp4/pose"] == ("fresh", "")
        assert shown["dive.mp4/pose"][0] == "failed"
        assert why.partition(":")[0] in shown["dive.mp4/pose"][1]
    written[-1].unlink()
    assert not extract(videos(video), config).failed


def test_import_is_written_without_an_underscore_everywhere(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("pose:\n  backend: import\n  import:\n    dir: poses\n")
    config = load_config(tmp_path / "c.yaml")
    given = config.stage("pose")
    assert isinstance(given, PoseConfig)
    assert given.import_.dir == "poses"
    assert config.dump()["pose"]["import"] == {"dir": "poses", "layout": ""}
    assert validate(config.dump()).dump() == config.dump()
    assert load_config(None, ["pose.import.dir=x"]).dump()["pose"]["import"] == {"dir": "x", "layout": ""}
    assert given.result_settings() == {"backend": "import"}
    assert Pose.identity(given, FILES) == {}
    named = load_config(tmp_path / "c.yaml", ["pose.import.layout=ap10k"]).stage("pose")
    assert isinstance(named, PoseConfig)
    assert Pose.identity(named, FILES) == {"layout": "ap10k"}
    with pytest.raises(UsageError, match=r"unknown key 'pose.import.dri', did you mean 'pose.import.dir'"):
        load_config(None, ["pose.import.dri=x"])
    with pytest.raises(UsageError, match=r"unknown key 'pose.import_', did you mean 'pose.import'"):
        load_config(None, ["pose.import_.dir=x"])
