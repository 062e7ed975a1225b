"""The card beside packed features: numbers of the data, and metadata that a hub reads."""

from pathlib import Path

import pytest
import yaml

from data.video import Labels, Record
from pipeline.pack.data_card import card_place, write_data_card
from pipeline.settings.config import validate
from tests.helpers.approved import steady


def test_the_card_has_the_numbers_of_the_data_and_what_a_hub_reads(tmp_path, snapshot):
    """Of two labelled performances and one without a label, in a folder of somebody, who is not in it."""
    records = [
        Record("a.mp4", Path("/home/somebody/a.mp4"), task="vault", labels=Labels(7.5, difficulty=2.0)),
        Record("b.mp4", Path("/home/somebody/b.mp4"), task="vault", labels=Labels(8.5)),
        Record("c.mp4", Path("/home/somebody/c.mp4")),
    ]
    config = validate({"name": "gym", "dataset": {"root": "/home/somebody"}, "cache": "/home/somebody/cache"})
    place = card_place(tmp_path / "gym.csv", per_video=False)
    write_data_card(place, config, records, ("clips", "timesteps"))
    assert (place.name, card_place(tmp_path / "rows", per_video=True)) == ("gym.card.md", tmp_path / "rows" / "card.md")
    card = place.read_text("utf-8")
    assert steady(card) == snapshot
    assert "somebody" not in card
    hub = pytest.importorskip("huggingface_hub")
    assert yaml.safe_load(card.split("---")[1]) == hub.DatasetCard(card).data.to_dict()
