"""Commands that people mistype, and those of hostile people: the answers, which are approved in `__snapshots__`.

`pytest tests/test_mistakes.py --snapshot-update` approves changed answers; read the diff.
"""

import io
import json
import os
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from rich.console import Console

from data.video import write_video
from pipeline.cli import cli_main, terminal
from synthetic.tiny_jigsaws import make_jigsaws

PREPARED = """
extract --config surgery.yaml
train --config surgery.yaml --folds 0 --out runs/surgery
pack --config surgery.yaml --out surgery.h5
"""
MISTAKES = """
extract vidoes/ --config folder
extract photos/ --config folder
extract --config folder
extract
extract /nowhere
extract broken/ --config folder --stages camera_flow --workers 0
extrct videos/ --config folder
preview videos/ --set pose.stride=2
help
extract videos/ --config folder --worker 2
extract -config folder videos/
extract videos/ --config foldr
extract videos/ --config configs/fodler.yaml
extract videos/ --config folder --set stride=2
extract videos/ --config folder --set pose.strid=2
extract videos/ --config folder --set pose.stride=two
extract videos/ --config folder --set pose.stride 2
extract videos/ --set nonsense
extract videos/ --stride 2
evaluate videos --protocol louo --quick
train videos --protocol=fixed
status videos/ --config folder --stages poze
status videos/ --config folder --stages mylab.none:Stage
extract videos/ --shard 3/2
data check typo
data check JIGSAWS/Suturing
settings tasd2
extract pipe
train --config folder --set dataset.root=videos
train --config tasd2 --set dataset.root=videos
train --config folder --set dataset.root=words
train --config folder --set dataset.root=renamed
train --config folder --set dataset.kind=mylab.none:list_marks --set dataset.root=scored
train --pack none.h5
evaluate --config jigsaws --set dataset.root=videos
train --config folder --set dataset.root=scored
train --config surgery.yaml --set timesteps.steps=5
evaluate --config surgery.yaml --set protocol=fixed
evaluate --config surgery.yaml --set split.folds=9
train --config folder --pack surgery.h5 --folds 0 --set train.networks=1 --set train.epochs=1
score videos/
score videos/ --model runs/mine
score videos/a.mp4 --model videos
score videos/a.mp4 --model demo
score --kinematics pipe --model runs/surgery
score videos/ --model runs/surgery
report videos/
report videos/a.mp4
report demo
weights fetch i3d
weights path i3d
cache rm --cache videos
cache ls --cache typo
cache verify --cache videos/a.mp4
cache prune videos --cache typo
cache gc --cache typo
cache gc --cache cache/surgery --max-gb inf
cache gc --cache cache/surgery --max-gb 1e300
cache gc --cache cache/surgery --max-gb nan --yes
score videos/ --model runs/surgery --out videos
train --out videos/a.mp4/x
pack --out videos/a.mp4/x
serve --model none --folder videos/a.mp4
export none --out /proc/x.onnx
report none --out videos
score --model runs/surgery
score --model runs/surgery --set dataset.root=JIGSAWS
score --model runs/surgery --config surgery.yaml --set clips.steps=2
score JIGSAWS --model runs/surgery --config surgery.yaml --set dataset.root=JIGSAWS
score --model runs/surgery --kinematics JIGSAWS/none.txt
score --model runs/surgery --kinematics videos/a.mp4
score JIGSAWS --model runs/surgery --kinematics JIGSAWS/Suturing/meta_file_Suturing.txt
score --kinematics s3://bucket/a.txt --model runs/surgery
score --model runs/surgery --config jigsaws --set dataset.root=JIGSAWS/Suturing
score videos/ --model runs/surgery --set pose.stride=4
report runs/surgery videos/ --config folder --set pose.stride=4
compare a b --model runs/surgery --set pose.stride=4
plot runs/surgery --config surgery.yaml --set pose.stride=4
serve --model runs/surgery --folder served --set pose.stride=4
train JIGSAWS --config surgery.yaml --set dataset.root=x
train JIGSAWS --config surgery.yaml --pack surgery.h5
score videos/a.mp4 --model runs/surgery --set dataset.root=x
score videos/a.mp4 --model runs/surgery --difficulty 3.2
score videos/a.mp4 --model runs/surgery --difficulty 0
score videos/a.mp4 --model runs/surgery --difficulty nan
extract videos/ --config folder --workers 2 --set work.workers=2
extract videos/ --config folder --cache a --set cache=b
leaderboard --config surgery.yaml --table 9
leaderboard --config surgery.yaml --table 5 --oracle
evaluate --config surgery.yaml --quick --grid model.width=8,16
evaluate --config surgery.yaml --grid model.width
evaluate --config surgery.yaml --grid pose.stride=1,2
evaluate --config surgery.yaml --grid train.seed=1,2
evaluate --config surgery.yaml --grid train.theta=.1,.2 --grid train.theta=.3
evaluate --config surgery.yaml --grid 'train.learning_rates=[1,2'
evaluate --config surgery.yaml --grid 'train.learning_rates=[1e-3,1e-4],[2e-3]'
pack --config surgery.yaml --out a.xlsx
report runs/surgery
compare Suturing/kinematics/AllGestures/Suturing_B001.txt nothing --model runs/surgery --config surgery.yaml
compare Suturing/kinematics/AllGestures/Suturing_B001.txt Suturing_B002 --model runs/surgery --config surgery.yaml
compare Suturing/kinematics/AllGestures/Suturing_B001.txt JIGSAWS --model runs/surgery --config surgery.yaml
compare videos/a.mp4 videos/a.mp4 --model runs/surgery
compare evaluated evaluated --model runs/surgery
compare Suturing/kinematics/AllGestures/Suturing_B001.txt broken/a.mp4 --model runs/surgery --config surgery.yaml
extract videos/aa.mp4
extract videos/a.mov
extract videos/zoe.mp4
weights path i3d-kinetics400
weights fetch nothing
extract videos/ --config folder --set clips.weights_file=/nowhere/net.pt
extract videos/ --config folder --set clips.weights_file=~no-such-user/net.pt
extract videos/ --config folder --set timesteps.primary=pose:5
serve --config demo --port 0
"""
HOSTILE = r"""
extract '.' --shard '\u00b2/4'
extract . --shard 1/
extract . --shard 1/4/2
extract . --shard=-1/4
extract . --shard 0/2
extract . --shard 1/999999999999999999999999
extract '.' --cache ''
extract /dev/zero
extract '\u001b[2J'
extract . --set =1
extract . --set a.b.c.d=1
extract . --set 'pose.stride=[[['
extract . --set 'pose.stride=!!python/name:os.system'
extract . --set 'stages=[os:system]'
extract . --stages ../x
extract . --workers -1
extract . --engine x
extract s3://
extract http://host/a.mp4
extract videos/ --config folder --cache ftp://host/cache
leaderboard --config surgery.yaml --set split.folds=2 --systems gtld
extract . --config ../../etc/passwd
score . --model ''
score . --model /dev/zero
report ''
cache gc --cache '' --max-gb 0 --yes
cache gc --cache / --max-gb 0 --yes
train --set dataset.root=/dev/zero
train --out /dev/null
evaluate --grid x=1
evaluate --grid '[[['
leaderboard --table '\u00b2'
plot . --formats exe
weights path ../../etc/passwd
weights rm --yes '[bold]a[/x]'
weights rm --yes 'a\n\u001b[31mb'
weights rm --yes ../../etc/passwd
compare '\udcff' - --model videos
status . --stages 'pose,\u001b[2J'
--nothing
"""
SURGERY = """name: surgery
stages: [timesteps]
cache: cache/surgery
dataset: {kind: jigsaws, root: JIGSAWS, tasks: [Suturing]}
timesteps: {primary: "kinematics:master", secondary: ["kinematics:slave"], scene: ""}
train: {networks: 1, epochs: 1}
combined: false
model: {width: 4}
work: {workers: 0}
"""
FILES = {
    "photos/a.jpg": "",
    "broken/a.mp4": "no video",
    "scored/scores.csv": "video,score\na.mp4,7.5\nb.mp4,6\n",
    "words/scores.csv": "video,score\na.mp4,seven\n",
    "renamed/scores.csv": "video,mark\nA.mp4,7.5\n",
    "evaluated/results.json": "",
    "demo/model/model.json": "",
    "weights/mine.tflite": "",
    "surgery.yaml": SURGERY,
}
PLAIN = {"markup": False, "emoji": False, "highlight": False, "width": 110}


