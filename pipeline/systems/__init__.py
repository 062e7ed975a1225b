"""Systems that can be trained and compared: AIM, published methods, regressors, baselines, and rows of choices."""

from pipeline.systems.aim_system import AimSystem, TimesDifficulty, can_divide
from pipeline.systems.baselines import trivial_baselines
from pipeline.systems.combination import COMBINED, Combination, Combined, FittedCombination
from pipeline.systems.fold_predictions import FoldRows, fold_rows, predict_rows
from pipeline.systems.inner_folds import InnerSplit, Part
from pipeline.systems.interface import FoldPredictions, NetworkSystem, Predicted, Row, SimpleSystem, System
from pipeline.systems.method_system import METHOD_ROWS, MethodSystem, method_systems
from pipeline.systems.selection import BestOnTest, ChosenEpoch, NetworkRow, Selected, WithInnerRatios, watching
from pipeline.systems.trainings import Training, TrainingError, run_training, train_and_predict

__all__ = [
    "COMBINED",
    "METHOD_ROWS",
    "AimSystem",
    "BestOnTest",
    "ChosenEpoch",
    "Combination",
    "Combined",
    "FittedCombination",
    "FoldPredictions",
    "FoldRows",
    "InnerSplit",
    "MethodSystem",
    "NetworkRow",
    "NetworkSystem",
    "Part",
    "Predicted",
    "Row",
    "Selected",
    "SimpleSystem",
    "System",
    "TimesDifficulty",
    "Training",
    "TrainingError",
    "WithInnerRatios",
    "can_divide",
    "fold_rows",
    "method_systems",
    "predict_rows",
    "run_training",
    "train_and_predict",
    "trivial_baselines",
    "watching",
]
