"""One loop over folds: each system is fitted once per training part and predicts; rows read the predictions."""

from pipeline.folds.fit_predict import Training, fit_predict
from pipeline.folds.fold import Fold, folds_of, inner_folds
from pipeline.folds.rows import (
    COMBINED,
    Row,
    best_candidate,
    best_on_test,
    chosen_epoch,
    combination,
    last_epoch,
    predict_folds,
    watching,
)
from pipeline.folds.training_runner import TrainingRunner