def lines(text):
    return text.strip().splitlines()


def run(command):
    """Exit code and output of a command line, run in this process, without colours and the frames of boxes."""
    written = io.StringIO()
    with (
        patch.object(sys, "argv", ["aqa", *(json.loads(f'"{word}"') for word in shlex.split(command))]),
        redirect_stdout(written),
        redirect_stderr(written),
        pytest.raises(SystemExit) as ended,
    ):
        cli_main.main()
    text = re.sub(r"[╭╰].*[╮╯]\n", "", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.getvalue()))
    plain = "\n".join(line.strip("│ ") for line in text.splitlines() if line.strip())
    return int(ended.value.code or 0), plain


def state():
    return {str(path) for path in Path().rglob("*") if not path.is_relative_to("cache")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The working folder: videos, tables, a data set with its model and pack."""
    consoles = {name: Console(stderr=name == "stderr", **PLAIN) for name in ("stdout", "stderr")}
    with pytest.MonkeyPatch.context() as given:
        given.chdir(tmp_path_factory.mktemp("mistakes"))
        given.setenv("COLUMNS", str(PLAIN["width"]))
        given.setenv("AIM_WEIGHTS_DIR", "weights")
        given.setattr(terminal, "console", consoles.__getitem__)
        given.setattr(terminal, "LINE_SECONDS", 1e6)
        grey = [np.full((96, 128, 3), 90, np.uint8)] * 12
        for name in ("videos/a", "videos/b", "scored/a", "scored/b", "words/a", "renamed/a"):
            write_video(Path(f"{name}.mp4"), grey, 25)
        for name, text in FILES.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)
        os.mkfifo("pipe")
        make_jigsaws(Path("JIGSAWS"), trials=4, tasks=["Suturing"], rows=30, videos=False)
        assert [run(command)[0] for command in lines(PREPARED)] == [0, 0, 0]
        yield


@pytest.mark.parametrize("command", [*lines(MISTAKES), *lines(HOSTILE)])
def test_a_mistake_is_one_printable_answer_that_says_what_to_type(folder, command, snapshot):
    before = state()
    code, answer = run(command)
    assert (code, answer) == snapshot
    assert "Traceback" not in answer
    assert "".join(answer.split("\n")).isprintable()
    assert re.search(r"-> |[Dd]id you mean|--help' for help|give the --config|[Nn]ame it with", answer), answer
    assert state() == before or code < 2, "nothing is written"
