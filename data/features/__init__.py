"""Features that somebody else computed: arrays by performance, which take the place of stages and of videos."""

from data.features.feature_files import read_features
from data.features.feature_sources import (
    PARTS,
    FeatureSource,
    feature_sources,
    kind_of_part,
    names_of,
    with_features,
)

__all__ = ["PARTS", "FeatureSource", "feature_sources", "kind_of_part", "names_of", "read_features", "with_features"]
