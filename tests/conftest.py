"""Fixtures that several tests share: the world, small videos, running programs, an S3 server, places for a cache."""

import os
import pathlib
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from data.video.writer import LOSSLESS, write_video
from tests.helpers.checkout import ROOT

SHARED = ROOT.parent / "shared"

# Equal bits are promised for the same input, machine and number of threads. The processes of this suite use all cores.
os.environ["OMP_NUM_THREADS"] = "1"

# Property tests draw the same examples on every run, so that only a change of the code changes their result.
# `pytest --hypothesis-profile=explore` draws new ones, and prints the failing one as an `@example` to paste.
# Examples have no time limit, since a busy machine is not a failure.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, **PATIENT)
settings.register_profile("explore", derandomize=False, print_blob=True, **PATIENT)
settings.load_profile("repeatable")


ARRAYS_ONLY = (str(ROOT / "extractors"), str(ROOT / "models"))


def _refuse_opened_file(event, _):
    """Extractors and networks open no file: functions of data/ give contents."""
    if event == "open":
        frame = sys._getframe(1)
        while frame and frame.f_code.co_filename == pathlib.__file__:
            frame = frame.f_back
        assert not (frame and frame.f_code.co_filename.startswith(ARRAYS_ONLY)), f"a file is opened in {frame}"


sys.addaudithook(_refuse_opened_file)


def pytest_xdist_auto_num_workers(config):
    """One process more than cores: many tests wait for other processes, for browsers or for Ray."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def make_video():
    """Make a lossless grey video whose frame i has the grey level 2 i + 16, which identifies the frame."""

    def make(path, frames=12, size=(64, 48), rate=25, **options):
        pictures = (np.full((size[1], size[0], 3), 16 + 2 * i % 220, np.uint8) for i in range(frames))
        write_video(path, pictures, rate, options=LOSSLESS, **options)
        return path

    return make


@pytest.fixture(scope="session")
def shared():
    """The folder of shared material beside the checkout; a fresh clone has none."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Films, a model, an evaluation and a label session, which all processes of the run share."""
    from tests.helpers.world import World

    own = tmp_path_factory.getbasetemp()
    return World((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "world")


@pytest.fixture
def toy_timesteps(monkeypatch):
    """Time steps come from brightness, as in the films of `world`: a test that scores films needs no network."""
    from tests.helpers.world import toy_timesteps

    toy_timesteps(monkeypatch)


@pytest.fixture(scope="session")
def program():
    """Runs each command of the program in its own process."""
    from tests.helpers.program_server import ProgramServer

    with ProgramServer() as running:
        yield running


@pytest.fixture(scope="session")
def aqa(program):
    """Runs a command in the checkout."""
    return lambda *words, **variables: program.run(words, variables=variables)


@pytest.fixture(scope="session")
def server():
    """The address of an S3 server of these tests."""
    moto_server = pytest.importorskip("moto.server", reason='needs python -m pip install -e ".[test]"')
    running = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server, tmp_path, monkeypatch):
    """An empty bucket on that server, with credentials and an empty user's cache folder."""
    from tests.helpers.object_store import Bucket

    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return Bucket(server, f"bucket-{os.urandom(6).hex()}", tmp_path)


@pytest.fixture(params=["disk", "bucket"])
def place(request, tmp_path):
    """An empty folder or an empty bucket, for videos and a cache: each test runs with both."""
    from data.store import LocalFolder, RemoteFolder
    from tests.helpers.extracting import Place

    if request.param == "disk":
        return Place(LocalFolder(tmp_path), tmp_path)
    pytest.importorskip("s3fs", reason='needs python -m pip install -e ".[s3]"')
    bucket = request.getfixturevalue("bucket")
    return Place(RemoteFolder(f"s3://{bucket.name}", bucket.storage), tmp_path, bucket.storage)


@pytest.fixture
def video(make_video, tmp_path):
    """Returns the content of a video of `make_video` with the given number of frames."""
    return lambda frames=12: make_video(tmp_path / f"made/{frames}.mp4", frames=frames).read_bytes()


@pytest.fixture
def toy_stages(monkeypatch):
    """Replaces all stages by two that need no network: `brightness`, and `contrast`, which reads it."""
    from tests.helpers.toy_stages import use_stages

    place = "tests.helpers.toy_stages:"
    use_stages(monkeypatch, brightness=f"{place}Brightness", contrast=f"{place}Contrast")
