"""In `extract`, `label` and `train` each operation on files fails, once or from then on; kills and power cuts follow.

No finished work is lost, no wrong file is taken for a good one, and the next run ends as one that nothing disturbed.
"""

from inspect import signature
from itertools import count

import pytest

from data.datasets.rater_answers import RATINGS, read_answers
from data.errors import AimError
from data.store import hdf5
from pipeline import api
from pipeline.label import find_session
from pipeline.label.label_app import create_label_app
from pipeline.pack.pack_file import write_pack
from pipeline.score import TrainedModel
from pipeline.score.model_files import model_sha256
from tests.helpers.extracting import configured
from tests.helpers.file_operations import content, crashes, failing, restore
from tests.helpers.made_features import made_features

testclient = pytest.importorskip("fastapi.testclient")

SMALL = {"train.networks": 1, "train.epochs": 1, "model.width": 8, "model.regression_width": 8, "combined": False}


class Extract:
    """Two videos, of which the first has its outputs; those of the other need new folders."""

    renamed = 0

    def prepare(self, folder, make_video, toy_stages):
        for number, name in enumerate(("0", "new/1")):
            make_video(folder / f"in/{name}.mp4", frames=3 + number, size=(32, 32))
        api.extract(folder / "in/0.mp4", config=configured(folder / "cache"))

    def run(self, folder, finished):
        summary = api.extract(folder / "in", config=configured(folder / "cache"))
        finished |= {(stage, result.record.id) for result in summary.results for stage in result.done}

    def found(self, folder):
        """Arrays of every output by stage and video."""
        assert not [*folder.rglob("*.failed.json")], "no video is at fault"
        outputs = [hdf5.read(path) for path in folder.rglob("*.h5")]
        return {
            (stored.header["stage"], stored.header["video"]): {
                name: array.values.tolist() for name, array in stored.output.arrays.items()
            }
            for stored in outputs
        }


class Label:
    """A rater scores two videos."""

    renamed = 0

    def prepare(self, folder, make_video):
        for number in range(2):
            make_video(folder / f"{number}.avi", frames=3 + number, size=(32, 32))

    def run(self, folder, finished):
        app = create_label_app(find_session(folder)[0], token="t")
        with testclient.TestClient(app, base_url="http://127.0.0.1", cookies={"aim-serve-80": "t"}) as page:
            shown = page.get("/api/question", params={"rater": "anna"}).json()
            while shown.get("question"):
                contents = [one["content"] for one in shown["question"]]
                assert frozenset(contents) not in self.found(folder), "a confirmed answer is not asked for again"
                body = {"rater": "anna", "contents": contents, "answer": "scored", "scores": {"score": 5.0}}
                answered = page.post("/api/answers", json=body, headers={"x-aim-serve": "1"})
                finished |= {frozenset(contents)} if answered.status_code == 200 else set()
                shown = answered.json()

    def found(self, folder):
        """The rater's scores by video."""
        answers, _ = read_answers(folder / RATINGS / "anna.csv")
        return {question: answer.scores for question, answer in answers.items()}


class Train:
    """A model takes the place of an earlier one, which is gone while its four files are renamed."""

    renamed = 6  # and while the folder before is synced, which may fail

    def prepare(self, folder):
        write_pack(folder / "made.h5", made_features(24, steps=3, channels=2, scene=2))
        self._train(folder, 1)

    def _train(self, folder, seed):
        api.train(pack=folder / "made.h5", out=folder / "out", folds=2, overrides={**SMALL, "train.seed": seed})

    def run(self, folder, finished):
        self._train(folder, 2)
        finished.add("model")

    def found(self, folder):
        """The digest of the model."""
        if not (folder / "out/model.json").exists():
            return {}
        TrainedModel.load(folder / "out")
        return {"model": model_sha256(folder / "out")}


@pytest.fixture(params=[Extract, Label, Train])
def case(request, tmp_path):
    case, case.folder = request.param(), tmp_path / "here"
    case.folder.mkdir()
    names = list(signature(case.prepare).parameters)[1:]
    case.prepare(case.folder, *map(request.getfixturevalue, names))
    case.before, case.first = content(case.folder), case.found(case.folder)
    case.run(case.folder, set())
    case.quiet, case.lost = case.found(case.folder), 0
    restore(case.folder, case.before)
    return case


def check(case, finished):
    """Check what is left, then what the next run makes of it."""
    found = case.found(case.folder)
    assert finished <= found.keys()
    case.lost += not case.first.keys() <= found.keys()
    assert case.lost <= case.renamed
    for name, value in found.items():
        assert value == case.quiet[name] or (value == case.first.get(name) and name not in finished)
    case.run(case.folder, set())
    assert case.found(case.folder) == case.quiet
    restore(case.folder, case.before)


@pytest.mark.parametrize("lasting", [False, True])
def test_every_operation_fails_once(case, lasting):
    for number in count(1, 3 if lasting else 1):
        finished = set()
        with failing(case.folder, number, lasting) as failed:
            try:
                case.run(case.folder, finished)
            except (AimError, OSError):  # which the command line shows in one line
                assert failed
        if not failed:
            break
        check(case, finished)
    assert number > 10


def test_kills_and_power_cuts(case):
    finished = set()
    for files, done in crashes(case.folder, lambda: case.run(case.folder, finished), finished):
        restore(case.folder, files)
        check(case, done)
