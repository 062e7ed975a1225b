"""`leaderboard`."""

from pipeline import api
from pipeline.cli.cmd_evaluate import show_evaluation
from pipeline.cli.command import command

leaderboard = command(api.leaderboard, "leaderboard --config jigsaws --pack jigsaws.h5")(show_evaluation)
