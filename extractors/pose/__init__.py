"""The `pose` stage, from a frame to stored arrays.

1. A pose network (`backends`) gets each frame in one or more views, rotated by quarter turns (`views`).
2. It returns people with 17 joints for each view, which are rotated back (`detections`).
3. Detections of one person in several views form a body (`detections.bodies_of`). They are kept until the shot ends.
4. At the end of a shot, the best trajectories through the bodies become its people (`shot_people`).
5. The agents are chosen among the people, and numbered from left to right (`chosen_agents`).
6. Each joint of an agent is smoothed by a robust curve through the track's detections in all views (`cleaning`).

`config` has the settings. Only the views of a frame depend on the previous frame.
"""
