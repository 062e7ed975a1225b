"""Parts of the stage `camera_flow`: flow at the border, the camera's motion, what must be masked."""
