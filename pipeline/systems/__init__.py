"""Systems that can be trained and compared: AIM, regressors, graph networks, baselines, and choices among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.systems.aim_system import AimSystem
    from pipeline.systems.baselines import trivial_baselines
    from pipeline.systems.epoch_choice import WithEpochs
    from pipeline.systems.interface import HeldOut, Part, SimpleSystem, System
    from pipeline.systems.selection import Selected
else:
    __getattr__ = importer(
        __name__,
        aim_system="AimSystem",
        baselines="trivial_baselines",
        epoch_choice="WithEpochs",
        interface="HeldOut Part SimpleSystem System",
        selection="Selected",
    )

__all__ = ["AimSystem", "HeldOut", "Part", "Selected", "SimpleSystem", "System", "WithEpochs", "trivial_baselines"]
