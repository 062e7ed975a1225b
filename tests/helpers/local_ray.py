"""Ray on this machine, for tests."""

from contextlib import contextmanager

import pytest


@contextmanager
def local_ray():
    """Ray with two cores. Skips the test where Ray is not installed.

    Ray gives its processes 30 s to start, which no option changes. A busy machine may need longer: it starts once more.
    """
    ray = pytest.importorskip("ray")
    options = {"num_cpus": 2, "include_dashboard": False, "log_to_driver": False}
    for last in (False, True):
        try:
            ray.init("local", logging_level="ERROR", **options)
            break
        except Exception as error:
            ray.shutdown()
            if last or "timed out during startup" not in str(error):
                raise
    yield
    ray.shutdown()
