"""People with known joints: poses, pictures of their coloured joints, and a network for such pictures."""

import numpy as np

from extractors.pose.detections import Detections
from extractors.pose.shot_people import People, people_of

HEAD = [(0, -70), (-3, -73), (3, -73), (-6, -71), (6, -71)]
ARMS = [(-15, -50), (15, -50), (-20, -25), (20, -25), (-22, 0), (22, 0)]
LEGS = [(-10, 0), (10, 0), (-11, 35), (11, 35), (-12, 70), (12, 70)]
BODY = np.array([*HEAD, *ARMS, *LEGS], dtype=np.float64)
"""(17, 2) an upright person, origin at the hips, 143 px tall."""

SIZE = (320, 240)
COLOURS = np.array([[i * 14 + 5, 255 - i * 14, (i * 83) % 256] for i in range(17)], dtype=np.uint8)
"""One colour a joint, by which a joint is found in a picture in any rotation."""


def rotation(angle):
    """(2, 2) the matrix that turns columns (x, y) by `angle`."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def person(x, y, angle=0.0, scale=1.0, score=0.9):
    """(17, 3) the body, turned clockwise by `angle` about its hips."""
    cos, sin = np.cos(angle), np.sin(angle)
    points = scale * BODY @ np.array([[cos, sin], [-sin, cos]]) + (x, y)
    return np.column_stack([points, np.full(17, score)]).astype(np.float32)


def people(*poses, scores=None):
    """Detections of people, with a score of .6 each where none is given."""
    return Detections(np.stack(poses), np.array(scores or [0.6] * len(poses), np.float32))


def tracks_of(frames, first=0):
    """The people of one shot of these frames from number `first` on, 25 a second, the best trajectory first."""
    shot = People()
    for frame, detections in enumerate(frames, start=first):
        shot.add(frame, [detections])
    return people_of(shot, np.arange(first + len(frames)) / 25, 0.04)


def picture(*poses):
    """A black frame with a 5 x 5 square of its joint's colour at every joint."""
    image = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for pose in poses:
        for joint, (x, y, _) in enumerate(pose):
            image[max(int(y) - 2, 0) : max(int(y) + 3, 0), max(int(x) - 2, 0) : max(int(x) + 3, 0)] = COLOURS[joint]
    return image


class ColourReader:
    """A pose network for `picture`: like a real one, it scores tilted people lower and misses some.

    Attributes:
        max_tilt: radians from upright beyond which a person is missed.
        inputs: shape of every picture it was given.
    """

    max_views = 4

    def __init__(self, max_tilt=np.pi):
        self.max_tilt = max_tilt
        self.inputs = []

    def detect(self, image):
        """The one person in the picture, as `PoseBackend` says."""
        self.inputs.append(image.shape)
        pose = np.full((17, 3), 0.9, dtype=np.float32)
        nearest = np.minimum((image[..., 0] + 2) // 14, 16)  # red is 14 x the number of the joint, and 5
        drawn = np.abs(image - COLOURS[nearest].astype(int)).sum(axis=-1) < 4
        places, joints = np.argwhere(drawn), nearest[drawn]
        for joint in range(17):
            if not (joints == joint).any():
                return Detections.none()
            pose[joint, :2] = np.median(places[joints == joint], axis=0)[::-1] + 0.5
        x, y = pose[[5, 6], :2].mean(axis=0) - pose[[11, 12], :2].mean(axis=0)
        tilt = abs(float(np.arctan2(x, -y)))
        if tilt > self.max_tilt:
            return Detections.none()
        return Detections(pose[None], np.array([0.9 * (1 - 0.2 * tilt)]))
