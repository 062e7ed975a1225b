"""Extraction: plans the stages of every video, runs them on an engine, and writes their outputs into the cache."""
