"""Says in one sentence which rows rank the held-out performances better or worse than the reference.

The reference is the combination or AIM, named before the test labels are read, not the best row of a table.
"""

from __future__ import annotations

from collections import defaultdict

from data.errors import counted
from pipeline.checks.paired_test import Verdict
from pipeline.evaluate.evaluation_results import EvaluationResults

MOST_NAMED = 3  # ties that are named; more are counted


def separation_line(results: EvaluationResults) -> str:
    """One sentence: rows that rank better or worse than the reference, and ties; or empty."""
    leads = results.comparison
    if leads is None or not leads.rows:
        return ""
    count, by = len(leads.rows), defaultdict[Verdict, list[str]](list)
    for name, lead in leads.rows.items():
        by[lead.verdict].append(f"'{name}'")
    units = counted(leads.units, "user" if results.users else "performance")
    how = f"paired permutation test over {units} at 5 %{'' if count == 1 else f' for all {count} rows at once, max-T'}"
    if all(lead.difference.interval is None for lead in leads.rows.values()):
        return f"{units} are too few to separate {counted(count, 'row')} from {leads.against}"
    ties = len(by["tie"])
    if ties == count:
        return f"no row is separated from {leads.against} ({how})"
    said = [f"{leads.against} ranks better than {', '.join(by['worse'])}"] if by["worse"] else []
    if by["better"]:
        said.append(f"{', '.join(by['better'])} {'ranks' if len(by['better']) == 1 else 'rank'} better than "
                    f"{leads.against}")  # fmt: skip
    names = " and ".join(by["tie"]) if ties <= MOST_NAMED else f"the other {ties}"
    said.append(f"{leads.against} is not separated from {names}" if ties else "none is a tie")
    return f"{'; '.join(said)} ({how})"
