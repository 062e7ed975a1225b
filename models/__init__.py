"""Tensors in, tensors out: no file, no video, no configuration reader."""
