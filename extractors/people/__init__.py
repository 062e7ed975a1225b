"""Parts of the stage `pose` after the network: who is who over time, who the agents are, gaps and repairs."""
