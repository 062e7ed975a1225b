"""The card beside packed features: numbers of the data, and metadata that a hub reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from data.video import Labels, Record
from extractors.timesteps.stage import Timesteps
from pipeline.pack.data_card import card_place, write_data_card
from pipeline.settings.config import validate


@pytest.fixture
def card(tmp_path: Path) -> str:
    """The card of two labelled performances and one without a label, in a folder of somebody."""
    records = [
        Record("a.mp4", Path("/home/somebody/a.mp4"), task="vault", labels=Labels(7.5, difficulty=2.0)),
        Record("b.mp4", Path("/home/somebody/b.mp4"), task="vault", labels=Labels(8.5)),
        Record("c.mp4", Path("/home/somebody/c.mp4")),
    ]
    config = validate({"name": "gym", "dataset": {"root": "/home/somebody"}, "cache": "/home/somebody/cache"})
    place = card_place(tmp_path / "gym.csv", per_video=False)
    write_data_card(place, config, records, ("clips", "timesteps"))
    assert place.name == "gym.card.md"
    return place.read_text("utf-8")


def test_the_numbers_are_those_of_the_data(card: str) -> None:
    assert "- 3 performances of a data set of kind `folder`" in card
    assert "- tasks: none 1, vault 2" in card
    assert "- score: 2 labels, 7.500 to 8.500, mean 8.000" in card
    assert "- difficulty: 1 labels, 2.000 to 2.000" in card
    assert "execution:" not in card
    assert f"stage `timesteps`, version {Timesteps.version}: " in card
    assert "steps 10" in card
    assert "somebody" not in card


def test_the_metadata_is_what_a_hub_reads(card: str) -> None:
    hub = pytest.importorskip("huggingface_hub")
    facts = hub.DatasetCard(card).data.to_dict()
    assert facts["size_categories"] == ["n<1K"]
    assert facts["task_categories"] == ["video-classification"]
    assert yaml.safe_load(card.split("---")[1]) == facts


def test_the_card_of_a_folder_is_in_it(tmp_path: Path) -> None:
    assert card_place(tmp_path / "rows", per_video=True) == tmp_path / "rows" / "card.md"
