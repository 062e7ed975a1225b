"""A session: one configuration, cache and pool for several calls, closed at their end and after an error."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from data.errors import UsageError
from pipeline import api
from pipeline.cache.local_cache import Cache
from pipeline.cli.command import parameters_of
from pipeline.run.ray_pool import RayPool
from pipeline.run.worker_pool import LocalPool
from pipeline.session import Session
from pipeline.settings.config import load_config
from tests.helpers.watching import Watching

FLOW = ("stages=[camera_flow]", "run.workers=0")


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The places of the caches that were closed."""
    places: list[str] = []
    close = Cache.close

    def counted(cache: Cache) -> None:
        places.append(cache.place)
        close(cache)

    monkeypatch.setattr(Cache, "close", counted)
    return places


def test_several_calls_share_one(make_video: Callable[..., Path], tmp_path: Path, closed: list[str]) -> None:
    make_video(tmp_path / "in/a.mp4")
    with Session("folder", overrides=FLOW, cache=tmp_path / "cache") as session:
        assert api.extract(tmp_path / "in", session=session).ok
        (row,) = api.status(tmp_path / "in", session=session).rows
        listing = api.cache_ls(session=session)
        assert closed == [], "a given session stays open"
    assert closed == [str(tmp_path / "cache")]
    assert row["state"] == "fresh"
    assert [row["stage"] for row in listing.rows] == ["camera_flow"]


def test_an_error_closes_what_was_opened(make_video: Callable[..., Path], tmp_path: Path, closed: list[str]) -> None:
    make_video(tmp_path / "in/a.mp4")
    with pytest.raises(UsageError, match="unknown stage"):
        api.extract(tmp_path / "in", config="folder", cache=tmp_path / "cache", stages="camera_flows")
    assert closed == [str(tmp_path / "cache")]


def test_a_session_and_its_words_are_not_both_given() -> None:
    with pytest.raises(UsageError, match="session and config, workers are both given"):
        api.status("in", session=Session("folder"), config="folder", workers=2)  # type: ignore[call-arg]


def test_further_overrides_keep_what_is_open(tmp_path: Path) -> None:
    with Session("jigsaws", overrides={"train.recipe": "fast"}, cache=tmp_path, workers=3) as session:
        other = session.changed({"dataset.root": "elsewhere", "train.recipe": "paper"})
        assert (other.config.dataset.root, other.config.run.workers) == (Path("elsewhere"), 3)
        expected = load_config("jigsaws", {"train.recipe": "paper"}).scorer
        assert other.config.scorer == expected, "the network follows the recipe, as if it had been named at first"
        assert (session.config.dataset.root, other.sets("cache"), session.sets("dataset.root")) == (None, True, False)


def test_the_default_is_noted_once_the_inputs_are_found(make_video: Callable[..., Path], tmp_path: Path) -> None:
    observer = Watching()
    with pytest.raises(UsageError):
        api.status(tmp_path / "none", cache=tmp_path / "cache", observer=observer)
    assert observer.lines == []
    make_video(tmp_path / "in/a.mp4")
    api.status(tmp_path / "in", cache=tmp_path / "cache", observer=observer)
    assert [line.partition(":")[0] for line in observer.lines] == ["note"]
    assert "no --config, so the preset folder" in observer.lines[0]


def test_where_the_work_runs() -> None:
    assert Session(workers=0).pool is None
    assert isinstance(Session(workers=2).pool, LocalPool)
    with pytest.raises(UsageError, match="unknown engine 'rai'"):
        _ = Session(engine="rai").pool
    if pytest.importorskip("ray"):
        assert isinstance(Session(engine="ray").pool, RayPool)


def test_every_word_of_a_session_is_an_option_of_some_command() -> None:
    of_session = set(inspect.signature(Session).parameters)
    assert of_session - {"observer"} <= set(parameters_of(api.extract))
    assert "workers" not in parameters_of(api.status), "an option without an effect"
