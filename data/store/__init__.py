"""Files and arrays: local paths and object stores, atomic writes, HDF5 outputs, tensors."""
