"""Stage `clips`: short clips of a video through a clip network, giving logits and pooled features per time step."""
