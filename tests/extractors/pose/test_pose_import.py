"""The import backend from the settings to the stored arrays, and its part in the cache key."""

import shutil

import numpy as np
import pytest

from data.stage_files import StageFiles
from data.video.video_search import find_videos
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from pipeline.settings.config import load_config, validate
from tests.helpers.cached_outputs import output_of
from tests.helpers.drawn_people import person
from tests.helpers.extracting import configured, extract, opened, states
from tests.helpers.keypoint_files import put

FILES = StageFiles()

FRAMES = 8


@pytest.fixture
def video(make_video, tmp_path):
    return make_video(tmp_path / "in" / "dive.mp4", frames=FRAMES, size=(320, 240))


def videos(video):
    return find_videos([video.parent]).records


def results(shift=0.0):
    """COCO results of one person who moves 2 pixels a frame, with the ears never detected."""
    people = []
    for frame in range(FRAMES):
        pose = person(100 + shift + 2 * frame, 120, score=0.9)
        pose[3:5] = 0
        people.append({"image_id": frame, "keypoints": pose.ravel().tolist(), "score": 0.8})
    return people


def importing(root, folder="", **pose):
    """A configuration that imports from a folder below `root`, or from beside the video."""
    given = {"import": {"dir": str(root / folder)}} if folder else {}
    return configured(root / "cache", stages=["pose"], pose={"backend": "import", "agents": 1, **given, **pose})


def stored(config, name):
    cache = opened(config)
    return cache.load(output_of(cache.root, "pose", name)).output


def test_imported_joints_are_stored_and_the_map_is_reported(video, tmp_path):
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


def test_the_content_of_the_file_is_in_the_key_and_its_place_is_not(video, tmp_path):
    put(tmp_path / "a" / "dive.json", results())
    extract(videos(video), importing(tmp_path, "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    moved = importing(tmp_path, "b")
    assert states(videos(video), moved) == {"dive.mp4/pose": ("fresh", "")}
    put(tmp_path / "b" / "dive.json", results(shift=1))
    assert states(videos(video), moved) == {"dive.mp4/pose": ("stale", "keypoints file changed")}


def test_a_video_on_a_store_takes_a_local_file(bucket, video, tmp_path):
    bucket.put("in/dive.mp4", video.read_bytes())
    put(tmp_path / "poses" / "dive.json", results())
    pose = {"backend": "import", "agents": 1, "import": {"dir": str(tmp_path / "poses")}}
    config = bucket.config(stages=["pose"], pose=pose)
    summary = extract(bucket.videos(), config)
    assert not summary.failed
    output = opened(config).read("pose", "dive.mp4", summary.keys["dive.mp4"]["pose"]).output
    assert output.quality["found_rate"] == 1


def test_a_video_without_a_file_or_with_several_fails_by_name_and_the_others_are_done(video, tmp_path):
    other = video.with_name("other.mp4")
    other.write_bytes(video.read_bytes())
    put(other.with_suffix(".json"), results())
    config = importing(tmp_path)
    for files, why in (
        ((), "no keypoints file"),
        (("dive.json", "dive_pose.json"), "several keypoint files belong to this video: dive.json, dive_pose.json"),
    ):
        written = [put(video.with_name(name), results()) for name in files]
        (failed,) = extract(videos(video), config).failed
        assert ("dive.mp4" in str(failed), why in str(failed)) == (True, True)
        assert stored(config, "other.mp4").quality["found_rate"] == 1
    written[-1].unlink()
    assert not extract(videos(video), config).failed


def test_import_is_written_without_an_underscore_everywhere(tmp_path):
    (tmp_path / "c.yaml").write_text("pose:\n  backend: import\n  import:\n    dir: poses\n")
    config = load_config(tmp_path / "c.yaml", ["pose.import.layout=ap10k"])
    given = config.method.stage("pose")
    assert isinstance(given, PoseConfig)
    assert config.dump()["pose"]["import"] == {"dir": "poses", "layout": "ap10k"}
    assert validate(config.dump()).dump() == config.dump()
    assert given.result_settings() == {"backend": "import"}
    assert Pose.identity(given, FILES) == {"layout": "ap10k"}
    assert Pose.identity(PoseConfig(backend="import"), FILES) == {}
