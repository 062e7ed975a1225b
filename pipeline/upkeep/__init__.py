"""Upkeep: caches, weights, data sets and the installation, a function a command."""
