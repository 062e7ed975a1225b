"""Housekeeping of a cache: list its content, verify it, and remove unneeded and old files.

Links are not followed. Only files whose own header says that this program wrote them are ever removed, and folders that
become empty by it; everything else in the folder stays, whatever its name. A cache may be in use meanwhile: outputs
younger than `YOUNG_SECONDS` are never removed for their age.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import CacheError, UsageError, counted, nearest, printable
from data.store import files_below
from data.store.files import TEMPORARY
from pipeline.cache.local_cache import Cache
from pipeline.cache.run_history import FOLDER as RUNS
from pipeline.cache.run_history import RunRecord, is_run_log, read_runs
from pipeline.observer import Steps

OUTPUT, FAILURE = ".h5", ".failed.json"

YOUNG_SECONDS = 3600
"""Younger outputs may belong to a run in progress."""


@dataclass(frozen=True)
class Finding:
    """One file, and why it is damaged or can go."""

    path: Path
    stage: str  # empty for files of no stage
    video: str  # the id, inferred from the file's place
    why: str
    size: int  # bytes

    def row(self) -> dict[str, Any]:
        """As JSON types."""
        path = printable(self.path)
        return {"path": path, "stage": self.stage, "video": self.video, "why": self.why, "bytes": self.size}


def sizes(findings: Sequence[Finding]) -> str:
    """Number and size of the files, such as "3 files, 1.2 MB"."""
    return f"{counted(len(findings), 'file')}, {sum(finding.size for finding in findings) / 1e6:.1f} MB"


def listing(cache: Cache, stage: str = "", *, runs: bool = False) -> tuple[str, list[dict[str, Any]]]:
    """Title and rows for `cache ls`: stages, outputs of one, or runs. Raises UsageError for an unknown stage."""
    if runs:
        return f"runs on {cache.place}", [_run_row(run) for run in read_runs(cache.with_logs())]
    names = cache.stage_names()
    if stage and stage not in names:
        raise UsageError(f"no outputs of a stage '{stage}' in this cache", where=cache.place, fix=nearest(stage, names))
    rows = list(list_outputs(cache, stage)) if stage else list_stages(cache)
    return f"{stage or 'stages'} in {cache.place}, {sum(row['bytes'] for row in rows) / 1e6:.1f} MB", rows


def shown(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The cells of a row as a table shows them: mappings in one line, hashes shortened."""
    cells = []
    for name, value in row.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {item}" for key, item in value.items())
        cells.append("" if value is None else str(value)[:12] if name == "key" else str(value))
    return tuple(cells)


def _run_row(run: RunRecord) -> dict[str, Any]:
    row = {"run": run.run, "who": run.start.get("who"), "host": run.start.get("host"), "state": run.state}
    row |= {"done": run.done, "failed": run.failed, "seconds": run.seconds, "code": run.start.get("code")}
    return row | {"command": " ".join(str(part) for part in run.start.get("command", []))}


def list_stages(cache: Cache) -> list[dict[str, Any]]:
    """Per stage: `outputs`, `failures`, `temporaries`, `bytes`, `oldest` and `newest` (UTC)."""
    rows = []
    for stage in cache.stage_names():
        outputs = failures = temporaries = size = 0
        oldest, newest = float("inf"), 0.0
        for path, length, written in cache.entries(stage):
            size += length
            if path.name.startswith(TEMPORARY):
                temporaries += 1
            elif path.name.endswith(FAILURE):
                failures += 1
            elif path.name.endswith(OUTPUT):
                outputs += 1
                oldest, newest = min(oldest, written), max(newest, written)
        row: dict[str, Any] = {"stage": stage, "outputs": outputs, "failures": failures, "temporaries": temporaries}
        days = (_day(oldest), _day(newest)) if outputs else (None, None)
        rows.append(row | {"bytes": size, "oldest": days[0], "newest": days[1]})
    return rows


