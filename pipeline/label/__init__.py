"""`label`: a local page on which raters score videos or compare them in pairs, and the table of their labels.

The raters' files (`data.datasets.ratings`) are the only state: an answer is on the disk before the next question shows,
and the next question is a function of the answers. Modules: `questions` (the next question), `pair_scale` (a scale from
pairs), `label_table` (labels and agreement), `label_app` (the page), `suggest` (the next videos; it alone needs a
model). The last two take seconds to import, so callers import them where they use them.
"""

from pipeline.label.label_table import LabelReport, LabelResult, label_report, write_labels
from pipeline.label.questions import RatingSession, find_session

__all__ = [
    "LabelReport",
    "LabelResult",
    "RatingSession",
    "find_session",
    "label_report",
    "write_labels",
]
