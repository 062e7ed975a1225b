"""`cache ls`, `cache verify`, `cache prune`, `cache gc` and `cache rm`."""

from __future__ import annotations

from pipeline import api
from pipeline.cli.command import command
from pipeline.cli.terminal import finish, print_json, show_files, table


@command(api.cache_ls, "cache ls -c folder --stage pose")
def cache_ls(listing: api.CacheListing, as_json: bool) -> None:
    """Print one row per stage, output or run."""
    if as_json:
        print_json(listing.rows)
        return
    from pipeline.cache.housekeeping import shown

    columns = list(listing.rows[0]) if listing.rows else ["nothing here"]
    table(listing.title, columns, [shown(row) for row in listing.rows])


@command(api.cache_verify, "cache verify -c folder")
def cache_verify(damaged: api.CacheFiles, as_json: bool) -> None:
    """Print the damaged files."""
    show_files(damaged, as_json)
    finish(not damaged.files)


@command(api.cache_rm, "cache rm -c folder")
def cache_rm(removed: api.CacheFiles, as_json: bool) -> None:
    """Print the files, deleted or not."""
    show_files(removed, as_json, most=20)


cache_prune = command(api.cache_prune, "cache prune videos/ -c folder --yes")(show_files)
cache_gc = command(api.cache_gc, "cache gc -c folder --max-gb 50 --yes")(show_files)
