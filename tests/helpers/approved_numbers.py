"""Approved numbers: results whose change must be meant. `pytest --snapshot-update` writes them."""

import json

import numpy as np
from syrupy.extensions.json import JSONSnapshotExtension


class ApprovedNumbers(JSONSnapshotExtension):
    """Summaries of arrays by name, equal to a thousandth of their size: processors round differently."""

    def matches(self, *, serialized_data, snapshot_data):
        """Whether every number is as approved."""
        new, approved = json.loads(serialized_data), json.loads(snapshot_data)
        return new.keys() == approved.keys() and all(
            np.allclose(new[name], approved[name], 1e-3, 1e-4 * abs(approved[name][-1]) + 1e-9) for name in new
        )


def summary(values):
    """Size, entries that are not finite, two weighted means and the mean size of the entries."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    finite, places = np.nan_to_num(flat, posinf=0, neginf=0), np.arange(flat.size)
    means = [float((finite * (1 + np.cos(rate * places))).sum() / max(flat.size, 1)) for rate in (0.7, 0.0131)]
    size = float(np.abs(finite).sum() / max(flat.size, 1))
    return [flat.size, float((~np.isfinite(flat)).sum()), *means, size]
