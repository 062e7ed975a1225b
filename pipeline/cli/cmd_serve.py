"""`serve`."""

from pipeline import api
from pipeline.cli.command import command, show_nothing

serve = command(api.serve, "serve --model runs/tasd2")(show_nothing)
