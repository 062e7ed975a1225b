"""Local copies of what a plan reads from a store."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from data.errors import Cancelled, StorageError, printable
from data.store import fetched
from pipeline.extract.plan import Plan
from pipeline.stages import stage_class


@dataclass(frozen=True)
class Local:
    """A plan that reads local files only."""

    plan: Plan  # without the stages whose input is not available
    contents: Mapping[str, str] | None = None  # fingerprints of the copies by kind; None where nothing was copied
    origins: Mapping[str, str] = field(default_factory=dict)  # address of each copy by its path, for messages
    failed: Mapping[str, str] = field(default_factory=dict)  # why stages cannot run
    cancelled: bool = False  # the user asked to stop while an input was copied


@contextmanager
def local_copies(plan: Plan, stop: threading.Event) -> Iterator[Local]:
    """Copy the objects that the plan's stages read, until the block ends. Plans of local files are unchanged.

    The fingerprint is computed from the same bytes that are decoded, so that a change of the object is noticed.
    """
    reads = {name: set(stage_class(name).reads) for name in plan.todo}
    wanted = {kind: file for kind, file in plan.record.remote.items() if any(kind in kinds for kinds in reads.values())}
    with ExitStack() as stack:
        try:
            copies = stack.enter_context(fetched(wanted, stop)) if wanted else {}
        except StorageError as error:
            failed = {name: str(error) for name in plan.todo if reads[name] & set(wanted)}
            left = tuple(name for name in plan.todo if name not in failed)
            yield Local(replace(plan, todo=left), {}, failed=failed)
            return
        except Cancelled:
            yield Local(replace(plan, todo=()), {}, cancelled=True)
            return
        if not plan.record.remote:
            yield Local(plan)
            return
        paths = {kind: path for kind, (path, _) in copies.items()}
        record = replace(
            plan.record, path=paths.pop("video", None), sidecars={**plan.record.sidecars, **paths}, remote={}
        )
        contents = {kind: content for kind, (_, content) in copies.items()}
        origins = {printable(path): wanted[kind].url for kind, (path, _) in copies.items()}
        yield Local(replace(plan, record=record), contents, origins)
