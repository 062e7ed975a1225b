"""Files in, arrays and records out: the only package that opens a video, a label file or an HDF5 file."""
