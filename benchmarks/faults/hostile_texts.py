"""The texts of the corpus: settings of foreign run folders, configurations, label tables and command lines."""

from __future__ import annotations

import json
import shlex
from typing import Any

_SETTINGS = r"""
cache="../outside"
cache="/outside"
cache="s3://bucket/x"
cache="\u001b[2J"
storage.scratch="../outside"
storage.endpoint_url="http://127.0.0.1:9/"
run.workers=1000000
run.workers=-1
run.memory_gb=1e-09
run.timeout_s=1e-09
pose.backend="mmpose"
pose.mmpose={"config": "outside.py", "checkpoint": "outside.pth"}
pose.import.dir="/proc"
clips.weights="/etc/passwd"
clips.frames_per_clip=1000000000
clips.dense_hop=0
stages=["../x"]
camera_flow.columns=1000000000
camera_flow.short_side=1000000000
timesteps.steps=1000000000
timesteps.primary="pose:5"
dataset.root="/"
name="\u202e\u001b]0;x\u0007"
pose.region=[0, 0, 1000000000.0, 1]
"""

HOSTILE_SETTINGS: tuple[tuple[str, Any], ...] = (
    *((key, json.loads(value)) for key, _, value in (line.partition("=") for line in _SETTINGS.split("\n")[1:-1])),
    ("cache", "a" * 5000),
)
"""Dotted keys of a run folder's configuration, and values."""

_CONFIGURATIONS = r"""
""
"[]"
"5"
"a: b: c"
"pose: {stride: 2"
"{"
"pose: !!python/object/apply:os.system ['touch executed']"
"pose: !!python/name:os.system"
"a: &a [x]\nb: *a"
"&a [*a]"
"a: &a [1,1]\nb: &b [*a,*a]\nc: [*b,*b]"
"pose:\n  stride: 1\npose:\n  stride: 2"
"\u0000"
"pose:\n\tstride: 1"
"\u001b[2J: 1"
"pose: {\"\\e[2J\": 1}"
"? [a, b]\n: 1"
"1: 2"
"null: 3"
"pose: null"
"pose: 5"
"pose: [1]"
"stages: pose"
"stages: [pose, pose]"
"stages: []"
"stages: [../pose]"
"stages: [5]"
"run: {workers: 1.5}"
"run: {workers: 99999999999999999999}"
"run: {timeout_s: .nan}"
"run: {timeout_s: .inf}"
"run: {memory_gb: -1}"
"pose: {stride: 0}"
"pose: {stride: 1e400}"
"pose: {region: [0, 0, 2, 2]}"
"pose: {region: [.nan, 0, 1, 1]}"
"pose: {agents: 7}"
"camera_flow: {columns: -1}"
"camera_flow: {border: .nan}"
"clips: {frames_per_clip: 1000000000}"
"clips: {weights: /dev/zero}"
"timesteps: {primary: 'pose:99999999999'}"
"timesteps: {secondary: []}"
"timesteps: {steps: 999999999}"
"cache: ''"
"cache: 5"
"cache: [a]"
"cache: {a: b}"
"dataset: {root: ''}"
"dataset: {kind: ../x}"
"protocol: 4fold\nprotocol: kfold"
"name: \"\\u202e\""
"%YAML 9.9\n---\na: 1"
"--- \na: 1\n---\nb: 2"
"a: 2001-13-45"
"a: 0b2"
"a: 12:99:99"
"!!map [a]"
"!!int foo"
"pose: {<<: {stride: 2}}"
"storage: {endpoint_url: 'http://127.0.0.1:9'}"
"pose: {backend: mmpose, mmpose: {config: outside/outside.py}}"
"""

CONFIGURATIONS: tuple[str, ...] = (
    *map(json.loads, _CONFIGURATIONS.split("\n")[1:-1]),
    "[" * 3000,
    "{a: " * 3000,
    "x" * 200_000,
    "".join(f"key{number}: 1\n" for number in range(9000)),
    "pose: {stride: 2}\n#" + "x" * 140_000,
)
"""YAML files."""

