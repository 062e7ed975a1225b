"""Prints the requirements of the tests of `data/`: those of setup.cfg without networks, and the test runner."""

from configparser import ConfigParser

NETWORKS = ("torch", "pytorchvideo", "openvino")
TESTS = ("httpx", "hypothesis", "openpyxl", "pandas", "pytest", "syrupy")

config = ConfigParser()
config.read("setup.cfg", encoding="utf-8")
needed = [line.strip() for line in config["options"]["install_requires"].splitlines() if line.strip()]
wanted = [line.strip() for line in config["options.extras_require"]["test"].splitlines() if line.strip()]
lines = [line for line in needed if not line.startswith(NETWORKS)] + [line for line in wanted if line.startswith(TESTS)]
print("\n".join(lines))
