"""`push`."""

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import say

push = command(api.push, "push runs/tasd2 s3://bucket/models/tasd2")(say)
