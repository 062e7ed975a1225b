"""`report`."""

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import say

report = command(api.report, "report runs/tasd2 new_videos/ --out page.html")(
    lambda page: say(f"the report page: {page}")
)
