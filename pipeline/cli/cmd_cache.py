"""`cache ls`, `cache verify`, `cache prune` and `cache gc`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import finish, print_json, show_files, table

if TYPE_CHECKING:
    from pipeline.cache import CacheFiles, CacheListing


@command(api.cache_ls, "cache ls -c folder --stage pose")
def cache_ls(found: CacheListing, as_json: bool) -> None:
    """Print one row per stage, output or run."""
    if as_json:
        print_json(found.rows)
        return
    from pipeline.cache.housekeeping import shown

    columns = list(found.rows[0]) if found.rows else ["nothing here"]
    table(found.title, columns, [shown(row) for row in found.rows])


@command(api.cache_verify, "cache verify -c folder")
def cache_verify(found: CacheFiles, as_json: bool) -> None:
    """Print the damaged files."""
    show_files(found, as_json)
    finish(not found.files)


@command(api.cache_prune, "cache prune videos/ -c folder --yes")
def cache_prune(found: CacheFiles, as_json: bool) -> None:
    """Print the files, deleted or not."""
    show_files(found, as_json)


@command(api.cache_gc, "cache gc -c folder --max-gb 50 --yes")
def cache_gc(found: CacheFiles, as_json: bool) -> None:
    """Print the files, deleted or not."""
    show_files(found, as_json)
