"""Networks and metrics: tensors in, tensors out, without files, videos or configurations."""
