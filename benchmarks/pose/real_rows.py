"""Every setting of the stage on the clips of real people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.pose.box import SharedForwards, run_stage
from benchmarks.pose.cases import CASES, SPLITS
from benchmarks.pose.labels import GROUPS, read_labels, residual_rows
from benchmarks.pose.measure import COLUMNS, mean_row, measure
from benchmarks.pose.real import read_clip


def run_case(folder: Path, name: str, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Measurements of one case under every setting of the stage, which share the network's forwards."""
    import cv2

    cv2.setNumThreads(1)
    clip, case, shared = read_clip(folder, CASES[name]), CASES[name], SharedForwards()
    rows = {}
    for row, chosen in settings.items():
        keypoints, spent, forwards = run_stage(clip.images, clip.times, {"agents": case.agents, **chosen}, shared)
        rows[row] = measure(keypoints, clip.truth, clip.visible) | {"ms": spent, "forwards": forwards}
    return rows


def run_all(
    folder: Path, settings: Mapping[str, Mapping[str, Any]], names: Sequence[str], pool: ProcessPoolExecutor
) -> dict[str, Any]:
    """Residuals of the labels (`labels`), and of every setting the measurements of all cases and their means (`real`).

    Args:
        folder: where labels and clips are kept.
        settings: of the stage, by name of the row.
        names: of `CASES`.
        pool: runs one case at a time, under all settings.
    """
    make_all(folder, names, pool)
    jobs = {case: pool.submit(run_case, folder, case, settings) for case in names}
    measured = {case: job.result() for case, job in jobs.items()}
    rows: dict[str, dict[str, Any]] = {}
    for name, chosen in settings.items():
        cases = {case: of[name] for case, of in measured.items()}
        rows[name] = {"settings": dict(chosen), "means": groups_of(cases), "cases": cases}
    return {"labels": {group: residual_rows(read_labels(folder, group)) for group in GROUPS}, "real": rows}


def make_all(folder: Path, names: Sequence[str], pool: ProcessPoolExecutor) -> None:
    """Labels first, then the cut-out people, then the clips: everything is kept in `folder`."""
    for group in GROUPS:
        pool.submit(read_labels, folder, group).result()
    list(pool.map(_make, [folder] * len(names), names))


def _make(folder: Path, name: str) -> None:
    import cv2

    cv2.setNumThreads(1)
    read_clip(folder, CASES[name])


def groups_of(cases: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, dict[str, float]]]:
    """Means by split and by kind of case, and `overall` (the mean over all cases of a split)."""
    means: dict[str, dict[str, dict[str, float]]] = {}
    for split in SPLITS:
        chosen = {name: dict(row) for name, row in cases.items() if CASES[name].split == split}
        kinds = list(dict.fromkeys(CASES[name].kind for name in chosen))
        if chosen:
            means[split] = {
                kind: mean_row([row for name, row in chosen.items() if CASES[name].kind == kind]) for kind in kinds
            }
            means[split]["overall"] = mean_row(list(chosen.values()))
    return means


def table_of(rows: Mapping[str, Mapping[str, Any]], split: str) -> Table:
    """Overall columns, then pck50 of every kind, one row a setting."""
    kinds = [kind for kind in next(iter(rows.values()))["means"][split] if kind != "overall"]
    table = Table("setting", *COLUMNS, *kinds, title=f"Real people, {split}")
    for name, row in rows.items():
        overall = row["means"][split]["overall"]
        cells = [f"{overall[c]:.1f}" if c in ("switches", "ms", "forwards") else f"{overall[c]:.3f}" for c in COLUMNS]
        table.add_row(name, *cells, *[f"{row['means'][split][kind]['pck50']:.3f}" for kind in kinds])
    return table
