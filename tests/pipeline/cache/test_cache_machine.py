"""Runs, other settings, replaced videos, kills and deletions in any order: a fresh output is right."""

from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from data.errors import UsageError
from data.video import find_videos
from pipeline import api
from pipeline.run import Planner
from tests.helpers.extracting import configured, opened
from tests.helpers.file_operations import content, restore, watched

STRIDES, FILMS = st.sampled_from([1, 2, 3]), st.sampled_from(range(5))
OPERATIONS = st.sampled_from(range(1, 60))
EVENTS = st.sampled_from(["none", "extract", "prune", "replace", "kill"])


class CacheMachine(RuleBasedStateMachine):
    """Two videos, each of one of five films, and a cache of three settings."""

    films: ClassVar = []
    base: ClassVar = None
    right: ClassVar = {}  # arrays of a run from nothing, by film, setting and stage

    def __init__(self):
        super().__init__()
        self.folder = Path(mkdtemp(dir=self.base))
        self.videos = {}
        for number, name in enumerate(("a.mp4", "sub/b.mp4")):
            self.replace(name, number)

    def config(self, stride, cache="cache"):
        return configured(self.folder / cache, brightness={"stride": stride})

    def fresh(self, stride, cache="cache"):
        """Whether each output is fresh, with its arrays, by video and stage."""
        config, made = self.config(stride, cache), {}
        with opened(config) as here:
            for plan in Planner(config, here).plan_all(find_videos([self.folder / "in"]).records):
                for one in plan.stages:
                    fresh = one.state == "fresh"
                    stored = here.read(one.name, plan.record.id, one.parts.key).output.arrays if fresh else {}
                    made[plan.record.id, one.name] = {name: array.values.tolist() for name, array in stored.items()}
        return made

    def extract(self, stride):
        return api.extract(self.folder / "in", config=self.config(stride))

    def replace(self, video, film):
        place = self.folder / "in" / video
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(self.films[film])
        self.videos[video] = film

    @rule(stride=STRIDES)
    def prune(self, stride):
        before = self.fresh(stride)
        with suppress(UsageError):  # nothing is deleted in a folder that is not a cache yet, or during a run
            api.cache_prune(self.folder / "in", config=self.config(stride), yes=True)
        assert self.fresh(stride) == before

    @rule(stride=STRIDES, film=FILMS, event=EVENTS, number=OPERATIONS, other=STRIDES)
    def extract_while(self, stride, film, event, number, other):
        """Extract after a video was replaced; something happens before operation `number`."""
        self.replace("sub/b.mp4", film)
        numbers, left = count(1), {}

        def meanwhile(*_):
            if next(numbers) == number:
                if event == "kill":
                    left.update(content(self.folder))
                elif event == "extract":
                    assert self.extract(other).ok
                elif event == "prune":
                    self.prune(other)
                elif event == "replace":
                    self.replace("a.mp4", film)

        with watched(self.folder, meanwhile):
            done = self.extract(stride)
        if left:
            restore(self.folder, left)
        elif event != "replace":
            assert done.ok
            assert all(self.fresh(stride).values())

    @invariant()
    def fresh_outputs_are_those_of_a_run_from_nothing(self):
        for stride in (1, 2, 3):
            for (video, stage), arrays in self.fresh(stride).items():
                film = self.videos[video]
                if (film, stride, stage) not in self.right:
                    quiet = mkdtemp(dir=self.base)
                    assert api.extract(self.folder / "in", config=self.config(stride, quiet)).ok
                    for (other, name), made in self.fresh(stride, quiet).items():
                        self.right[self.videos[other], stride, name] = made
                assert arrays in ({}, self.right[film, stride, stage])
        assert not [*self.folder.rglob("*.failed.json")], "no video is at fault"


def test_a_cache_in_any_order_of_events(toy_stages, make_video, tmp_path):
    CacheMachine.base, CacheMachine.right = tmp_path, {}
    CacheMachine.films = [make_video(tmp_path / f"{i}.mp4", frames=3 + i, size=(32, 32)).read_bytes() for i in range(5)]
    run_state_machine_as_test(CacheMachine, settings=settings(max_examples=15, stateful_step_count=10))
