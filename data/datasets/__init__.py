"""Data sets: each official layout of labels and files becomes a list of records."""
