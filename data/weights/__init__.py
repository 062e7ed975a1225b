"""Weights of networks: the table of published files, their download and hashes, and compiled models in the user's cache."""
