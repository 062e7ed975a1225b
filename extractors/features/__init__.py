"""Stage `features`: arrays that somebody else computed, in place of the scene or of an agent."""
