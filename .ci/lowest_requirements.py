"""Prints the lowest version of each direct requirement of the program and its extras, as setup.cfg allows it."""

import re
from configparser import ConfigParser

DEVELOPERS = ("audit", "docs", "test")

config = ConfigParser()
config.read("setup.cfg", encoding="utf-8")
extras = (text for extra, text in config["options.extras_require"].items() if extra not in DEVELOPERS)
lines = "\n".join([config["options"]["install_requires"], *extras]).splitlines()
bounds = (re.match(r"([\w.-]+)(?:\[\w+\])? [>=]=([\w.]+)", line.strip()) for line in lines)
print("\n".join(sorted({f"{bound[1]}=={bound[2]}" for bound in bounds if bound})))
