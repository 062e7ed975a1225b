"""Systems that can be trained and compared: AIM, published methods, regressors, baselines, and choices among them."""

from pipeline.systems.aim_system import AimSystem, TimesDifficulty, can_divide
from pipeline.systems.baselines import trivial_baselines
from pipeline.systems.combination import COMBINED, Combined, FittedCombination
from pipeline.systems.interface import HeldOut, NetworkSystem, Part, SimpleSystem, System
from pipeline.systems.method_system import METHODS, MethodSystem, method_systems
from pipeline.systems.selection import Selected, WithEpochs

__all__ = [
    "COMBINED",
    "METHODS",
    "AimSystem",
    "Combined",
    "FittedCombination",
    "HeldOut",
    "MethodSystem",
    "NetworkSystem",
    "Part",
    "Selected",
    "SimpleSystem",
    "System",
    "TimesDifficulty",
    "WithEpochs",
    "can_divide",
    "method_systems",
    "trivial_baselines",
]