def _outputs(cache: Cache, stages: Sequence[str]) -> Iterator[tuple[str, Path, int, float]]:
    """(stage, path, bytes, time of writing) of every output."""
    for stage in stages:
        for path, size, written in cache.entries(stage):
            if path.name.endswith(OUTPUT) and not path.name.startswith(TEMPORARY):
                yield stage, path, size, written


def list_outputs(cache: Cache, stage: str) -> Iterator[dict[str, Any]]:
    """Every output of a stage: `video`, `bytes`, `key`, `version`, `quality`, or `damaged` with the reason."""
    for _, path, size, _ in _outputs(cache, [stage]):
        row: dict[str, Any] = {"video": video_of(cache, stage, path), "bytes": size}
        try:
            header = cache.load_header(path)
            facts = {"key": header["key"], "version": header["stage_version"], "quality": header["quality"]}
            yield row | facts | {"damaged": ""}
        except (CacheError, KeyError, FileNotFoundError) as error:
            yield row | {"key": "", "version": None, "quality": {}, "damaged": _reason(error)}


def verify(cache: Cache, progress: Steps | None = None) -> tuple[int, list[Finding]]:
    """Read every output whole and check every array; (files read, those that are damaged)."""
    outputs = list(_outputs(cache, cache.stage_names()))
    damaged = []
    for done, (stage, path, size, _) in enumerate(outputs, start=1):
        try:
            stored = cache.load(path)
            if stored.header.get("stage") != stage:
                raise CacheError(f"an output of stage '{stored.header.get('stage')}' in the folder of '{stage}'")
        except FileNotFoundError:
            continue  # a run has replaced or removed it meanwhile
        except (CacheError, OSError) as error:
            damaged.append(Finding(path, stage, video_of(cache, stage, path), _reason(error), size))
        if progress is not None:
            progress(done, len(outputs))
    return len(outputs), damaged


def beyond(cache: Cache, most_bytes: int) -> list[Finding]:
    """The outputs written longest ago that must go for the cache to fit in `most_bytes`."""
    outputs = [output for output in _outputs(cache, cache.stage_names()) if cache.is_ours(output[1])]
    excess = sum(size for _, _, size, _ in outputs) - most_bytes
    findings = []
    for stage, path, size, written in sorted(outputs, key=lambda output: (output[3], output[1])):
        if excess <= 0 or time.time() - written < YOUNG_SECONDS:
            break
        excess -= size
        why = f"written {_day(written)}, the oldest go first"
        findings.append(Finding(path, stage, video_of(cache, stage, path), why, size))
    return findings


def old_logs(cache: Cache, days: float) -> list[Finding]:
    """Logs of runs that ended more than `days` ago."""
    limit = time.time() - days * 86400
    return [
        Finding(path, "", "", f"log older than {days:g} days", status.st_size)
        for path, status in files_below(cache.with_logs() / RUNS)
        if path.suffix == ".jsonl" and status.st_mtime < limit and is_run_log(path)
    ]


def remove(cache: Cache, findings: Sequence[Finding]) -> int:
    """Delete the files of `findings` and folders that become empty; returns the bytes freed."""
    freed = 0
    for finding in findings:
        with suppress(FileNotFoundError):
            cache.delete(finding.path)
            freed += finding.size
    return freed


def tidy(cache: Cache, yes: bool = True) -> dict[str, int]:
    """Remove, or only count, temporaries of dead processes and index entries of vanished files."""
    return {"temporaries": cache.sweep(remove=yes), "index_entries": cache.index.forget_missing(yes)}


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def video_of(cache: Cache, stage: str, path: Path) -> str:
    """The id of an output's video, inferred from its place, safe to print."""
    name = path.relative_to(cache.root / stage).as_posix()
    return printable(name.removesuffix(FAILURE).removesuffix(OUTPUT))


def _reason(error: BaseException) -> str:
    return error.what if isinstance(error, CacheError) else f"{type(error).__name__}: {error}"
