"""The commands of the group `cache`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from data.errors import counted, printable
from pipeline import api
from pipeline.cli.command import NEW_VIDEOS, Command, Line, Typed, plain
from pipeline.cli.terminal import say, table

MOST_FILES = 1000
"""Most files of a cache that are listed; the rest is only counted."""


def show_listing(listing: api.CacheListing, _: Typed) -> None:
    """Print one row per stage or output."""
    from pipeline.cache.housekeeping import table_cells

    columns = list(vars(listing.rows[0])) if listing.rows else ["nothing here"]
    table(listing.title, columns, [table_cells(row) for row in listing.rows])


def show_files(listed: api.CacheFiles, _: Typed) -> None:
    """Print files of a cache, each with the reason, and the summary."""
    if listed.files:
        rows = [(f.stage, f.video or f.path, f.why, f.size) for f in listed.files[:MOST_FILES]]
        table("", ("stage", "video", "why", "bytes"), rows)
    if (more := len(listed.files) - MOST_FILES) > 0:
        say(f"and {counted(more, 'more file')}")
    say(listed.summary)


def document(listed: api.CacheFiles, _: Typed) -> dict[str, Any]:
    """Files of a cache, each with the reason, and the summary."""
    files = [
        {"path": printable(file.path), "stage": file.stage, "video": file.video, "why": file.why, "bytes": file.size}
        for file in listed.files
    ]
    return {"summary": listed.summary, "files": files}


def after_verify(damaged: api.CacheFiles, typed: Typed) -> Line:
    """Make damaged outputs again."""
    again = ("make them again", "extract", NEW_VIDEOS) if damaged.files else ("see what it holds", "cache", "ls")
    return (*again, *typed.settings)


def deleting(call: Callable[..., api.CacheFiles], example: str, *then: str) -> Command:
    """A command that deletes; the next command repeats it with --yes if that was missing, else is `then`."""

    def following(files: api.CacheFiles, typed: Typed) -> Line:
        return ("delete them", *typed.with_option("--yes")) if files.unconfirmed else (*then, *typed.settings)

    return Command(call, example, following, show_files, document)


LS = Command(
    api.cache_ls, "cache ls -c folder --stage pose",
    lambda _, typed: ("check every file", "cache", "verify", *typed.settings),
    show_listing, lambda listing, typed: plain(listing, typed)["rows"],
)  # fmt: skip
VERIFY = Command(
    api.cache_verify, "cache verify -c folder", after_verify, show_files, document, lambda damaged: not damaged.files
)
WHAT_IS_LEFT = ("see what is left", "cache", "ls")
PRUNE = deleting(api.cache_prune, "cache prune videos/ -c folder --yes", *WHAT_IS_LEFT)
GC = deleting(api.cache_gc, "cache gc -c folder --max-gb 50 --yes", *WHAT_IS_LEFT)
RM = deleting(api.cache_rm, "cache rm -c folder", "make features again", "extract", NEW_VIDEOS)
