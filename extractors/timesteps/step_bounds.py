"""Start and end of the T time steps: equal parts of a performance, or parts of its phases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.errors import DataError
from data.store.arrays import Floats
from data.video import Phase
from extractors.signals import spans_between

LATE_S = 0.1  # tolerance for phases beyond the end of the video
MEND = "Correct the marks, timesteps.bounds or the frame rate (frames.fps)"


def equal_bounds(start: float, end: float, steps: int) -> Floats:
    """(steps, 2) start and end of equal parts: 0..4 in two is [[0, 2], [2, 4]]. Raises ValueError: end <= start."""
    if steps < 1 or not end > start:
        raise ValueError(f"cannot cut {start} s to {end} s into {steps} parts")
    return spans_between(np.linspace(start, end, steps + 1))


def steps_of_phases(names: Sequence[str], steps: int) -> tuple[str, ...]:
    """(steps,) the phase of every time step; phases get equally many, and a remainder goes to the first ones.

    >>> steps_of_phases(["take-off", "entry"], 3)
    ('take-off', 'take-off', 'entry')
    """
    return tuple(name for name, own in zip(names, np.array_split(range(steps), len(names)), strict=True) for _ in own)


def phase_bounds(start: float, end: float, phases: Sequence[Phase], names: Sequence[str], steps: int) -> Floats:
    """(steps, 2) start and end of the steps, assigned to the phases of `names` by `steps_of_phases`.

    The steps of a missing phase have length 0 and are masked.

    Example: 0 s to 10 s with flight from 0 to 2 s and entry from 2 s on, in four, is [[0, 1], [1, 2], [2, 6], [6, 10]].

    Raises DataError: an unknown phase, a wrong order, or a phase beyond the end of the video.
    """
    marked, last = {phase.name: phase.end for phase in phases}, phases[-1]
    if [*marked] != [name for name in names if name in marked]:
        raise DataError(f"its phases {', '.join(marked)} are not among {', '.join(names)}, in this order", fix=MEND)
    if last.start >= end or end + LATE_S < last.end < np.inf:
        late = f"begins at {last.start:.2f}" if last.start >= end else f"is marked until {last.end:.2f}"
        raise DataError(f"'{last.name}' {late} s, and the video ends at {end:.2f} s", fix=MEND)
    parts, edge, each = list[Floats](), max(start, phases[0].start), steps_of_phases(names, steps)
    for name in names:
        stop = min(marked.get(name, edge), end)
        parts.append(np.linspace(edge, stop, each.count(name) + 1))
        edge = stop
    return np.concatenate([*map(spans_between, parts)])
