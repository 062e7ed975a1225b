"""A record that is planned once more: only what cannot be used now runs."""

import pytest

from data.video import Record, find_videos
from pipeline.cache.failure import Failure
from pipeline.run import Planner
from tests.helpers.cached_outputs import output_of
from tests.helpers.extracting import configured, extract, opened

pytestmark = pytest.mark.usefixtures("toy_stages")


@pytest.fixture
def records(make_video, tmp_path):
    return find_videos([make_video(tmp_path / "a.mp4")]).records


def test_a_record_is_planned_again_by_the_outputs_that_are_there_now(records, tmp_path):
    """A configuration wants the stages that its own need too, unless `stages` names those that are wanted."""
    config = configured(tmp_path / "cache")
    assert config.method.stages == ("contrast",)
    assert extract(records, config).ok
    with opened(config) as cache:
        plan = Planner(config, cache, stages=("contrast",), force=True).plan(records[0])
        assert plan.todo == ("contrast",)
        assert plan.again(cache, ["contrast"], done={"contrast": 1.0}).todo == (), "a forced stage runs once"
        output_of(cache.root, "brightness", "a.mp4").unlink()
        assert Planner(config, cache).plan(records[0]).todo == ("brightness",)
        assert Planner(config, cache, stages=("contrast",)).plan(records[0]).todo == ()
        assert plan.again(cache, ["brightness"]).todo == ("brightness", "contrast"), "it was forced"
        assert plan.idle().again(cache, ["brightness"]).todo == ("brightness",)
        output_of(cache.root, "contrast", "a.mp4").unlink()
        assert plan.idle().again(cache, ["contrast"]).todo == ("brightness", "contrast")
        assert plan.keys() == plan.again(cache, ["contrast"]).keys()


def test_what_failed_before_the_run_stays_failed(records, tmp_path):
    config = configured(tmp_path / "cache")
    with opened(config) as cache:
        unfilmed = Planner(config, cache).plan(Record("unfilmed", None))
        assert unfilmed.again(cache, ["contrast"]).faults().keys() == {"brightness", "contrast"}
        assert "brightness" not in unfilmed.again(cache, ["contrast"]).todo
        parts = Planner(config, cache).plan(records[0]).stages[0].parts
        cache.keep_failure(parts, records[0], Failure("crashed", "brightness", "killed by SIGSEGV"))
        for retry_failed in (False, True):
            (plan,) = Planner(config, cache, retry_failed=retry_failed).plan_all(records)
            assert ("brightness" in plan.again(cache, ["contrast"]).todo) == retry_failed
