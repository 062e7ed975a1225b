"""Stage `features`: arrays that somebody else computed, in place of the scene or of an agent."""

from extractors.features.stage import Features, FeaturesConfig

__all__ = ["Features", "FeaturesConfig"]
