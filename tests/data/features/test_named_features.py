"""Which features belong to which performance, for sets in their official layouts and for own data."""

import re

import numpy as np
import pytest

from data.datasets import list_records
from data.errors import AimError, DataError, UsageError
from data.features import named_features, names_of, with_features
from data.video import Listing, Record

MOT = """Coordinates
version=1
nRows=3
nColumns=2
inDegrees=yes

Units are S.I. units

endheader
time\tright knee\tleft knee
0.0\t10.5\t-3
0.04\t11\t-2.5
0.08\t12\t0
"""
"""A motion file as Sports2D writes it."""


def files(folder, *names):
    """Files of features; `!` after a name makes a damaged one."""
    folder.mkdir(exist_ok=True)
    for name in names:
        path = folder / (name.rstrip("!") if ".mot" in name else f"{name.rstrip('!')}.npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".mot" or "!" in name:
            path.write_text(MOT if path.suffix == ".mot" else "no array")
        else:
            np.save(path, np.ones((3, 2)))
    return str(folder)


CASES = """
letters and numbers: 01/007 FINA/000 videos/Ball_001.mp4 < 1_7 FINA/0 ball_001
a plain number of two competitions: 01/001 09/001 01/002 < 1 01_002
views of a trial: video/B001_capture1.avi@Suturing_B001 video/B001_capture2.avi@Suturing_B001 < Suturing_B001
equal names: x < x X
other names: x < a b
a damaged file: a b < a b!
no features: a <
an unknown part: a < rgb= a
motion files: dive.mp4 vault.mp4 < primary= dive~0.mot vault.mot
names with a video's ending: v00.mp4 sub/v01.mp4 < v00.mp4 v01.MP4
of video_features: dive.mp4 < dive_rgb dive_fps dive_timestamps_ms
a pattern: dive.mp4 vault_2.mp4 < /*_rgb.npy dive_rgb dive_flow vault_2_rgb
the second person: dive.mp4 vault.mp4 < secondary= dive~0.mot dive~1.mot dive~2.mot vault~0.mot
the first person: dive.mp4 vault.mp4 < scene= dive~0.mot dive~1.mot dive~2.mot vault~0.mot
"""
"""Performances (`@` before their trial), and the part and the files of features (`~`: a person of Sports2D)."""


@pytest.mark.parametrize("case", CASES.strip().splitlines(), ids=lambda case: case.partition(":")[0])
def test_features_belong_to_the_performances_that_they_name(tmp_path, case, snapshot):
    ids, names = (part.split() for part in case.partition(": ")[2].split(" <"))
    names = [re.sub(r"(\w+)~", r"\1_Sports2D/\1_Sports2D_angles_person0", name) for name in names]
    records = [Record(one, None, groups={"trial": trial} if trial else {})
               for one, _, trial in (word.partition("@") for word in ids)]  # fmt: skip
    part = names.pop(0) if names and names[0].endswith("=") else ""
    pattern = names.pop(0) if names and "*" in names[0] else ""
    folder = files(tmp_path / "vst", *names)
    try:
        listing = with_features(Listing(tuple(records)), named_features([f"{part}{folder}{pattern}"]))
        said = [f"{r.id}: {k} in {path.name} {r.entries}" for r in listing.records for k, path in r.sidecars.items()]
        said += listing.problems
    except AimError as error:
        said = [str(error)]
    assert "\n".join(said).replace(folder, "VST") == snapshot


def test_places_that_are_missing_are_refused(tmp_path):
    for given in ("nothing", "~no-such-user/x"):
        with pytest.raises(UsageError, match="no such file or folder"):
            named_features([given])


def test_agents_are_named_and_one_part_may_have_several_files(tmp_path):
    for apparatus in ("Ball", "Clubs"):
        for part, size in (("rgb_VST", 4), ("audio_AST", 3)):
            arrays = {f"{apparatus}_{n:03d}": np.ones((5, size)) for n in (1, 2)}
            np.save(tmp_path / f"{apparatus}_{part}.npy", arrays, allow_pickle=True)  # type: ignore[arg-type]
    sources = named_features([f"{tmp_path}/*_rgb_VST.npy", f"secondary={tmp_path}/*_audio_AST.npy"])
    assert [source.part for source in sources] == ["scene", "secondary"]
    assert names_of(sources) == ("Ball_001", "Ball_002", "Clubs_001", "Clubs_002")
    (record,) = with_features(Listing((Record("Clubs_002", None),)), sources).records
    assert record.entries == {"scene features": "Clubs_002", "secondary features": "Clubs_002"}
    with pytest.raises(DataError, match=r"'Ball_001' is here and in .*Ball_audio_AST\.npy"):
        named_features([str(tmp_path)])


def test_one_array_of_several_in_a_file_is_chosen(tmp_path):
    for name in ("rgb", "audio"):
        np.savez(tmp_path / f"{name}.npz", **{name: np.ones((5, 4)), "flow": np.ones(3)})
    (source,) = named_features([f"{tmp_path}::rgb"])
    assert source.files == {"rgb": (tmp_path / "rgb.npz", "rgb")}
    assert source.problems == (f"{tmp_path}/audio.npz: no array 'rgb'. It has audio, flow",)


def test_a_list_or_a_table_names_performances_without_videos(tmp_path):
    for side, names in (("train", (1, 2)), ("test", (3,))):
        lines = [f"Ball_{n:03d} 1.5 7.25 8.75 0 0" for n in names]
        (tmp_path / f"{side}.txt").write_text("\n".join(["Video D E T a b", *lines]))
    (tmp_path / "scores.csv").write_text("video,score\nBall_001,1\nsub/b.mp4,2\n")
    sources = named_features([files(tmp_path / "vst", "Ball_001", "Ball_003", "sub/b")])
    listing = list_records("rhythmic-gymnastics", tmp_path, feature_names=names_of(sources))
    listing = with_features(listing, sources)
    found = [(record.id, record.split, record.path) for record in listing.records]
    assert found == [("Ball_001", "train", None), ("Ball_003", "test", None)]
    assert "Ball_002: no scene features" in listing.problems
    listing = list_records("folder", tmp_path, feature_names=names_of(sources))
    scores = {record.id: record.labels and record.labels.score for record in listing.records}
    assert scores.items() >= {"Ball_001": 1, "sub/b": 2}.items()
