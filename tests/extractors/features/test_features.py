"""Features in place of the scene and of agents: the time steps that they give, and evaluations without any video."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data.errors import UsageError
from data.store import hdf5 as store
from data.video import Record
from pipeline import api
from pipeline.observer import SILENT
from pipeline.run import feasible_config
from pipeline.score.scorer import score_videos
from pipeline.settings.config import load_config
from tests.helpers.cached_outputs import output_of
from tests.helpers.watching import Watching

PLAIN = {"stages": ["features", "timesteps"], "timesteps.steps": 4}


def own_data(folder, count=24):
    """Features of three parts whose first value follows the score, with 8 rows for the scene and 16 for the others."""
    rng, lines = np.random.default_rng(3), ["video,score"]
    for number in range(count):
        quality = rng.uniform(0, 10)
        for part, rows in (("vst", 8), ("flow", 16), ("audio", 16)):
            values = rng.normal(size=(rows, 3)).astype(np.float32)
            values[:, 0] += quality
            (folder / part).mkdir(parents=True, exist_ok=True)
            np.save(folder / part / f"{number:02d}.npy", values)
        lines.append(f"{number:02d},{quality:.3f}")
    (folder / "scores.csv").write_text("\n".join(lines))
    return folder


def extracted(root, cache, *features, **settings):
    overrides = {"dataset.root": root, **PLAIN, **settings}
    done = api.extract(features=features, config="folder", overrides=overrides, cache=cache, workers=0)
    assert done.ok
    arrays = store.read(output_of(cache, "timesteps", "00")).output.arrays
    return {name: array.values for name, array in arrays.items()}


def test_rows_become_steps_by_shares_or_by_their_times(tmp_path):
    root = own_data(tmp_path / "own", count=1)
    vst, flow = (np.load(root / part / "00.npy") for part in ("vst", "flow"))
    given = [str(root / "vst"), f"primary={root / 'flow'}", f"secondary={root / 'audio'}"]
    shares = extracted(root, tmp_path / "shares", *given, **{"timesteps.statistics": "mean"})
    assert np.allclose(shares["scene"], vst.reshape(4, 2, 3).mean(1), atol=1e-6)
    assert np.allclose(shares["primary"], flow.reshape(4, 4, 3).mean(1), atol=1e-6)
    assert np.isnan(shares["duration"])
    assert shares["bounds"].max() == 1.0
    timed = extracted(root, tmp_path / "timed", *given, **{"features.fps": 25, "features.clip_frames": 50})
    assert timed["duration"] == 16 * 2.0
    quality = store.read(output_of(tmp_path / "timed", "timesteps", "00")).output.quality
    assert quality["longest_pause_s"] == 0, "a clip lasts until the next one begins"
    assert np.allclose(timed["scene"][:2], vst.reshape(2, 4, 3).mean(1), atol=1e-6), "the scene lasts half as long"


def test_the_key_holds_content_and_place_but_no_path(tmp_path):
    root = own_data(tmp_path / "own", count=2)
    arrays = {name: np.load(root / "vst" / f"{name}.npy") for name in ("00", "01")}
    np.savez(tmp_path / "all.npz", **arrays)
    cache, given = tmp_path / "cache", {"dataset.root": root, **PLAIN}

    def run(features, **settings):
        overrides = given | settings
        done = api.extract(features=[str(features)], config="folder", overrides=overrides, cache=cache, workers=0)
        return sum(bool(result.done) for result in done.results), done.fresh

    assert run(root / "vst") == (2, 0)
    (root / "vst").rename(root / "moved")
    assert run(root / "moved") == (0, 2)
    np.save(root / "moved/00.npy", arrays["00"] + 1)
    assert run(root / "moved") == (1, 1)
    assert run(tmp_path / "all.npz") == (2, 0)
    assert run(tmp_path / "all.npz", **{"features.fps": 25}) == (2, 0)


def test_features_of_another_size_cost_that_performance_alone(tmp_path):
    root, observer = own_data(tmp_path / "own", count=6), Watching()
    np.save(root / "vst/03.npy", np.ones((8, 5)))
    np.save(root / "vst/04.npy", np.full((8, 3), np.nan))
    given = {"dataset.root": root, **PLAIN, "work.workers": 0}
    words = {"features": [str(root / "vst")], "cache": tmp_path / "cache", "out": tmp_path / "a.h5"}
    assert not api.extract(config="folder", overrides=given, features=words["features"], cache=words["cache"]).ok  # type: ignore[arg-type]
    packed = api.pack(config="folder", overrides=given, observer=observer, **words)  # type: ignore[arg-type]
    assert [record.id for record in packed.records] == ["00", "01", "02", "05"]
    assert "left out: 03: 5 values a step of the scene, others have 3" in observer.lines
    assert any(note.startswith("left out: 04: ") for note in observer.lines)


def test_a_single_row_for_every_performance_is_noted(tmp_path):
    root, observer = own_data(tmp_path / "own", count=2), Watching()
    given = {"dataset.root": root, **PLAIN, "work.workers": 0}
    for rows in (2, 1):
        for name in ("00", "01"):
            np.save(root / f"vst/{name}.npy", np.ones((rows, 3)) * np.arange(rows)[:, None])
        words = {"config": "folder", "features": [str(root / "vst")], "cache": tmp_path / "cache"}
        api.extract(overrides=given, **words)  # type: ignore[arg-type]
        api.pack(overrides=given, out=tmp_path / "a.h5", observer=observer, **words)  # type: ignore[arg-type]
        assert sum("features of each performance are a single row" in line for line in observer.lines) == 2 - rows


def test_features_for_a_model_that_reads_none_are_refused(tmp_path, monkeypatch):
    scorer = SimpleNamespace(planner=SimpleNamespace(stages={"clips": None}), reads=frozenset({"video"}))
    monkeypatch.setattr("pipeline.score.scorer.load_scorer", lambda *_, **__: nullcontext(scorer))
    monkeypatch.setattr("pipeline.score.scorer.scoring_config", lambda _, user: user)
    user = load_config("folder", {"dataset.features": [str(own_data(tmp_path, count=1) / "vst")]})
    with pytest.raises(UsageError, match=r"this model does not read features\. Leave out --features"):
        score_videos([], Path("run"), user, SILENT)


def test_features_of_one_agent_alone_feed_no_network():
    record = Record("a", None, sidecars={"primary features": Path("a.npy")})
    with pytest.raises(UsageError, match=r"no network can use these features. Name features of the scene"):
        feasible_config([record], load_config("aqa7"), SILENT)


@pytest.mark.parametrize(("given", "absent"), [("primary", "secondary"), ("secondary", "primary")])
def test_the_scene_beside_one_agent_says_that_networks_need_the_other(given, absent):
    files, observer = {f"{part} features": Path("a.npy") for part in ("scene", given)}, Watching()
    method = feasible_config([Record("a", None, sidecars=files)], load_config("aqa7"), observer).method
    assert method.without_agents
    assert method.stages == ("features", "timesteps"), "regressions read the agent"
    (note,) = observer.lines
    assert note.endswith(f"; AIM needs both agents, so networks read the scene alone: add --features {absent}=FILE")


def test_features_leave_the_agents_of_videos_in_place():
    filmed = Record("a", Path("a.mp4"), sidecars={"scene features": Path("a.npy")})
    method = feasible_config([filmed], load_config("aqa7"), SILENT).method
    assert method.with_upstream(method.stages) == ("pose", "camera_flow", "features", "timesteps")
    assert method.stage("timesteps").scene == "features/scene"  # type: ignore[attr-defined]


def test_data_check_counts_performances_by_their_features(tmp_path):
    (tmp_path / "fis-v").mkdir()
    (tmp_path / "fis-v/train.txt").write_text("1 28.71 29.36 1\n3 36.5 31.6 0\n")
    (tmp_path / "fis-v/test.txt").write_text("2 28.88 27.08 1\n")
    (tmp_path / "vst").mkdir()
    for name in ("1", "2"):
        np.save(tmp_path / f"vst/{name}.npy", np.zeros((3, 4), np.float32))
    with_features = api.data_check(tmp_path / "fis-v", config="fis-v", features=[str(tmp_path / "vst")])
    assert with_features.counts[0][:3] == ("all", 3, 2)
    assert "3: no scene features" in with_features.problems
