"""Features that somebody else computed: arrays by performance, which take the place of stages and of videos."""

from data.features.feature_files import read_features
from data.features.named_features import PARTS, kind_of_part, named_features, names_of, with_features
