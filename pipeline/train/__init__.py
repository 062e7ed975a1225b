"""Training: normalises features, trains all networks of a model as one stack, and resumes from checkpoints."""

from pipeline.train.augment import training_set
from pipeline.train.difficulty import check_difficulties, difficulties, factors, without_difficulty
from pipeline.train.feature_set import task_rows
from pipeline.train.fit import TrainingControl
from pipeline.train.normalise import NO_LABELS_FIX, SCORES, Normaliser, label_table
from pipeline.train.stack_training import Stop, input_sizes, loss_epochs
from pipeline.train.trained_networks import TrainedNetworks, fold_data
