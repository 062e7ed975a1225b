"""The `pose` stage, from a frame to stored arrays.

1. A pose network gets each frame in a fixed number of views: upright, and in further quarter turns (`detections`).
2. The network (`backends`) returns people with 17 joints for each view.
3. Detections of one body in several views become one (`Detections.merged`) and are kept as numbers until the end.
4. At the end of the video, each shot's people are the best paths through its detections (`paths`).
5. The agents are chosen among the people, and numbered from left to right (`agents`).
6. Left and right, short gaps and jitter of each agent are cleaned (`cleaning`), and the arrays are filled (`stage`).

`config` has the settings. Nothing is decided frame by frame, so no frame depends on an earlier decision.
"""
