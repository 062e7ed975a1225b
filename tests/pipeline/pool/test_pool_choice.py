"""Where jobs run: in this process, on processes of this machine, or on Ray."""

import math

import pytest

from pipeline.pool import ProcessPool, RayPool, ThreadPool, pool_of
from pipeline.settings.machine import WorkConfig


def test_the_settings_choose_where_the_work_runs():
    assert pool_of(WorkConfig(workers=0)) == ThreadPool()
    assert pool_of(WorkConfig(workers=2, timeout_s=9)) == ProcessPool(WorkConfig(workers=2, timeout_s=9), 9)
    if pytest.importorskip("ray"):
        far = WorkConfig(engine="ray", address="here:1")
        assert pool_of(far) == RayPool(far, far.timeout_s)
        assert pool_of(far, cores=4) == RayPool(far, math.inf)


def test_every_pool_says_how_many_threads_a_worker_has():
    """Trainings take one of this process per core, and their stacks the rest; those of Ray have the cores of an actor.

    Processes: `test_by_default_there_is_a_process_for_each_core`.
    """
    here = pool_of(WorkConfig(threads=7), cores=5)
    assert [here.split_cores(items) for items in (0, 1, 2, 9)] == [(1, 5), (1, 5), (2, 2), (5, 1)]
    limited = [pool_of(WorkConfig(workers=workers, threads=2), cores=16) for workers in (None, 0, 1, 4, 40)]
    assert [pool.split_cores(40) for pool in limited] == [(16, 1), (16, 1), (1, 2), (4, 2), (16, 1)]
    assert pool_of(WorkConfig(workers=4), cores=16).split_cores(40) == (4, 4)
    assert pool_of(WorkConfig(workers=0)).split_cores(9) == (1, 1)
    if pytest.importorskip("ray"):
        far = WorkConfig(engine="ray", ray_cpus=3.5)
        assert pool_of(far).split_cores(9) == (0, 3), "as many as fit"
        assert pool_of(far.model_copy(update={"threads": 2, "workers": 4})).split_cores(9) == (4, 2)
        assert pool_of(far.model_copy(update={"ray_cpus": 0.5})).split_cores(9) == (0, 1)
