"""Features for other programs: the arrays of a stage as HDF5, NumPy, CSV or Parquet, with a data dictionary.

Rows follow the stage's clock (steps, clips, frames), one video after another. CSV and Parquet are one table: the
video's name and labels, and a column per number, such as `logits.0` or `primary.place.x.mean`. NPZ and HDF5 keep the
arrays: those with the clock are joined along it, and `video` says for each row which entry of `id` it belongs to.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.datasets.tables import spreadsheet_text
from data.errors import PROGRAM, DataError, UsageError, nearest, of_extra, printable
from data.store import Array, StageOutput, write_text
from data.store import hdf5 as store
from data.store.atomic_writes import atomic_path
from data.video import LABELS, Labels, Record
from pipeline.cache import Cache
from pipeline.cache.failure import Failure
from pipeline.cache.output_cache import safe_id
from pipeline.observer import NotesAlone, Observer
from pipeline.run import Planner, run
from pipeline.settings.config import Config
from pipeline.settings.environment import software
from pipeline.settings.stages import stage_class

Column = tuple[str, NDArray[Any]]

Group = list[tuple[Record, StageOutput]]
"""The performances of one file, each with its output."""


@dataclass(frozen=True)
class Packed:
    """What `pack` wrote."""

    path: Path  # the file, or the folder of one file a video
    records: Sequence[Record] = field(repr=False)
    files: int  # files of features, without the data dictionary
    size: int  # their bytes

    @property
    def performances(self) -> int:
        """Number of performances."""
        return len(self.records)


def chosen_format(name: str, out: Path | None) -> str:
    """The format by its name, else by the ending of `out`, else h5. Raises UsageError for an unavailable format."""
    chosen = name or (out.suffix.lstrip(".").lower() if out is not None else "") or "h5"
    if chosen not in FORMATS:
        raise UsageError(f"unknown format '{printable(chosen)}'", fix=nearest(chosen, FORMATS))
    if chosen == "parquet":
        with of_extra("parquet", "parquet", instead=", or add --format csv"):
            import pyarrow  # noqa: F401
    return chosen


def stage_outputs(
    records: Sequence[Record], config: Config, cache: Cache, stage: str, observer: Observer
) -> Iterator[tuple[Record, StageOutput]]:
    """The fresh outputs of a stage, one video at a time; outputs that are extracted again come last.

    The observer gets a line about each video without an output.
    """
    stored = (plan.idle() for plan in Planner(config, cache, stages=(stage,)).plan_all(records))
    for result, outputs in run(stored, config.machine, cache, NotesAlone(observer), read=(stage,)):
        if isinstance(outputs, Failure):
            observer.note(f"left out: {result.record.name}: {outputs}")
        else:
            yield result.record, outputs[stage]


def write_features(
    out: Path,
    form: str,
    stage: str,
    outputs: Iterator[tuple[Record, StageOutput]],
    records: Sequence[Record],
    *,
    per_video: bool,
) -> Packed:
    """Write the outputs of a stage in the order of `records` and, beside them, `<name>.dictionary.json`.

    With `per_video` each video has a file, and one video at a time is in memory. Raises DataError without outputs, or
    if two do not fit in one table.
    """
    order = {record.id: number for number, record in enumerate(records)}
    dictionary = out / f"{stage}.dictionary.json" if per_video else out.with_name(f"{out.stem}.dictionary.json")
    if per_video:
        groups: Iterator[tuple[Path, Group]] = (
            (out / f"{safe_id(output[0].id)}.{form}", [output]) for output in outputs
        )
    else:
        groups = iter([(out, sorted(outputs, key=lambda entry: order[entry[0].id]))])
    written, size, files = list[Record](), 0, 0
    for path, group in groups:
        if group:
            path.parent.mkdir(parents=True, exist_ok=True)
            columns = FORMATS[form](path, stage, group)
            if not written:
                write_text(dictionary, _dictionary(stage, form, group[0][1], columns))
            written += [record for record, _ in group]
            size, files = size + path.stat().st_size, files + 1
    if not written:
        fix = f"Type: {PROGRAM} extract --stages {stage}, with the same --config, --set, --features and --cache"
        raise DataError(f"no performance has a fresh output of {stage}", fix=fix)
    return Packed(out, sorted(written, key=lambda record: order[record.id]), files, size)


def _write_hdf5(path: Path, stage: str, group: Group) -> list[str]:
    arrays = _joined(stage, group)
    records = [{"id": printable(record.id), "labels": _labels(record), "task": record.task} for record, _ in group]
    header = {"stage": f"features of {stage}", "stage_version": 1, "records": records, "software": software()}
    store.write(path, header, StageOutput(arrays))
    return list(arrays)


def _write_npz(path: Path, stage: str, group: Group) -> list[str]:
    arrays = _joined(stage, group)
    plain: dict[str, Any] = {name: array.values for name, array in arrays.items()}
    plain |= {f"{name}_names": np.array(array.names) for name, array in arrays.items() if array.names}
    plain["id"] = np.array([printable(record.id) for record, _ in group])
    plain["task"] = np.array([record.task for record, _ in group])
    plain |= {name: np.array([_labels(record)[name] for record, _ in group], float) for name in LABELS}
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **plain)
    return list(plain)


def _labels(record: Record) -> dict[str, float | None]:
    return asdict(record.labels or Labels())


def _clocked(stage: str, output: StageOutput) -> Mapping[str, Array]:
    """The arrays whose first axis is the stage's clock."""
    clock = stage_class(stage).clock
    return {name: array for name, array in output.arrays.items() if array.dims[:1] == (clock,)}


