"""Systems that can be trained and compared: AIM, published methods, regressors, baselines, and rows of choices."""

from pipeline.systems.aim_system import AimSystem, TimesDifficulty, can_divide
from pipeline.systems.baselines import trivial_baselines
from pipeline.systems.chosen_candidate import Selected
from pipeline.systems.chosen_epoch import BestOnTest, ChosenEpoch, watching
from pipeline.systems.combination import COMBINED, Combination, Combined
from pipeline.systems.deviation_ratios import WithInnerRatios
from pipeline.systems.fold_predictions import JoinedFold, join_tasks, predict_rows
from pipeline.systems.inner_folds import InnerSplit, TaskFold
from pipeline.systems.interface import (
    FoldPredictions,
    NetworkRow,
    NetworkSystem,
    Predictions,
    Predictor,
    ResultRow,
    SimpleSystem,
    System,
)
from pipeline.systems.published_system import PUBLISHED_ROWS, PublishedSystem, published_systems
from pipeline.systems.training_list import Training, TrainingError, run_training

__all__ = [
    "COMBINED",
    "PUBLISHED_ROWS",
    "AimSystem",
    "BestOnTest",
    "ChosenEpoch",
    "Combination",
    "Combined",
    "FoldPredictions",
    "InnerSplit",
    "JoinedFold",
    "NetworkRow",
    "NetworkSystem",
    "Predictions",
    "Predictor",
    "PublishedSystem",
    "ResultRow",
    "Selected",
    "SimpleSystem",
    "System",
    "TaskFold",
    "TimesDifficulty",
    "Training",
    "TrainingError",
    "WithInnerRatios",
    "can_divide",
    "join_tasks",
    "predict_rows",
    "published_systems",
    "run_training",
    "trivial_baselines",
    "watching",
]
