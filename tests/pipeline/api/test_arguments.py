"""Arguments of calls: one way to give settings, and a cache that is closed at the end and after an error."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from data.errors import UsageError
from pipeline import api
from pipeline.api.arguments import config_of, settings_beside_model
from pipeline.cache.output_cache import Cache


def test_a_call_closes_its_cache_after_an_error(make_video, tmp_path, monkeypatch):
    closed = []
    monkeypatch.setattr(Cache, "close", lambda cache: closed.append(cache.place))
    make_video(tmp_path / "in/a.mp4")
    with pytest.raises(UsageError, match="unknown stage"):
        api.extract(tmp_path / "in", config="folder", cache=tmp_path / "cache", stages="camera_flows")
    assert closed == [str(tmp_path / "cache")]


def test_arguments_and_overrides_come_after_the_configuration(tmp_path):
    given = ["work.workers=3"]
    settings = config_of("jigsaws", given, cache=tmp_path, workers=None, engine=None)
    assert (settings.method.name, settings.machine.cache, settings.machine.work.workers) == ("jigsaws", tmp_path, 3)
    assert config_of(settings, workers=2).machine.work.workers == 2
    assert config_of(None).method.name == "folder"
    with pytest.raises(TypeError, match="unexpected argument 'frames'"):
        api.status(tmp_path, frames=2)  # type: ignore[call-arg]


def test_a_call_without_a_configuration_works_where_the_default_preset_does():
    """Beside a model too: videos that were extracted for training are not extracted again."""
    default = config_of(None)
    assert default.machine.cache == Path("cache/folder")
    beside = settings_beside_model()
    assert (beside.machine, beside.dataset) == (default.machine, default.dataset)


def test_a_server_works_as_its_settings_say(tmp_path, monkeypatch):
    """Without a cache of the user, its folder has one."""
    machines = []

    def load(folder, user, observer):
        machines.append(user.machine)
        return nullcontext()

    monkeypatch.setattr("pipeline.score.load_scorer", load)
    monkeypatch.setattr("pipeline.serve.run_server", lambda *_: None)
    (tmp_path / "own.yaml").write_text(f"{{cache: {tmp_path / 'own'}, work: {{workers: 3}}}}")
    given = (
        {}, {"config": tmp_path / "own.yaml"}, {"overrides": {"work.threads": 2}}, {"overrides": [f"cache={tmp_path}"]},
    )  # fmt: skip
    for one in given:
        api.serve(model=tmp_path, folder=tmp_path / "serve", **one)
    used = [(machine.cache, machine.work.workers, machine.work.threads) for machine in machines]
    inside = tmp_path / "serve/cache"
    assert used == [(inside, None, 0), (tmp_path / "own", 3, 0), (inside, None, 2), (tmp_path, None, 0)]
