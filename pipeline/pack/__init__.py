"""Packs: the features of a data set as one file, with a data card."""
