"""Reads files into arrays and records; the only package that opens videos, label files and HDF5 files."""
