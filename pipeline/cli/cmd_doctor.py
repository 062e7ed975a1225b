"""`doctor`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import finish, print_json, table


@command(api.doctor, "doctor")
def doctor(checks: list[api.SetupCheck], as_json: bool) -> None:
    """Print one row per finding."""
    if as_json:
        print_json([vars(line) for line in checks])
    else:
        table("", ("what", "state", "detail", "to mend"), [(f.what, f.state, f.detail, f.fix) for f in checks])
    finish(all(line.state != "broken" for line in checks))
