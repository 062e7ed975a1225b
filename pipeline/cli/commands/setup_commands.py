"""The commands `settings` and `doctor`."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline import api
from pipeline.cli.command import NEW_VIDEOS, Command, Line, Typed, plain
from pipeline.cli.terminal import say, table


def show_settings(rows: Sequence[api.SettingRow], _: Typed) -> None:
    """Print one row per key."""
    columns = ("key", "default", "belongs to", "meaning")
    table("", columns, [(row.key, row.default, row.belongs_to, row.meaning) for row in rows])


def after_settings(rows: Sequence[api.SettingRow], _: Typed) -> Line:
    """Try one of them."""
    return ("see what a value changes", "extract", NEW_VIDEOS, "--dry-run", "--set", f"{rows[0].key}=VALUE")


def show_checks(checks: Sequence[api.SetupCheck], _: Typed) -> None:
    """Print one row per finding, and below each command that mends one, whole, since people copy it."""
    table("", ("what", "state", "detail"), [(one.what, one.state, one.detail) for one in checks])
    for one in filter(lambda check: check.fix, checks):
        say(f"{one.what}: {one.fix}")


def works(checks: Sequence[api.SetupCheck]) -> bool:
    """Whether nothing is broken."""
    return all(check.state != "broken" for check in checks)


def after_doctor(checks: Sequence[api.SetupCheck], _: Typed) -> Line:
    """Check again, or see it work."""
    return ("see it work", "demo") if works(checks) else ("when it is mended", "doctor")


SETTINGS = Command(api.settings, "settings pose", after_settings, show_settings, plain)
DOCTOR = Command(api.doctor, "doctor", after_doctor, show_checks, plain, works)
