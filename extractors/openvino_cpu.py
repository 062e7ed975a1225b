"""Compiles networks for OpenVINO's CPU runtime, with the same settings for all stages."""

from __future__ import annotations

from typing import Any


def compile_for_cpu(model: Any, *, precision: str = "f32", threads: int = 0) -> Any:
    """Compile a model for one inference at a time.

    Args:
        model: an `openvino.Model`.
        precision: "f32", "bf16" or "f16". By default OpenVINO takes bf16 on CPUs that have it, and the numbers
            depend on the machine.
        threads: threads of one inference; 0: one per core.

    Returns:
        An `openvino.CompiledModel`. Its threads are tied to no core: tied, the single threads of two worker
        processes would both sit on the first one.
    """
    import openvino

    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,
    }
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    return openvino.Core().compile_model(model, "CPU", options)
