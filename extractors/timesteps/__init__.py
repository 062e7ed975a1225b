"""Stage `timesteps`: outputs of the other stages become T time steps of the roles and the scene, which AIM reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from extractors.timesteps.mirror import exchange_plan, mirror_plan
    from extractors.timesteps.stage import Timesteps, TimestepsConfig
else:
    __getattr__ = importer(
        __name__,
        mirror="exchange_plan mirror_plan",
        stage="Timesteps TimestepsConfig",
    )

__all__ = ["Timesteps", "TimestepsConfig", "exchange_plan", "mirror_plan"]
