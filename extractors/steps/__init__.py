"""Parts of the stage `timesteps`: roles, channels, segments, figures of a whole trial."""
