"""The commands `settings` and `doctor`."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline import api
from pipeline.cli.command import NEW_VIDEOS, Command, Typed, plain
from pipeline.cli.terminal import say, table


def show_checks(checks: Sequence[api.SetupCheck], _: Typed) -> None:
    """Print one row per finding, then each command that fixes one, unwrapped, since people copy it."""
    table("", ("what", "state", "detail"), [(finding.what, finding.state, finding.detail) for finding in checks])
    for finding in filter(lambda check: check.fix, checks):
        say(f"{finding.what}: {finding.fix}")


def works(checks: Sequence[api.SetupCheck]) -> bool:
    """Whether nothing is broken."""
    return all(check.state != "broken" for check in checks)


SETTINGS = Command(
    api.settings, "settings pose",
    lambda rows, _: ("see what a value changes", "extract", NEW_VIDEOS, "--dry-run", "--set", f"{rows[0].key}=VALUE"),
    lambda rows, _: table("", ("key", "default", "belongs to", "meaning"), [[*vars(row).values()] for row in rows]),
    plain,
)  # fmt: skip
DOCTOR = Command(
    api.doctor, "doctor",
    lambda checks, _: ("see it work", "demo") if works(checks) else ("when it is fixed", "doctor"),
    show_checks, plain, works,
)  # fmt: skip
