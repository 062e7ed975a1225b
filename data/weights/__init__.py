"""Weights of networks: the table of published files, their download and hashes, and models compiled before."""
