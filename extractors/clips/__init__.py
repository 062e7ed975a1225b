"""Stage `clips`: logits and pooled features of a clip network for the time steps of a video."""
