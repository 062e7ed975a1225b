"""Bars of leads, from the differences of an evaluation, without undefined ones."""

from __future__ import annotations

from typing import Any

from pipeline.report.evaluation_section import lead_bars


def results() -> dict[str, Any]:
    lead = {"value": 0.2, "level": 0.95, "low": 0.05, "high": 0.3}
    return {
        "tasks": ["Suturing", "Knot_Tying"],
        "systems": {"w/o AIM": {"baseline": False}, "training mean": {"baseline": True}},
        "differences": {
            "w/o AIM": {"Suturing": lead, "Knot_Tying": {**lead, "value": -0.1, "low": -0.2, "high": 0.1}},
            "training mean": {"Suturing": {**lead, "value": None, "low": None, "high": None}},
        },
    }


def test_one_chart_per_task_and_one_bar_per_system_with_a_lead() -> None:
    first, second = lead_bars(results(), "AIM (ours)")
    assert (first.title, second.title) == ("Lead of AIM (ours), Suturing", "Lead of AIM (ours), Knot_Tying")
    assert [(bar.name, bar.value, bar.interval, bar.kind) for bar in first.bars] == [
        ("w/o AIM", 0.2, (0.05, 0.3), "ablation")
    ]
    assert second.bars[0].value == -0.1


def test_no_differences_no_chart() -> None:
    assert lead_bars({**results(), "differences": {}}, "AIM (ours)") == ()
