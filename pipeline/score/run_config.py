"""The method of a run folder, and the configuration that scores with it.

A run stores its method alone. So a run folder, whoever made it, names no cache to write to, no device, no file of a
network, no store to send credentials to, and no Python file to execute: these are settings of the machine, which are
the user's own or the defaults. The names of networks in a method are those of published ones.

    RUN/config.json     the method, for people and for scoring
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.store import parse_json, read_regular, write_text
from data.store.files import MAX_JSON_BYTES
from pipeline.score.model_files import SETTINGS, TRAIN_AGAIN, no_run_fix
from pipeline.score.setting_differences import differences_text, setting_differences
from pipeline.settings.config import Config, beside_model, read_method, validate
from pipeline.settings.method import OF_VIDEOS, Method
from pipeline.settings.stages import STAGES
from pipeline.settings.yaml_values import put

CONFIG_FILE = "config.json"


def save_method(method: Method, folder: Path) -> None:
    """Write the method of a run into its folder."""
    write_text(folder / CONFIG_FILE, json.dumps(method.dump(), indent=1, sort_keys=True) + "\n")


def stored_method(folder: Path) -> Method:
    """The method of a run. Raises DataError if its file is missing or damaged, UsageError for unknown settings."""
    path = folder / CONFIG_FILE
    try:
        values = parse_json(read_regular(path, MAX_JSON_BYTES))
        if not isinstance(values, dict):
            raise ValueError("no mapping")
    except FileNotFoundError:
        if (folder / SETTINGS).exists():
            fix = "Copy the whole folder again, or train again"
            raise DataError(f"this model lacks its file {CONFIG_FILE}", where=folder, fix=fix) from None
        raise DataError("no trained model here", where=folder, fix=no_run_fix(folder)) from None
    except (OSError, ValueError) as error:
        raise DataError(f"not a readable configuration ({error})", where=path, fix=TRAIN_AGAIN) from None
    return read_method(values, path)


def unused_settings(run: Method, given: Method) -> list[str]:
    """A line that names settings of a user's method in whose place the run's own count; none for that of no user."""
    theirs, here = _of_stages(run), _of_stages(given)
    if here == _of_stages(beside_model().method):
        return []
    shared = [name for name in run.stages if name in given.stages]
    theirs, here = ({name: one[name] for name in shared} for one in (theirs, here))
    if not (differing := setting_differences(theirs, here)):
        return []
    return [f"note: the model keeps its settings: {differences_text(differing, 'the model')}"]


def _of_stages(method: Method) -> dict[str, Any]:
    """The settings of the stages, without what says something about the videos."""
    made = {name: method.stage(name).result_settings() for name in STAGES}
    for section, name in (key.split(".") for key in OF_VIDEOS):
        made.get(section, {}).pop(name, None)
    return made


def scoring_config(folder: Path, user: Config) -> Config:
    """The configuration that a run scores with: its method on the user's machine, with the user's data set.

    Args:
        user: gives the machine, the data set, and what it says about the videos (`OF_VIDEOS`).

    Raises as `stored_method`, and UsageError where the user's files do not fit the method.
    """
    values, given = Config(stored_method(folder), user.machine, user.dataset).dump(), user.method.dump()
    for key in OF_VIDEOS:
        section, name = key.split(".")
        if value := given.get(section, {}).get(name):
            put(values, key, value)
    return validate(values)
