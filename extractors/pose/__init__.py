"""The `pose` stage, from a frame to stored arrays.

1. A pose network (`backends`) gets each frame in one view or a few, in quarter turns (`views`).
2. It returns people with 17 joints for each view, which are turned back (`detections`).
3. Detections of one person in several views make a body (`detections.bodies_of`). They are kept until the shot ends.
4. Then its people are the best trajectories through its bodies (`shot_people`).
5. The agents are chosen among the people, and numbered from left to right (`chosen_agents`).
6. Each joint of an agent is put on a robust curve through the track's detections in all views (`cleaning`).

`config` has the settings. Of all this, only the views of a frame depend on the frame before.
"""