_LABELS = r"""
""
"video,score\n"
"video\n0.mp4\n"
"score,video\n1,0.mp4\n"
"video,score\n0.mp4,1e308\n1.mp4,-1e308\n"
"video,score\n0.mp4,nan\n1.mp4,inf\n"
"video,score\n../../etc/passwd,5\n"
"video,score\n0.mp4,5\n0.mp4,6\n"
"video,score\n\u001b[2J.mp4,5\n"
"video,score,score\n0.mp4,1,2\n"
"video,score\n\"0.mp4,5\n"
"video;score\n0.mp4;5,5\n"
"\u0000\u0000"
"video,score,split\n0.mp4,5,\u001b]0;\u0007\n"
"video,score\n0.mp4,\uff11\uff12\n"
"""

LABELS: tuple[str, ...] = (
    *map(json.loads, _LABELS.split("\n")[1:-1]),
    "video,score\n" + "0.mp4,5\n" * 20000,
    "video,score\n0.mp4," + "9" * 5000 + "\n",
    "video,score\n" + "x" * 300_000 + ",5\n",
)
"""Tables of labels."""

_COMMAND_LINES = r"""
extract '{new}' --shard '\u00b2/4'
extract '{new}' --shard 0/0
extract '{new}' --cache ''
extract ''
extract nowhere
extract /dev/zero
extract '\u001b[2J'
extract '{new}' --set =1
extract '{new}' --set pose.stride
extract '{new}' --set a.b.c.d=1
extract '{new}' --set 'pose.stride=[[['
extract '{new}' --set 'pose.stride=!!python/name:os.system'
extract '{new}' --stages ../x
extract '{new}' --stages ,
extract '{new}' --workers -1
extract '{new}' --cache '{config}'
extract '{new}' --cache /dev/null/x
extract '{new}' --engine x
extract s3://
extract s3://bucket
extract gs://bucket/x
extract http://127.0.0.1:9/x.mp4
extract file:///etc/passwd
extract '{new}/day/0.mp4\n'
extract '{new}' --config ../../etc/passwd
score '{new}' --model ''
score '{new}' --model nowhere
score '{new}' --model /dev/zero
score '{new}' --model '{new}'
score --model '{run}' /dev/null
score '{run}' --model '{run}'
score '{new}' --model '{run}' --out ''
score '{new}' --model '{run}' --out /dev/null/x.csv
score '{new}' --model '{run}' --out .
report '{new}'
report ''
report '{run}' --out .
cache gc --cache '{new}' --max-gb 0 --yes
cache gc --cache '' --max-gb 0 --yes
cache gc --cache / --max-gb 0 --yes
cache gc --cache nowhere --max-gb nan --yes
cache gc --cache '{cache}' --max-gb -1
cache gc --cache '{cache}' --log-days nan
cache prune '{new}' --cache outside --yes
cache prune --cache '{train}' '{new}' --yes
cache verify --cache '{config}'
cache ls nothing --cache '{cache}'
cache ls --cache /dev
train --set dataset.root=/dev/zero
train --set dataset.root=nowhere
train --out /dev/null
train --config '{config}' --folds -5
train --config '{config}' --folds 999999999999999999999999999999
evaluate --config '{config}' --set protocol=4fold
evaluate --config '{config}' --grid x=1
search --config '{config}' --grid model.width=
search --config '{config}' --grid '[[['
reproduce 99 --config '{config}'
reproduce '\u00b2' --config '{config}'
leaderboard --config nowhere
plot '{run}' --formats exe
plot nowhere
export '{new}'
export '{run}' --out /dev/null/x
weights path ../../etc/passwd
weights fetch nothing
pack --config '{config}' --out .
status '{new}' --config '{new}'
status '{new}' --stages 'pose,\u001b[2J'
nothing
--nothing
"""

COMMAND_LINES: tuple[tuple[str, ...], ...] = (
    *(tuple(json.loads(f'"{word}"') for word in shlex.split(line)) for line in _COMMAND_LINES.split("\n")[1:-1]),
    ("extract", "{new}", "--shard", "1/" + "9" * 5000),
)
"""Words after the program's name; `{new}`, `{run}`, `{train}`, `{cache}` and `{config}` are places of the world."""
