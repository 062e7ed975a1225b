"""The demo's results as tables and as JSON."""

from __future__ import annotations

import math
from typing import Any

from pipeline.demo.demo_run import DemoResult
from pipeline.evaluate.conformal import coverage_line


def summary_tables(result: DemoResult) -> list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """Title, columns and rows of what the demo prints at the end."""
    pose = result.pose_figures
    figures = [
        ("frames in which both divers can be seen", int(pose["frames"])),
        ("both divers found", f"{100 * pose['found_all']:.1f} %"),
        ("identity swaps", int(pose["swaps"])),
        ("joints within .2 of a torso length", f"{100 * pose['pck20']:.1f} %"),
        ("joints within .5 of a torso length", f"{100 * pose['pck50']:.1f} %"),
    ]
    scores = [
        (row.id, actual, row.score, _text(row.interval80), "; ".join(flag.title for flag in row.flags))
        for row, actual in zip(result.scored, result.truth, strict=True)
    ]
    metrics = [(name, _rho(m["spearman"]), m["mae"]) for name, m in result.metrics.items()]
    times = [(name, f"{seconds:.1f} s") for name, seconds in result.seconds.items()]
    return [
        ("pose against the rendered truth, all dives", ("figure", "value"), figures),
        ("held-out dives", ("video", "judges", "AIM", "80 % interval", "flags"), scores),
        (f"{len(scores)} held-out dives", ("prediction", "Spearman's rho", "mean absolute error"), metrics),
        ("intervals that hold the judges' score", ("interval", "held-out dives"), list(coverage(result).items())),
        ("time", ("part", "wall"), times),
    ]


def coverage(result: DemoResult) -> dict[str, str]:
    """Share of intervals that contain the judges' score, with the range expected by chance."""
    return {
        "80 %": coverage_line([row.interval80 for row in result.scored], result.truth, 0.80),
        "95 %": coverage_line([row.interval95 for row in result.scored], result.truth, 0.95),
    }


def as_json(result: DemoResult) -> dict[str, Any]:
    """The same as `summary_tables`, as JSON types."""
    return {
        "page": str(result.page),
        "run": str(result.run),
        "pose": result.pose_figures,
        "metrics": {
            name: {k: v if math.isfinite(v) else None for k, v in m.items()} for name, m in result.metrics.items()
        },
        "intervals": coverage(result),
        "audit": {k: v for k, v in result.leaks.as_dict().items() if k != "untested"},
        "seconds": result.seconds,
    }


def _rho(value: float) -> float | str:
    return "undefined" if math.isnan(value) else value


def _text(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.1f} to {ends[1]:.1f}"
