"""The `pose` stage, from a frame to stored arrays.

1. A pose network gets each frame in a fixed number of views: upright, and in further quarter turns (`detections`).
2. The network (`backends`) returns people with 17 joints for each view.
3. All detections are kept as numbers until the end, each with its support by the other views (`detections.supports`).
4. At the end of the video, each shot's people are the best paths through its detections (`paths`). A path keeps the
   detections of the same person in all views: its members.
5. The agents are chosen among the people, and numbered from left to right (`agents`).
6. Each joint of an agent is put on one robust curve through all members (`cleaning`), and the arrays are filled
   (`stage`).

`config` has the settings. Nothing is decided frame by frame, so no frame depends on an earlier decision.
"""
