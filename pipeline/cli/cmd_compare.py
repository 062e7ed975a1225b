"""`compare`."""

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import say

compare = command(api.compare, "compare before.mp4 after.mp4 --model runs/tasd2")(
    lambda page: say(f"the page of both videos: {page}")
)
