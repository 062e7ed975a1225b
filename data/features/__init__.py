"""Features computed elsewhere: arrays for each performance, which replace stages and videos."""

from data.features.feature_files import read_features
from data.features.named_features import PARTS, kind_of_part, named_features, names_of, with_features
