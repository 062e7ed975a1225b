"""Stages, one package each: they turn an opened video into named arrays. The pipeline opens all files."""