def _fixed(group: Group, stage: str) -> list[str]:
    """Names of arrays without the clock that have the same shape in all videos; excludes lists, such as of cuts."""
    outputs = [output.arrays for _, output in group]
    other = [name for name in outputs[0] if name not in _clocked(stage, group[0][1])]
    specs = stage_class(stage).arrays
    lists = {"cut", "track"}
    return [
        name
        for name in other
        if not lists & set(specs[name].dims)
        and len({arrays[name].values.shape for arrays in outputs if name in arrays}) == 1
    ]


def _joined(stage: str, group: Group) -> dict[str, Array]:
    """Arrays of all videos, joined along the clock, or stacked if they have none."""
    first, clock = group[0][1].arrays, stage_class(stage).clock
    made: dict[str, Array] = {}
    lengths: list[int] = []
    for name, array in _clocked(stage, group[0][1]).items():
        parts = [_same(record, output, name, array) for record, output in group]
        lengths = lengths or [len(part) for part in parts]
        made[name] = Array(np.concatenate(parts), array.dims, array.unit, array.about, array.names)
    rows = np.repeat(np.arange(len(group), dtype=np.int32), lengths)
    made["video"] = Array(rows, (clock,), "1", "which video the row belongs to, in the order of the ids")
    for name in _fixed(group, stage):
        array = first[name]
        values = np.stack([output.arrays[name].values for _, output in group])
        made[name] = Array(values, ("performance", *array.dims), array.unit, array.about, array.names)
    return made


def _same(record: Record, output: StageOutput, name: str, first: Array) -> NDArray[Any]:
    array = output.arrays.get(name)
    if array is None or array.values.shape[1:] != first.values.shape[1:] or array.names != first.names:
        raise DataError(f"'{name}' has another shape or other channels", where=record.name, fix="Add --per-video")
    return array.values


def _table(stage: str, group: Group) -> list[Column]:
    """The columns of the table; values without the clock are repeated in every row of their video."""
    arrays = _joined(stage, group)
    rows, clock = arrays.pop("video").values, stage_class(stage).clock
    ids, labels = [printable(record.id) for record, _ in group], [_labels(record) for record, _ in group]
    starts = np.searchsorted(rows, rows, side="left")
    columns: list[Column] = [("video", np.array(ids, dtype=object)[rows]), (clock, np.arange(len(rows)) - starts)]
    columns.append(("task", np.array([record.task for record, _ in group], dtype=object)[rows]))
    columns += [(name, np.array([label[name] for label in labels], dtype=float)[rows]) for name in LABELS]
    for name, array in arrays.items():
        values = array.values if array.dims[:1] == (clock,) else array.values[rows]
        columns += [(".".join([name, *label]), column) for label, column in _split(array, values)]
    return columns


def _split(array: Array, values: NDArray[Any]) -> Iterator[tuple[list[str], NDArray[Any]]]:
    """Label and (row,) values of every column of an array whose first axis are the rows."""
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    for number, indices in enumerate(np.ndindex(*values.shape[1:])):
        label = [str(index) for index in indices]
        if label and array.names:
            label[-1] = array.names[indices[-1]]
        yield label, flat[:, number]


def _write_csv(path: Path, stage: str, group: Group) -> list[str]:
    names, values = zip(*_table(stage, group), strict=True)
    cells = [_cells(column) for column in values]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(zip(*cells, strict=True))
    return list(names)


def _cells(values: NDArray[Any]) -> list[str]:
    """Cells of a column: numbers with all digits, empty if missing, and text that is safe from spreadsheet formulas."""
    if values.dtype.kind == "f":
        digits = 9 if values.dtype.itemsize == 4 else 17
        return ["" if number != number else f"{number:.{digits}g}" for number in values.tolist()]
    if values.dtype.kind in "iub":
        return [str(int(number)) for number in values.tolist()]
    return list(map(spreadsheet_text, values.tolist()))


def _write_parquet(path: Path, stage: str, group: Group) -> list[str]:
    import pyarrow
    from pyarrow import parquet

    names, values = zip(*_table(stage, group), strict=True)
    table = pyarrow.table([pyarrow.array(column) for column in values], names=names)
    with atomic_path(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd")
    return list(names)


FORMATS: Mapping[str, Callable[[Path, str, Group], list[str]]] = {
    "h5": _write_hdf5,
    "npz": _write_npz,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
"""Formats by the ending of their files: each writes one file of a stage's outputs and returns its columns or arrays."""


def _dictionary(stage: str, form: str, output: StageOutput, columns: Sequence[str]) -> str:
    """The data dictionary as JSON: unit, meaning and columns of each array."""
    kind = stage_class(stage)
    arrays = {}
    for name, array in output.arrays.items():
        made = [column for column in columns if column == name or column.startswith(f"{name}.")]
        unit, about = array.unit, array.about or kind.arrays[name].about
        arrays[name] = {"dims": array.dims, "unit": unit, "meaning": about, "names": array.names, "columns": made}
    clock = f"one row per {kind.clock}; `time` or `bounds` are seconds from the first frame of the video"
    text = {"stage": stage, "version": kind.version, "format": form, "clock": clock, "arrays": arrays}
    return json.dumps(text, indent=1, ensure_ascii=False) + "\n"
