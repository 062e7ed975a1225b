"""Every kind of number that is shown: what it is, its n, the coverage of its interval, and where it is explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NONE = "no interval"


@dataclass(frozen=True)
class Kind:
    """One kind of number.

    Attributes:
        what: the quantity and its unit.
        count: what its n is.
        interval: coverage of its interval, and how that is known.
        explained: page and heading of docs/.
    """

    what: str
    count: str
    interval: str
    explained: str


CV = "CV+; 80 and 95 % in practice, at least 60 and 90 % (docs/scores.md)"
RHO = "95 %; .95 to .97 of simulated sets (benchmarks.interval_coverage)"
ALL_ROWS = "95 % for all rows at once; .961 of simulated sets (benchmarks.interval_coverage)"
ICC = "95 % for normal scores; .93 to .96 of simulated tables (benchmarks.label)"

KINDS: Mapping[str, Kind] = {
    "score": Kind("predicted score, in the unit of the labels", "1 performance", CV, "scores.md#the-network"),
    "score interval": Kind("interval of a predicted score", "1 performance", CV, "scores.md#intervals"),
    "spread": Kind("deviation over networks", "networks", NONE, "scores.md#scores-as-json-and-csv"),
    "part": Kind("execution or synchronisation", "1 performance", NONE, "scores.md#the-combination"),
    "percentile": Kind("% of training scores below", "training performances", NONE, "scores.md#scores-as-json-and-csv"),
    "step": Kind("points of a time step, and its attention", "1 time step", NONE, "scores.md#why-this-score"),
    "sum": Kind("constant, steps and rest of a score", "1 performance", NONE, "scores.md#why-this-score"),
    "usual step": Kind("share of training videos", "training videos", NONE, "scores.md#why-this-score"),
    "raw score": Kind("what the networks said", "1 performance", NONE, "scores.md#flags"),
    "accuracy": Kind("bound of 8 of 10 new errors, and mean errors", "held-out performances",
                     "the bound is 80 %; .795 to .84 simulated (tests/pipeline/checks/test_prediction_intervals.py)",
                     "scores.md#accuracy-on-new-videos"),
    "coverage": Kind("intervals that hold truth", "scored performances", "95 % of the binomial", "scores.md#intervals"),
    "quality": Kind("quality value of a stage", "1 video", NONE, "scores.md#flags"),
    "movement": Kind("difference from the better videos", "better training videos",
                     "1 of 10 on each side (tests/pipeline/score/test_movement.py)", "scores.md#movement"),
    "time": Kind("seconds in the video, or its length", "1 video", NONE, "scores.md#movement"),
    "label": Kind("judges' score", "1 performance", NONE, "videos.md#the-table-of-scores"),
    "rho": Kind("Spearman's rho of held-out predictions", "held-out performances", RHO, "evaluation.md#metrics"),
    "model rho": Kind("Spearman's rho of a model on held-out performances", "training performances", NONE,
                      "scores.md#accuracy-on-new-videos"),
    "per fold": Kind("correlation in folds or of networks", "performances of a fold", NONE, "evaluation.md#metrics"),
    "metric": Kind("further metric", "held-out performances", NONE, "evaluation.md#resultsjson"),
    "error": Kind("mean absolute error", "held-out performances", NONE, "evaluation.md#metrics"),
    "difference": Kind("difference of rank correlations", "held-out performances", ALL_ROWS, "evaluation.md#metrics"),
    "inner": Kind("inner validation of the combination", "training performances", NONE, "scores.md#the-combination"),
    "curve": Kind("error and rho by size of the training part", "held-out performances", "range over repeats",
                  "videos.md#learning-curve"),
    "loss": Kind("training loss by epoch", "networks", "least to greatest", "evaluation.md#resultsjson"),
    "prediction": Kind("held-out prediction", "1 performance", "range of the networks", "evaluation.md#resultsjson"),
    "count": Kind("number of performances, folds, networks", "itself", NONE, "evaluation.md#protocols"),
    "raters": Kind("agreement of raters", "videos with two raters", NONE, "videos.md#agreement-of-the-raters"),
    "icc": Kind("ICC(2,1), ICC(2,k)", "videos that all raters judged", ICC, "videos.md#agreement-of-the-raters"),
    "carried phases": Kind("seconds of a phase, and their half range", "annotated performances", NONE,
                           "videos.md#phases"),
    "phases": Kind("difference of raters' begins", "begins that two raters marked", NONE, "videos.md#label"),
    "pairs": Kind("scale of pairs and its fit", "answers on pairs", NONE, "videos.md#the-scale-of-pairs"),
    "rating": Kind("a label from raters, its deviation", "raters of a video", NONE, "videos.md#label"),
    "pose": Kind("agreement of poses with the rendered truth", "frames", NONE, "benchmarks.md#the-demo"),
    "setting": Kind("a setting", "itself", NONE, "settings.md#settings"),
    "origin": Kind("version, date, hash or command", "itself", NONE, "evaluation.md#resultsjson"),
    "rule": Kind("a level or rule in words", "itself", NONE, "evaluation.md#metrics"),
}  # fmt: skip

PLACES: Mapping[str, str] = {
    # columns of tables and CSV files, facts and single numbers of a page
    r"column (rho|Spearman's rho|95 % interval( low| high)?)": "rho",
    r"column range( of rho)?( low| high)?|column trained on": "curve",
    r"column (MAE|mean absolute error)": "error",
    r"column per (fold|user)|column network_\d+": "per fold",
    r"column averaged in": "inner",
    r"name Trained on": "curve",
    r"name (Video|System)": "origin",
    r"column (score|Score|AIM)|number score": "score",
    r"column (80 %|95 %|80( and 95)? % interval|low80|high80|low95|high95)|fact (80|95) % interval": "score interval",
    r"column spread": "spread",
    r"column (execution|synchronisation|Execution|Synchro)": "part",
    r"column [Pp]ercentile|number percentile of training": "percentile",
    r"column (constant|step_\d+|other_share)": "sum",
    r"column raw_score": "raw score",
    r"column ([Jj]udges)|fact Judges' .*": "label",
    r"(column|fact) Duration": "time",
    r"fact [a-z_]+: .*": "quality",
    r"fact (command|date|commit|aqa|torch|openvino|av|opencv-.*|numpy|scipy|h5py|model|model SHA-256)": "origin",
    r"column (deviation|raters)": "rating",
    r"column held-out dives": "coverage",
    r"column value": "pose",
    r"column (Spearman's rho|mean absolute error)": "model rho",
    r"column 8 of 10 within ±": "accuracy",
    r"column p": "inner",
    r"column wall": "origin",
    # JSON
    r"json audit/shared/[^/]*|json (videos|performances|format)|json protocol/folds\[\]/(test|train)": "count",
    r"json comparison/units|json systems/[^/]*/tasks/[^/]*/performances": "count",
    r"json comparison/rows/[^/]*/(corrected|difference/(value|low|high))": "difference",
    r"json curve\[\]/.*": "curve",
    r"json method/.*|json systems/[^/]*/settings/.*": "setting",
    r"json predictions\[\]/true|json predictions\[\]/systems/[^/]*/(mean|low|high)": "prediction",
    r"json systems/[^/]*/(average|tasks/[^/]*)/rho/(value|low|high)|json metrics/[^/]*/rho/(value|low|high)": "rho",
    r"json systems/[^/]*/(average|tasks/[^/]*)/per_fold/(fisher|arithmetic|undefined|clipped)": "per fold",
    r"json systems/[^/]*/tasks/[^/]*/networks\[\]/(rho|per_fold/(fisher|arithmetic|undefined|clipped))": "per fold",
    r"json systems/[^/]*/average/mae|json metrics/[^/]*/mae": "error",
    r"json systems/[^/]*/tasks/[^/]*/(metrics|folds/[^/]*)/(count|range\[\]|spearman|kendall)": "metric",
    r"json systems/[^/]*/tasks/[^/]*/(metrics|folds/[^/]*)/(relative_l2|mse|mae)": "metric",
    r"json systems/[^/]*/tasks/[^/]*/together": "metric",
    r"json systems/[^/]*/losses/(epochs|mean|low|high)\[\]": "loss",
    r"json systems/[^/]*/chosen\[\]/tests/[^/]*/(rho|p)": "inner",
    r"json pose/(frames|found|found_all|swaps|pck20|pck50)": "pose",
    r"json seconds/[a-z ]+": "origin",
    r"json videos\[\]/score": "score",
    r"json videos\[\]/interval(80|95)\[\]": "score interval",
    r"json videos\[\]/(spread)": "spread",
    r"json videos\[\]/(execution|synchronisation)": "part",
    r"json videos\[\]/percentile": "percentile",
    r"json videos\[\]/(constant|other_share)": "sum",
    r"json videos\[\]/steps\[\]/(start|end|score|scene|interaction)": "step",
    r"json videos\[\]/phases\[\]/score": "step",
    r"json videos\[\]/raw_score": "raw score",
    r"json videos\[\]/(phases\[\]/(start|end)|phase_half_range_s\[\])": "carried phases",
    r"json videos\[\]/quality/.*": "quality",
    r"json answers/[^/]*|json agreement/(raters|videos|complete)|json fit/(common|same|groups)": "count",
    r"json agreement/(alpha|chance|reliability|kendall|spearman|difference)|json disputed\[\]\[\]": "raters",
    r"json agreement/icc(_mean)?/(value|low|high)": "icc",
    r"json fit/(chance|reliability)|json fit/(raters|videos)/[^/]*": "pairs",
    r"json rows\[\]/(score|deviation|judges\[\]|raters)": "rating",
}  # fmt: skip
"""Kinds by expressions for `column NAME`, `fact NAME`, `number NAME` and `json PATH`."""

N = r"[-−+±]?\d[\d.]*(?:e[-+]?\d+)?"

SENTENCES: Mapping[str, str] = {
    rf", n {N}": "count",
    rf"a fold holds out {N} performances, fewer than {N}": "count",
    rf"{N} 95 % interval {N} to {N}": "rho",
    rf"p < \.05( for all {N} rows at once)?": "difference",
    rf"all {N} others are ties|the other {N} are ties": "difference",
    r"Lines: 95 % intervals that hold for all rows at once": "difference",
    rf"two raters agree by rho {N} and differ by {N}": "raters",
    rf"the model and their mean by rho {N}, with an error of {N}": "rho",
    rf"AIM: {N} networks a fold, {N} epochs|trained for {N} epochs|{N} networks each": "count",
    rf"AIM differs from the paper's method in {N} settings?": "count",
    r"Settings that differ from the paper's, in brackets: .*?\. ": "setting",
    rf"\(seed {N}; seed of the split {N}\)": "setting",
    rf"Its 95 % interval is by Fisher's z and the variance of Bonett and Wright \({N}\)": "rho",
    r"Software: .*": "origin",
    r"\{ \"[a-z_]+\": .*": "setting",
    rf"{N}-{N}-{N} {N}:{N}(?: UTC)?": "origin",
    r"(Vertical lines|Bars): 80 % interval|^80 %( ?95 %)? ?score( ?judges)?": "score interval",
    rf"axis from {N} to {N}|^{N} {N}$": "score interval",
    rf"[Oo]n 8 of 10 new videos this model is right within {N} \({N} held-out \w+\)": "accuracy",
    rf"its mean error is {N}, that of guessing the mean {N}": "accuracy",
    rf"less than the model's usual error of {N}": "accuracy",
    rf"Score per step {N}{N}": "step",
    rf"Step {N}, {N} to {N} seconds, score {N}{N} relative to": "step",
    rf"^(run|entry) {N} {N}$": "step",
    rf"^(run|entry) {N} s$": "time",
    rf"two raters put a begin {N} frames apart \(median of {N} begins\), at most {N}": "phases",
    rf"steps? {N}(–{N})?( \([a-z ]+\))?, {N}–{N} s, {N} points|{N} points against the training videos": "step",
    rf"\({N} of {N} training videos have a step as far below\)|9 of 10 training videos": "usual step",
    rf"{N} torso lengths there on average, {N} in the other steps": "movement",
    rf"{N} = {N} \(start of every score of this model\)( [-+−] {N} \((steps|no step[^)]*)\))*": "sum",
    rf"^{N} %$": "step",
    rf"^{N} s$|Show {N} s|^{N}×$": "time",
    r"J K next, previous step · 1…9 0 step 1 to 10": "rule",
    rf"\w+ {N} degrees more bent at {N} s than in 9 of 10 of the {N} better training videos": "movement",
    rf"\({N} degrees; better videos {N} to {N}; steps? {N}(–{N})?( \([a-z ]+\))?\)": "movement",
    rf"The {N} better training videos have the highest judges' scores of {N}": "movement",
    rf"typically has {N} such differences? from the others; this video has {N}": "movement",
    rf"The best training video is [\w.]+ \({N}\)": "label",
    rf"{N} of {N} \({N} %\), nominal {N} %: {N} to {N} by chance": "coverage",
    rf"{N} raters, {N} videos judged by two or more: Krippendorff's alpha {N}": "raters",
    rf"reliability of the mean score {N}": "raters",
    rf"of two videos, the better one has the higher label in {N} of 100 cases": "raters",
    rf"two raters agree by Kendall's tau {N}, Spearman's rho {N}, and differ by {N} on average": "raters",
    rf"on the {N} videos that all of them judged, with 95 % intervals": "icc",
    rf"ICC\(2,1\) {N} \({N} to {N}\), of their mean {N} \({N} to {N}\)": "icc",
    rf"(videos|pairs) judged: (\w+ {N}(, )?)+": "count",
    rf"gave the same answer on {N} of {N} pairs that both judged": "pairs",
    rf"scale separation reliability {N}": "pairs",
    r"ECCV 2020": "origin",
    rf"Spearman's rho {N}, p (< )?{N} within folds": "inner",
    rf"Spearman's rho {N}, mean absolute error {N}|as prediction: mean absolute error {N}": "model rho",
    rf"(80|95) % intervals reach about {N} to each side \(CV\+\)": "score interval",
    rf"distances to the training performances above those of {N} % of held-out performances": "rule",
    rf"^ *value: {N}$": "model rho",
    rf"Spearman's rho, {N} folds of the training part|mean absolute error, {N} folds of the training part": "count",
    rf"\w+: {N} labels, {N} to {N}, mean {N}, standard deviation {N}|length: {N} to {N} s, median {N} s": "label",
    rf"{N} (labelled performances|independent|channels|of each of|secondary agent|of the scene|trial-level)": "count",
    rf"width {N}|{N} epochs, seed {N}": "setting",
    rf"version {N}|SHA-256 of the model: [0-9a-f]+": "origin",
    rf"{N} (held-out )?(performances?|videos?|dives|networks?|folds?|tasks?|scored|users?|of {N} scored)": "count",
    rf"steps? {N}(–{N})? \([a-z ]+\)": "step",
    r"\b[a-x]\.mp4\b|\bv\d+\b": "origin",
}  # fmt: skip
"""Kinds by expressions for parts of sentences. What they leave of a sentence must have no digit."""
