"""Training: normalises features, trains all networks of a run as one stack, and resumes from checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.train.augment import with_copied_rows, with_copies
    from pipeline.train.fit import Fitted, Progress, fit_members
    from pipeline.train.normalise import SCORES, Normaliser, label_table
    from pipeline.train.stack import Stop
    from pipeline.train.trainer import TrainedRun, check_sizes, fit_normaliser, run_members, sizes_of, stack_data, train
else:
    __getattr__ = importer(
        __name__,
        augment="with_copied_rows with_copies",
        fit="Fitted Progress fit_members",
        normalise="SCORES Normaliser label_table",
        stack="Stop",
        trainer="TrainedRun check_sizes fit_normaliser run_members sizes_of stack_data train",
    )

__all__ = [
    "SCORES",
    "Fitted",
    "Normaliser",
    "Progress",
    "Stop",
    "TrainedRun",
    "check_sizes",
    "fit_members",
    "fit_normaliser",
    "label_table",
    "run_members",
    "sizes_of",
    "stack_data",
    "train",
    "with_copied_rows",
    "with_copies",
]
