"""`doctor` says what is missing for what, with the command that gets it, and where files are."""

import configparser

from data.errors import install_line
from pipeline.settings import setup_checks as doctor
from pipeline.settings.setup_checks import OPTIONAL, setup_checks
from tests.helpers.checkout import ROOT


def test_everything_optional_is_named_with_its_purpose_and_its_command(monkeypatch):
    monkeypatch.setattr(doctor, "installed_version", lambda name: None)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    missing = {
        check.what: check for check in setup_checks() if check.state == "missing" and "weights" not in check.what
    }
    assert set(missing) == {name for name, _, _ in OPTIONAL} | {"rtmlib", "chromium"}
    for name, needed_for, extra in OPTIONAL:
        assert missing[name].detail == f"not installed; for {needed_for}"
        assert missing[name].fix.endswith(install_line(extra))
    assert "for the browser tests" in missing["chromium"].detail
    assert missing["chromium"].fix.startswith("Type: ")


def test_the_extras_exist_and_hold_the_packages():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    for name, _, extra in OPTIONAL:
        assert f"\n{name} " in parser["options.extras_require"][extra].replace("[data]", " "), name


def test_places_have_their_size(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("AIM_WEIGHTS_DIR", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.tflite").write_bytes(bytes(2_500_000))
    places = {check.what: check.detail for check in setup_checks()}
    assert places["downloaded weights"] == f"{tmp_path / 'mine'}, 2.5 MB"
    assert places["compiled models"] == f"{tmp_path / 'aim/graphs'}, 0.0 MB"


def test_wheels_of_opencv_have_one_version(monkeypatch):
    """No build is asked for: only tests and benchmarks use TV-L1 of a contrib build."""
    for versions, state in ((("4.10",), "ok"), (("4.10", "4.10"), "ok"), (("4.9", "4.10"), "broken"), ((), "broken")):
        installed = dict(zip(("opencv-python", "opencv-contrib-python-headless"), versions, strict=False))
        monkeypatch.setattr(doctor, "installed_version", installed.get)
        (check,) = (check for check in setup_checks() if check.what == "opencv")
        assert check.state == state
        assert all(version in check.detail for version in versions)
        assert check.fix.startswith("Type: python -m pip uninstall -y ") == (state == "broken")
