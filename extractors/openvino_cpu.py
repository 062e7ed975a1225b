"""Compiles networks for OpenVINO's CPU runtime, with the same settings for all stages."""

from __future__ import annotations

from typing import Any


def compile_for_cpu(model: Any, *, precision: str = "f32", threads: int = 0) -> Any:
    """An `openvino.CompiledModel` of an `openvino.Model`, for one inference at a time.

    Args:
        precision: "f32", "bf16" or "f16". By default OpenVINO takes bf16 on CPUs that have it, and the numbers
            depend on the machine.
        threads: threads of one inference; 0: one per core.
    """
    import openvino

    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    # Tied to cores, the single threads of two worker processes would both run on the first one.
    options["ENABLE_CPU_PINNING"] = False
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    return openvino.Core().compile_model(model, "CPU", options)
