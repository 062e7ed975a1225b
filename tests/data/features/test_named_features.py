"""Which features belong to which performance, for sets in their official layouts and for own data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.datasets import list_records
from data.errors import DataError, UsageError
from data.features import named_features, names_of, with_features
from data.video import Listing, Record


def files(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", np.ones((3, 2)))
    return str(folder)


def joined(ids: list[str], *given: str, **groups: str) -> Listing:
    records = tuple(Record(one, None, groups=groups) for one in ids)
    return with_features(Listing(records), named_features(given))


def test_names_match_by_letters_and_numbers(tmp_path: Path) -> None:
    vst = files(tmp_path / "vst", "1_7", "FINA/0", "ball_001")
    listing = joined(["01/007", "FINA/000", "videos/Ball_001.mp4"], vst)
    assert [record.sidecars["scene features"].name for record in listing.records] == [
        "1_7.npy",
        "0.npy",
        "ball_001.npy",
    ]
    assert listing.problems == ()


def test_a_plain_number_belongs_to_no_dive_of_two_competitions(tmp_path: Path) -> None:
    vst = files(tmp_path / "vst", "1", "01_002")
    listing = joined(["01/001", "09/001", "01/002"], vst)
    assert [record.id for record in listing.records] == ["01/002"]
    assert listing.problems == (
        "01/001: no scene features",
        "09/001: no scene features",
        "1 array of scene features without a performance: 1",
    )


def test_views_share_the_features_of_their_trial(tmp_path: Path) -> None:
    listing = joined(["Suturing/video/B001_capture1.avi", "Suturing/video/B001_capture2.avi"],
                     files(tmp_path, "Suturing_B001"), trial="Suturing_B001")  # fmt: skip
    assert len(listing.records) == 2


def test_agents_are_named_and_one_part_may_have_several_files(tmp_path: Path) -> None:
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


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    vst = files(tmp_path / "vst", "a", "b")
    (tmp_path / "vst/b.npy").write_bytes(b"no array")
    listing = joined(["a", "b"], vst)
    assert [record.id for record in listing.records] == ["a"]
    assert "b.npy: the features cannot be read" in listing.problems[0]
    assert listing.problems[1] == "b: no scene features"
    with pytest.raises(DataError, match="several scene features are called like"):
        joined(["x"], files(tmp_path / "twice", "x", "X"))
    with pytest.raises(DataError, match=r"none of the scene features is called like a performance \(a\).*such as x"):
        joined(["x"], vst)
    (tmp_path / "empty").mkdir()
    for given, message in (("rgb=x", "features of 'rgb'"), ("nothing", "no such file or folder"),
                           ("~no-such-user/x", "no such file or folder"),
                           (str(tmp_path / "empty"), "no features")):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            named_features([given])


def test_a_list_names_performances_without_videos(tmp_path: Path) -> None:
    for side, names in (("train", (1, 2)), ("test", (3,))):
        lines = [f"Ball_{n:03d} 1.5 7.25 8.75 0 0" for n in names]
        (tmp_path / f"{side}.txt").write_text("\n".join(["Video D E T a b", *lines]))
    sources = named_features([files(tmp_path / "vst", "Ball_001", "Ball_003")])
    listing = list_records("rhythmic-gymnastics", tmp_path, feature_names=names_of(sources))
    listing = with_features(listing, sources)
    assert [(record.id, record.split, record.path) for record in listing.records] == [
        ("Ball_001", "train", None),
        ("Ball_003", "test", None),
    ]
    assert listing.problems == ("Ball_002: no scene features",)


def test_own_data_need_the_table_of_scores_alone(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("video,score\na,1\nsub/b.mp4,2\n")
    sources = named_features([files(tmp_path / "vst", "a", "sub/b")])
    listing = list_records("folder", tmp_path, feature_names=names_of(sources))
    assert [(record.id, record.labels and record.labels.score) for record in listing.records] == [
        ("a", 1),
        ("sub/b", 2),
    ]
