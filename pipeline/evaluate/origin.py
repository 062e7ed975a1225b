"""What made the results of an evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

from pipeline import __version__
from pipeline.cache import software
from pipeline.evaluate.evaluation_results import Origin
from pipeline.settings.provenance import command_line, commit


def origin(devices: Iterable[str]) -> Origin:
    """The command, the time, the commit and the versions of this process; `devices` are those of the trainings."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Origin(command_line(), now, commit(), {"aqa": __version__, **software()}, tuple(sorted(devices)))
