"""The order of the packages, what they load, and what setup.cfg installs.

setup.cfg has the contracts of import-linter: which package imports which, and what opens files.
"""

import configparser
import subprocess
import sys

import pytest

from tests.helpers.checkout import ROOT

PACKAGES = ("data", "models", "extractors", "pipeline", "synthetic", "benchmarks")


def test_imports_keep_the_contracts():
    linter = pytest.importorskip("importlinter.cli", reason='needs python -m pip install -e ".[test]"')
    assert linter.lint_imports(config_filename=str(ROOT / "setup.cfg"), no_cache=True) == linter.EXIT_STATUS_SUCCESS


LIGHT = {
    "help": ("import run_pipeline", "torch cv2 numpy h5py pydantic rich"),
    "api": ("import pipeline.api", "torch cv2 numpy h5py pydantic yaml rich typer"),
    "weights": ("import data.weights.weight_files", "torch safetensors h5py av"),
    "extraction of paths": (
        """
import pathlib, run_pipeline, pipeline.run.batch, data.video.video_search, data.store.remote
import pipeline.cache.output_cache
import pipeline.checks
data.video.video_search.find_videos([pathlib.Path("run_pipeline.py")], data.store.remote.Storage())
pipeline.cache.output_cache.open_cache(pipeline.settings.machine.Machine())
""",
        "fsspec s3fs botocore torch sklearn",
    ),
    "evaluation without a cluster": (
        "import pipeline.evaluate.evaluation_plan\nfrom pipeline.pool import pool_of\n"
        "from pipeline.folds import training_runner\nfrom pipeline.settings.machine import WorkConfig\n"
        "training_runner.TrainingRunner(), pool_of(WorkConfig())",
        "ray",
    ),
}
"""By name: a program, and slow libraries that it must not load."""


@pytest.mark.parametrize("name", LIGHT)
def test_no_heavy_library_is_loaded(name):
    program, heavy = LIGHT[name]
    program += f"\nimport sys\nprint(sys.modules.keys() & {heavy.split()})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"


def test_every_folder_of_modules_is_a_package_that_setup_cfg_finds():
    find_packages = pytest.importorskip("setuptools").find_packages
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    listed = set(find_packages(str(ROOT), include=parser["options.packages.find"]["include"].split()))
    folders = {path.parent for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    assert listed == {str(folder.relative_to(ROOT)).replace("/", ".") for folder in folders} | {"configs"}
