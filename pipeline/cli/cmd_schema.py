"""`schema`."""

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import print_json

schema = command(api.schema, "schema > aqa.schema.json")(print_json)
