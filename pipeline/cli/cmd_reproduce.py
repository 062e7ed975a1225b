"""`reproduce`."""

from pipeline import api
from pipeline.cli.cmd_evaluate import show_evaluation
from pipeline.cli.command import command

reproduce = command(api.reproduce, "reproduce 5 --config jigsaws --set dataset.root=JIGSAWS")(show_evaluation)
