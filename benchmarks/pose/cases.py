"""The cases of the real clips: which people are shown where, how large, turned by how much, before what."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.pose.real import SIDE, Actor, Case

MIDDLE = ((0.5, 0.5),)
LEAP = ((0.30, 0.45), (0.42, 0.25), (0.52, 0.28), (0.60, 0.45), (0.66, 0.75))
"""Trajectory of a dive through the picture."""


def _upright(camera: int) -> list[Case]:
    whole = Actor(camera, 105, surroundings="one_person")
    cut = Actor(camera, 120, ((0.4, 0.5), (0.6, 0.55)), phase=20)
    return [
        Case("upright whole", "upright", (whole,), f"lab{camera}"),
        Case("upright cut", "upright", (cut,), "park", pan=(0.5, 0)),
    ]


def _turned(camera: int, degrees: tuple[int, ...]) -> list[Case]:
    cases = []
    for number, angle in enumerate(degrees):
        if number % 2 == 0:
            actor = Actor(camera, 110, angle=angle, surroundings="one_person", phase=7 * camera)
        else:
            actor = Actor(camera, 95, ((0.45, 0.5), (0.55, 0.5)), angle=angle, phase=9 * camera)
        background = ("park", f"lab{1 + camera % 3}")[number % 2]
        cases.append(Case(f"turned {angle}", "turned", (actor,), background, pan=(0.2, 0)))
    return cases


def _somersault(camera: int, spins: tuple[float, ...], kind: str = "somersault") -> list[Case]:
    cases = []
    for number, spin in enumerate(spins):
        height = (95, 75, 120)[(number + camera) % 3]
        actor = Actor(camera, height, LEAP, angle=-30.0 * camera, spin=spin, phase=13 * number)
        background = ("park", "lab1", "lab3")[(number + camera) % 3]
        cases.append(Case(f"{kind} {spin}", kind, (actor,), background, pan=(0.8, 0.7)))
    return cases


def _small(camera: int, heights: tuple[int, ...]) -> list[Case]:
    cases = []
    for number, height in enumerate(heights):
        spin = (0.0, 1.2)[number % 2]
        actor = Actor(camera, height, LEAP, spin=spin, phase=11 * number)
        cases.append(Case(f"small {height}", "small", (actor,), ("lab3", "park")[number % 2], pan=(0.6, 0.4)))
    return cases


def _poor(camera: int) -> list[Case]:
    turned = Case("turned 180", "poor", (Actor(camera, 100, angle=180, surroundings="one_person"),), "park")
    spins = _somersault(camera, (1.3,), "poor")
    return [replace(case, name=f"poor {case.name}", poor=True) for case in (turned, *spins)]


FOLDED = (
    (110, 0.0, 0, False), (100, 0.0, 180, False), (95, 1.2, 0, False), (110, -2.0, 40, False), (60, 1.0, 90, False),
    (100, 1.5, 0, True),
)  # fmt: skip
"""Height, turns a second, degrees at the start and whether the picture is poor."""


def _folded() -> list[Case]:
    """A body folded as in a tuck or pike, seen from the side."""
    cases = []
    for number, (height, spin, angle, poor) in enumerate(FOLDED):
        actor = Actor(SIDE, height, LEAP if spin else MIDDLE, angle, spin, phase=5 * number)
        background = ("lab3", "lab1", "park")[number % 3]
        name = f"folded {height} {angle} {spin}" + " poor" * poor
        cases.append(Case(name, "folded", (actor,), background, pan=(0.5, 0.5), poor=poor))
    return cases


def _crossing(camera: int, woman: int) -> list[Case]:
    """Two people who pass before each other; the one named last is in front."""
    right, left = ((0.15, 0.5), (0.85, 0.5)), ((0.85, 0.55), (0.15, 0.55))
    other = Actor(woman, 115, left, other=True)
    away = ((0.35, 0.5), (0.7, 0.5), (1.3, 0.5), (0.9, 0.5), (0.6, 0.5))
    return [
        Case("crossing slow", "crossing", (other, Actor(camera, 105, right)), "park"),
        Case(
            "crossing fast", "crossing",
            (Actor(camera, 100, (*right, right[0])), replace(other, route=(*left, left[0]))), "lab3", pan=(0.5, 0),
        ),
        Case(
            "crossing leaving", "crossing",
            (replace(other, route=((0.2, 0.5), (0.35, 0.5))), Actor(camera, 110, away)), "park", pan=(0.3, 0),
        ),
    ]  # fmt: skip


def _alike(cameras: tuple[int, int]) -> Case:
    """Two people who look alike, one turning, pass before each other."""
    first = Actor(cameras[0], 95, ((0.2, 0.4), (0.8, 0.6)), spin=0.8)
    second = Actor(cameras[1], 100, ((0.8, 0.5), (0.2, 0.5)), phase=25)
    return Case(f"crossing alike cam{cameras[0]}{cameras[1]}", "crossing", (first, second), "lab3")


def _pair(camera: int, angle: float) -> Case:
    """Both people of two_people with their surroundings."""
    actor = Actor(camera, 105, angle=angle, surroundings="two_people")
    return Case(f"pair {angle:.0f}", "crossing", (actor,), "park")


def _bystanders(camera: int, woman: int) -> list[Case]:
    athlete = Actor(camera, 85, LEAP, spin=1.5, angle=20)
    still = [
        Actor(woman, 42, ((x, 0.86),), other=True, labelled=False, still=True) for x in (0.1, 0.24, 0.38, 0.78, 0.92)
    ]
    passing = Actor(woman, 130, ((0.05, 0.6), (0.95, 0.6)), other=True, labelled=False)
    large = Actor(woman, 150, ((0.88, 0.62),), other=True, labelled=False)
    return [
        Case("bystanders still", "bystanders", (athlete, *still), "park", pan=(0.4, 0)),
        Case("bystanders passing", "bystanders", (athlete, passing), "lab3", pan=(0.3, 0.3)),
        Case("bystanders large", "bystanders", (replace(athlete, spin=0, angle=180), large), "park"),
    ]


def _seen(cases: list[Case]) -> list[Case]:
    return [case if "cam" in case.name else replace(case, name=f"{case.name} cam{case.camera}") for case in cases]


TUNING = _seen(
    [
        *_upright(1), *_upright(3), _upright(2)[0],
        *_turned(1, (90, 135)), *_turned(2, (180, 225)), *_turned(3, (270, 45)),
        *_somersault(1, (1.0, 2.2)), *_somersault(2, (1.5, -2.5)), *_somersault(3, (1.2, 1.9)),
        *_small(1, (50, 26)), *_small(2, (32,)), *_small(3, (60, 40)),
        *_folded(), *_poor(1), *_poor(3),
        *_crossing(1, 2), _alike((2, 3)), _pair(1, 0), _pair(2, 0), _pair(3, 180),
        *_bystanders(2, 1), *_bystanders(3, 2)[:1],
    ]
)  # fmt: skip

HELD_OUT = _seen(
    [
        *_upright(4), *_turned(4, (180, 135, 90)), *_somersault(4, (1.4, 2.3)), *_small(4, (40, 30)), *_poor(4),
        *_crossing(4, 4), _pair(4, 0), _pair(4, 90), *_bystanders(4, 4)[:2],
    ]
)  # fmt: skip

SPLITS = ("tuning", "held out")

CASES = {case.name: case for case in (*TUNING, *HELD_OUT)}

QUICK = (
    "upright whole cam1", "turned 180 cam2", "turned 135 cam1", "somersault 1.0 cam1", "somersault 1.9 cam3",
    "small 40 cam3", "poor poor 1.3 cam1", "crossing slow cam2", "bystanders passing cam2",
)  # fmt: skip
"""The cases of `--quick`."""
