"""`label`: a local page on which raters score videos, compare them in pairs or mark phases, and the table of labels.

The raters' files (`data.datasets.rater_answers`) are the only state. An answer is on disk before the next question is
shown, and the next question is a function of the answers. Modules:

- `questions`, `pair_order`: the next question;
- `bradley_terry`, `pair_consistency`: a scale from pairs, and how well it fits;
- `label_summary`, `verdicts`, `label_table`: labels, sentences on the agreement, the files;
- `pair_lists`: published pairs;
- `video_copies`: what browsers play;
- `label_app`: the page, which takes a second to import, so callers import it where they use it.
"""

from pipeline.label.label_summary import LabelSummary, label_summary, summary_as_json
from pipeline.label.label_table import write_labels, write_phases
from pipeline.label.pair_lists import import_pairs
from pipeline.label.questions import find_session
