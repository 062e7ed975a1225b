"""OpenVINO without its telemetry, which sends its maker a message over the network at each import.

Everything else imports `openvino` from here.
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it then takes its own stand-in

import openvino  # noqa: E402

__all__ = ["openvino"]
