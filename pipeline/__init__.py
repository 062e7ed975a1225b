"""What runs, where its output lives, whether it is fresh; training, scoring, reports."""

__version__ = "0.2.0"
