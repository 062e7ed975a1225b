"""The commands `serve`, `export` and `push`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import NEW_VIDEOS, Command, as_typed
from pipeline.cli.terminal import say

SERVE = Command(
    api.serve, "serve --model runs/tasd2", lambda _, typed: ("serve again, with the videos so far", *typed.words)
)
EXPORT = Command(
    api.export, "export runs/tasd2 --out model.onnx",
    lambda _, typed: ("share the whole model", "push", as_typed(typed.model), "ADDRESS"),
    lambda done, _: say(done.text()), lambda done, _: done.as_json(),
)  # fmt: skip
PUSH = Command(
    api.push, "push runs/tasd2 s3://bucket/models/tasd2",
    lambda _, typed: ("score with it", "score", NEW_VIDEOS, "--model", as_typed(typed.to)),
    lambda place, _: say(place),
)  # fmt: skip
