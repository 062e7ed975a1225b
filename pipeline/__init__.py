"""Decides which stages run, where outputs are and whether they are fresh; trains, scores and reports."""

__version__ = "0.2.0"
