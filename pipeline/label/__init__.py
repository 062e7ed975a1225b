"""`label`: a local page on which raters score videos or compare them in pairs, and the table of labels that follows.

The only state are the raters' files (`data.datasets.ratings`): an answer is on the disk before the next question shows,
and the next question is a function of the answers. Modules: `questions` (which one is next), `pair_scale` (from pairs),
`label_table` (labels and agreement), `label_app` (the page), `suggest` (which videos next; it alone needs a model). The
last two are imported where they are used: they take seconds to import.
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
