"""Stage `camera_flow`: the camera's motion between two frames, from the optical flow at the border of the picture."""
