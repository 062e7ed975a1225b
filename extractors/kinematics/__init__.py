"""Stage `kinematics`: the recorded motion of a surgical robot's tools, as named channels."""
