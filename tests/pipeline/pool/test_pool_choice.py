"""Where jobs run: in this process, on processes of this machine, or on Ray."""

from __future__ import annotations

import pytest

from data.errors import UsageError
from pipeline.pool import ProcessPool, RayPool, ThreadPool, pool_of
from pipeline.settings.config import load_config
from pipeline.settings.machine import WorkConfig


def test_the_settings_choose_where_the_work_runs() -> None:
    assert pool_of(WorkConfig(workers=0)) == ThreadPool()
    assert pool_of(WorkConfig(workers=2, timeout_s=9)) == ProcessPool(WorkConfig(workers=2, timeout_s=9), 9)
    with pytest.raises(UsageError, match=r"'work\.engine': should be one of local, ray, not 'rai'"):
        load_config(None, {"work.engine": "rai"})
    if pytest.importorskip("ray"):
        far = WorkConfig(engine="ray", address="here:1")
        assert pool_of(far) == RayPool(far, far.timeout_s)
