"""The method of a model folder, and the configuration that scores with it.

A model stores its method and the description of its videos, but no settings of the machine. So a model from a stranger
cannot name a cache to write to, a device, a network's file, a store that gets credentials, or a Python file to execute.
Settings of the machine are the user's or the defaults. Networks in a method are named as published.

    MODEL/config.json     method and description, for people and for scoring
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
    """Write the method of a model and the description of its videos into its folder."""
    write_text(folder / CONFIG_FILE, json.dumps(config.recorded(), indent=1, sort_keys=True) + "\n")


def scoring_config(folder: Path, user: Config) -> Config:
    """The configuration for scoring: the model's method with the user's machine and data set.

    Args:
        user: has the machine, the data set and the description of its videos. A section that it sets, such as that of
            the person to follow, replaces the model's.

    Raises DataError if the model's file is missing or damaged. Raises UsageError for unknown settings, and for user's
    files that do not fit the method or lack its weights.
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
    """A line on the user's method settings that the model's override."""
    own, user_settings = model.dump(), of_owners(user.given(), METHOD, HASHED) | {"name": model.name}
    if not (differing := setting_differences(own, merged_settings(own, user_settings))):
        return []
    return [f"note: the model keeps its settings: {differences_text(differing, 'the model')}"]
