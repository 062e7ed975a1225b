"""Compiles networks for OpenVINO's CPU runtime, with the same settings for all stages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import WeightsError, out_of_memory
from data.store.arrays import Singles

IN_ITS_SOURCE = re.compile(r"Exception from |Check .* failed at ")
"""Lines of OpenVINO's errors that name a place in its source."""

Forward = Callable[[NDArray[np.generic]], list[Singles]]


@out_of_memory()
def compile_for_cpu(model: Any, *, precision: str = "f32", threads: int = 0) -> Any:
    """An `openvino.CompiledModel` of an `openvino.Model`, for one inference at a time.

    Args:
        precision: "f32", "bf16" or "f16". OpenVINO's own default is bf16 on CPUs that support it, so results would
            depend on the machine.
        threads: threads of one inference; 0: one per core.
    """
    from data.weights.quiet_openvino import openvino

    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    # With pinning, single threads of two worker processes would share the first core.
    options["ENABLE_CPU_PINNING"] = False
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    return openvino.Core().compile_model(model, "CPU", options)


def cause_of(error: Exception) -> str:
    """OpenVINO's error message in one line of at most 120 characters, without source locations."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not IN_ITS_SOURCE.match(line)]
    return (lines or [type(error).__name__])[-1][:120]


def forward_on_cpu(model: Any, *, threads: int, where: str | Path) -> Forward:
    """A function from the one input of an `openvino.Model` to copies of its outputs, computed in fp32.

    Raises WeightsError, which names the file or network `where`, if this machine or this OpenVINO cannot run it.
    """
    try:
        request = compile_for_cpu(model, threads=threads).create_infer_request()
    except RuntimeError as error:
        what, fix = f"this network does not run here ({cause_of(error)})", "Update openvino, or set pose.backend"
        raise WeightsError(what, where=where, fix=fix) from error

    @out_of_memory()
    def forward(batch: NDArray[np.generic]) -> list[Singles]:
        request.infer([np.ascontiguousarray(batch)], share_inputs=True)
        return [np.array(request.get_output_tensor(row).data) for row in range(len(request.model_outputs))]

    return forward
