"""Where jobs run: in this process, on processes of this machine, or on Ray."""

from __future__ import annotations

import pytest

from data.errors import UsageError
from pipeline.run import RayPool, pool_of
from pipeline.run.worker_pool import LocalPool
from pipeline.settings.config import load_config
from pipeline.settings.machine import RunConfig


def test_the_settings_choose_where_the_work_runs() -> None:
    assert pool_of(RunConfig(workers=0)) is None
    assert isinstance(pool_of(RunConfig(workers=2)), LocalPool)
    with pytest.raises(UsageError, match=r"'run\.engine': should be one of local, ray, not 'rai'"):
        load_config(None, {"run.engine": "rai"})
    if pytest.importorskip("ray"):
        assert pool_of(RunConfig(engine="ray", address="here:1")) == RayPool(RunConfig(engine="ray", address="here:1"))
