"""Bars of an evaluation: by how much the system in question leads each other one, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.report.run_parts import Bar, BarChart

NOTE = (
    "To the right of zero: ours ranks the held-out performances of this task better than that system does. Lines: 95 % "
    "bootstrap interval of the difference; where it crosses zero, the figures do not tell which is better."
)


def lead_bars(results: Mapping[str, Any], ours: str) -> tuple[BarChart, ...]:
    """One chart per task, from the `differences` of `pipeline.evaluate.cross_validation`; none where none were made."""
    charts = []
    for task in results["tasks"]:
        bars = []
        for name, by_task in results["differences"].items():
            lead = by_task.get(task, {})
            if lead.get("value") is not None:
                kind = "baseline" if results["systems"][name]["baseline"] else "ablation"
                bars.append(Bar(name, lead["value"], lead["low"], lead["high"], kind))  # type: ignore[arg-type]
        if bars:
            title = f"Lead of {ours}" + (f", {task}" if task else "")
            charts.append(BarChart(title, tuple(bars), "difference of Spearman's rho, all held-out together", NOTE))
    return tuple(charts)
