"""Stage `kinematics`: the recorded tool motion of a surgical robot, as named channels."""
