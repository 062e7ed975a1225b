"""Fitted regressions as bytes of `skops.io`, which avoids pickle: reading executes no code from the file.

A file may only hold classes that `pipeline.systems.regressors` fits. Others are refused before they are instantiated.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipeline.systems.descriptors import DESCRIPTORS
from pipeline.systems.regressors import FittedRegression

KERNELS = tuple(
    f"sklearn.gaussian_process.kernels.{name}" for name in ("ConstantKernel", "Product", "RBF", "Sum", "WhiteKernel")
)
"""Classes of a Gaussian process that skops does not trust by default."""

REGRESSORS = ("DummyRegressor", "GaussianProcessRegressor", "KNeighborsRegressor", "LinearRegression", "RidgeCV", "SVR")
SCALERS = ("MinMaxScaler", "StandardScaler")

MAX_BYTES = 1 << 30
"""Maximum size of the content after unpacking."""


def dump_regressions(regressions: Sequence[FittedRegression]) -> bytes:
    """The bytes that `load_regressions` reads."""
    from skops.io import dumps

    made: bytes = dumps([vars(regression) for regression in regressions])
    return made


def load_regressions(content: bytes) -> tuple[FittedRegression, ...]:
    """The regressions that `dump_regressions` wrote. Raises ValueError for damage or other classes."""
    from skops.io import get_untrusted_types, loads

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                raise ValueError("larger than any regression")
        if foreign := set(get_untrusted_types(data=content)) - set(KERNELS):
            raise ValueError(f"other classes than those of a regression, such as {min(foreign)[:80]}")
        return tuple(_checked(fields) for fields in loads(content, trusted=list(KERNELS)))
    except Exception as error:  # skops documents no error class for damage
        raise ValueError(f"the regressions cannot be read ({type(error).__name__}: {str(error)[:120]})") from error


def _checked(fields: Any) -> FittedRegression:
    """One regression of known classes. Raises ValueError or TypeError for others."""
    fit = FittedRegression(**fields)
    pipelines, steps = [*fit.inputs.values()], [step for each in fit.inputs.values() for _, step in each.steps]
    if (
        fit.describe not in DESCRIPTORS
        or not (isinstance(fit.columns, np.ndarray) and fit.columns.dtype.kind == "i" and fit.scores)
        or set(fit.inputs) != (set(fit.scores) if len(fit.columns) else set())
        or not _are(pipelines, "Pipeline")
        or not _are([*steps, *fit.scores.values()], *SCALERS)
        or not _are([fit.model], *REGRESSORS)
    ):
        raise ValueError("a regression of another form")
    return fit


def _are(objects: Iterable[Any], *names: str) -> bool:
    """Whether all objects are of these classes of scikit-learn."""
    return all(type(item).__module__.startswith("sklearn.") and type(item).__name__ in names for item in objects)
