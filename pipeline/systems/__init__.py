"""Systems that can be trained and compared: AIM, published methods, regressors, baselines, and choices among them."""

from pipeline.systems.aim_system import AimSystem, TimesDifficulty, can_divide
from pipeline.systems.baselines import trivial_baselines
from pipeline.systems.combination import COMBINED, Combined, FittedCombination
from pipeline.systems.inner_folds import Cuts, Part
from pipeline.systems.interface import NetworkSystem, Predicted, SimpleSystem, System, Trainings
from pipeline.systems.method_system import METHOD_ROWS, MethodSystem, method_systems
from pipeline.systems.selection import BestOnTest, ChosenEpoch, Selected, WithInside, watching

__all__ = [
    "COMBINED",
    "METHOD_ROWS",
    "AimSystem",
    "BestOnTest",
    "ChosenEpoch",
    "Combined",
    "Cuts",
    "FittedCombination",
    "MethodSystem",
    "NetworkSystem",
    "Part",
    "Predicted",
    "Selected",
    "SimpleSystem",
    "System",
    "TimesDifficulty",
    "Trainings",
    "WithInside",
    "can_divide",
    "method_systems",
    "trivial_baselines",
    "watching",
]
