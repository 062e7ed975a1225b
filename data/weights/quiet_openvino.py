"""OpenVINO without its telemetry, which contacts its maker over the network at each import.

All other modules import `openvino` from here.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it then uses its own stub

import openvino  # noqa: E402

__all__ = ["openvino"]
