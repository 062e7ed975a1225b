"""Data sets: turns each official layout of labels and files into a list of records."""

from data.datasets.folder import DIFFICULTIES, list_unfilmed, with_difficulties, with_scores
from data.datasets.jigsaws import kinematics_of, trial_of
from data.datasets.listing import (
    ANY,
    KINDS,
    DataCheck,
    check_data,
    data_set_in,
    kind_of,
    list_records,
    made_by,
    options_of,
)
from data.datasets.phase_marks import with_phases
