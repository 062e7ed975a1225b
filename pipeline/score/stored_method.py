"""The method of a model folder, and the configuration that scores with it.

A model stores its method and what describes its videos. So no model, whoever made it, names a cache to write to, a
device, a file of a network, a store to send credentials to, or a Python file to execute: these are settings of the
machine, which are the user's own or the defaults. The names of networks in a method are those of published ones.

    MODEL/config.json     both, for people and for scoring
"""

from __future__ import annotations

import json
from pathlib import Path

from data.errors import DataError
from data.store import parse_json, read_regular, write_text
from data.store.files import MAX_JSON_BYTES
from extractors.base import HASHED, METHOD
from pipeline.score.model_files import DESCRIPTION, TRAIN_AGAIN, no_model_fix
from pipeline.score.setting_differences import differences_text, setting_differences
from pipeline.settings.config import Config, of_owners, read_recorded
from pipeline.settings.method import Method
from pipeline.settings.stages import merged_settings

CONFIG_FILE = "config.json"


def save_settings(config: Config, folder: Path) -> None:
    """Write the method of a model, and what describes its videos, into its folder."""
    write_text(folder / CONFIG_FILE, json.dumps(config.recorded(), indent=1, sort_keys=True) + "\n")


def scoring_config(folder: Path, user: Config) -> Config:
    """The configuration that a model scores with: its method on the user's machine, with the user's data set.

    Args:
        user: gives the machine, the data set, and what it says about its videos. Of a section that it names, such as
            that of the person to follow, nothing of the model counts.

    Raises DataError: the model's file is missing or damaged; UsageError: unknown settings, and user's files that do not
    fit the method, or lack its own weights.
    """
    path = folder / CONFIG_FILE
    try:
        values = parse_json(read_regular(path, MAX_JSON_BYTES))
        if not isinstance(values, dict):
            raise ValueError("no mapping")
    except FileNotFoundError:
        if (folder / DESCRIPTION).exists():
            fix = "Copy the whole folder again, or train again"
            raise DataError(f"this model lacks its file {CONFIG_FILE}", where=folder, fix=fix) from None
        raise DataError("no trained model here", where=folder, fix=no_model_fix(folder)) from None
    except (OSError, ValueError) as error:
        raise DataError(f"not a readable configuration ({error})", where=path, fix=TRAIN_AGAIN) from None
    return read_recorded(values, path, user)


def unused_settings(model: Method, user: Method) -> list[str]:
    """A line that names what a user gave of a method and the model has otherwise, since the model's counts."""
    own, user_settings = model.dump(), of_owners(user.given(), METHOD, HASHED) | {"name": model.name}
    if not (differing := setting_differences(own, merged_settings(own, user_settings))):
        return []
    return [f"note: the model keeps its settings: {differences_text(differing, 'the model')}"]
