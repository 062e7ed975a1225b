"""The key of an output covers contents, not places."""

from pathlib import Path

from data.store.files import safe_name
from data.video.records import Record
from extractors.base import setting
from extractors.kinematics.stage import Kinematics
from pipeline.cache.output_cache import Cache
from pipeline.run.plan import Planner
from pipeline.settings.config import validate
from tests.helpers.extracting import configured, extract, states
from tests.helpers.toy_stages import Brightness, BrightnessConfig


def place(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def test_no_two_names_become_one():
    long = "L" * 300
    shortened = safe_name(long)
    names = [long, shortened, safe_name(shortened), "L" * 301, ".writing-host-1-aa.mp4", "a~0123456789abcdef", "a"]
    assert len({safe_name(name) for name in names}) == len(names)
    assert all(len(safe_name(name)) <= 200 and not safe_name(name).startswith(".writing-") for name in names)


def test_files_and_values_that_a_stage_reads_for_one_record_are_in_the_key(tmp_path, monkeypatch):
    config = validate({"stages": ["kinematics"], "cache": str(tmp_path / "cache")})
    table, notes = Path(place(tmp_path / "k.txt", b"1")), Path(place(tmp_path / "notes.txt", b"one"))
    record = Record("a", None, sidecars={"kinematics": table})

    def parts():
        (planned,) = Planner(config, Cache(config.machine.cache)).plan(record).stages
        return planned.parts

    plain = parts()
    monkeypatch.setattr(Kinematics, "reads_of", lambda config, record, files: {"notes": notes, "phases": "1, 2"})
    told = parts()
    assert set(told.inputs) == {*plain.inputs, "notes"}
    assert told.identity == {**plain.identity, "phases": "1, 2"}
    notes.write_bytes(b"another")
    assert parts().key != told.key != plain.key


class CroppedConfig(BrightnessConfig):
    """The settings of a later version of the program."""

    crop: int | None = setting(None, "pixels")


def test_a_new_setting_with_a_default_makes_nothing_stale(filled, tmp_path, monkeypatch):
    """Reasons name the default of a setting that is left out."""
    before = states(filled.records, filled.config)
    monkeypatch.setattr(Brightness, "Config", CroppedConfig)
    cache = filled.config.machine.cache
    assert states(filled.records, configured(cache)) == before
    cropped = configured(cache, brightness={"crop": 8, "stride": 2})
    stale = ("stale", "brightness.crop null -> 8; brightness.stride 1 -> 2")
    assert states(filled.records, cropped)["a.mp4/brightness"] == stale
    extract(filled.records, configured(tmp_path / "other", brightness={"crop": 8, "stride": 2}))
    back = ("stale", "brightness.crop 8 -> null; brightness.stride 2 -> 1")
    assert states(filled.records, configured(tmp_path / "other"))["a.mp4/brightness"] == back
