"""The results tables of the paper (Gao et al., ECCV 2020, tables 2 to 7), in per cent, with our task names.

Our tables show them for comparison; nothing is computed from them. The averages that the paper prints follow from these
entries by Fisher's z (`tests/pipeline/evaluate/test_evaluation_plan.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

JIGSAWS = ("Suturing", "Needle_Passing", "Knot_Tying")
TASD2 = ("SyncDiving-3m", "SyncDiving-10m")
AQA7 = ("diving", "gym_vault", "ski_big_air", "snowboard_big_air", "sync_diving_3m", "sync_diving_10m")


@dataclass(frozen=True)
class PaperTable:
    """One table of results."""

    kind: str  # of data set
    protocol: str  # ours that corresponds to it
    tasks: tuple[str, ...]  # columns
    rows: dict[str, tuple[float | None, ...]]  # per cent by system; None where the paper has no number
    ours: str  # the row of the full model
    systems: tuple[str, ...]  # those of our leaderboard that correspond to its rows


# fmt: off
TABLES: dict[str, PaperTable] = {
    "2": PaperTable("jigsaws", "4fold", JIGSAWS, {
        "ST-GCN": (31, 39, 58), "TSN": (34, 23, 72), "JR-GCN": (36, 51, 75), "Baseline": (5, 9, 11),
        "Baseline+Kinetic": (17, 37, 73), "AIM": (63, 65, 82),
    }, "AIM", ("ST-GCN", "TSN ranking", "JR-GCN", "whole scene (baseline)", "scene + agents", "AIM (ours)")),
    "3": PaperTable("jigsaws", "louo", JIGSAWS, {
        "DTC+DFT+ApEn": (37, 25, 60), "JR-GCN": (35, 67, 19), "AIM": (45, 34, 61),
    }, "AIM", ("DCT+DFT+ApEn", "JR-GCN", "AIM (ours)")),
    "4": PaperTable("tasd2", "fixed", TASD2, {
        "RANDOM": (-3, 3), "C3D-LSTM": (-14, 1), "I3D-SVR-L": (77, 73), "I3D-SVR-P": (84, 83), "I3D-SVR-RBF": (71, 77),
        "JR-GCN": (89, 81), "Baseline": (84, 79), "Baseline+Pose": (88, 80), "AIM, single-task": (89, 85),
        "AIM, multi-task": (92, 85),
    }, "AIM, multi-task", (
        "random", "C3D-LSTM", "I3D-SVR-L", "I3D-SVR-P", "I3D-SVR-RBF", "JR-GCN", "whole scene (baseline)",
        "scene + agents", "single-task", "multi-task",
    )),
    "5": PaperTable("jigsaws", "4fold", JIGSAWS, {
        "Full model": (63, 65, 82), "w/o AIM": (7, 41, 64), "w/o attention fusion": (61, 55, 80),
        "exchanged roles": (55, 62, 80), "w/o transformation": (61, 62, 79), "w/o difference": (60, 61, 80),
        "Whole-scene (baseline)": (5, 9, 11),
    }, "Full model", (
        "AIM (ours)", "w/o AIM", "w/o attention fusion", "exchanged roles", "w/o transformation", "w/o difference",
        "whole scene (baseline)",
    )),
    "6": PaperTable("tasd2", "fixed", TASD2, {
        "before exchanging": (91.50, 85.13), "after exchanging": (91.75, 85.10),
    }, "before exchanging", ("AIM (ours)", "exchanged roles")),
    "7": PaperTable("aqa7", "fixed", AQA7, {
        "Pose+DCT": (53.00, None, None, None, None, None),
        "ST-GCN": (32.86, 57.70, 16.81, 12.34, 66.00, 64.83),
        "C3D-LSTM": (60.47, 56.36, 45.93, 50.29, 79.12, 69.27),
        "C3D-SVR": (79.02, 68.24, 52.09, 40.06, 59.37, 91.20),
        "JR-GCN": (76.30, 73.58, 60.06, 54.05, 90.13, 92.54),
        "AIM": (74.19, 72.96, 58.90, 49.60, 92.98, 90.43),
    }, "AIM", ("Pose+DCT", "ST-GCN", "C3D-LSTM", "C3D-SVR (on our clips)", "JR-GCN", "AIM (ours)")),
}
# fmt: on


def paper_rows(kind: str, protocol: str, number: str = "") -> dict[str, dict[str, float | None]]:
    """{"NAME (paper, table N)": {task: per cent}} for a kind of data set and a protocol, or empty.

    All rows of table `number`, or only the full model's row of the first table that fits.
    """
    for name in [number] if number else ("2", "3", "6", "7"):
        table = TABLES[name]
        if (table.kind, table.protocol) == (kind, protocol):  # 6 has table 4's row with more digits, 5 repeats 2's
            rows = table.rows if number else {table.ours: table.rows[table.ours]}
            ending = f"(paper, table {name})"
            return {f"{system} {ending}": dict(zip(table.tasks, row, strict=True)) for system, row in rows.items()}
    return {}
