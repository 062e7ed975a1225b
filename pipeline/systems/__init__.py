"""Systems that can be fitted and compared: AIM, published methods, regressors, baselines."""

from pipeline.systems.aim_system import AimSystem
from pipeline.systems.baselines import trivial_baselines
from pipeline.systems.published_system import PUBLISHED_ROWS, PublishedSystem, published_systems
from pipeline.systems.system import NetworkSystem, Predictions, SimpleSystem, System, outside_system
