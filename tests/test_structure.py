"""The order of the tree: imports go one way, pipeline/ has rows, and only data/ opens files."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("data", "models", "extractors", "pipeline", "synthetic", "benchmarks", "tests", "run_pipeline")
ALLOWED = {
    "data": {"data"},
    "models": {"models"},
    "extractors": {"extractors", "data", "models"},
    "synthetic": {"synthetic", "data"},
    "pipeline": {"pipeline", "extractors", "data", "models"},
}
USES_SYNTHETIC = ("pipeline/demo/",)
"""Modules that may also import `synthetic`."""

OPENERS = {"av", "h5py"}
"""Libraries that open videos and HDF5 files: only `data` may import them."""

FILES = {"glob", "mmap", "os", "pickle", "safetensors", "shutil", "sqlite3", "subprocess", "tarfile", "tempfile"}
FILES |= {"urllib", "yaml", "zipfile"}
"""Libraries that open files: `extractors` and `models` get the contents of files from `data`."""

MAY_IMPORT = {
    "extractors/clips/stage.py": {"os"},  # an environment variable
    "extractors/state_dicts.py": {"pickle", "safetensors"},  # makes tensors of bytes that `data` has read
}

READERS = {
    "data.datasets.jigsaws_kinematics": {"parse_kinematics"},
    "data.features": {"read_features"},
    "data.keypoints": {"read_keypoints", "read_motion"},
    "data.stage_files": {"StageFiles"},
}
"""What opens a file in `data`. `extractors` never call it: `Source.opened` takes a reader, and the pipeline hands over
the `StageFiles`."""

FROM_DATA = {
    "data.datasets.jigsaws_kinematics": {"BLOCK", "RATE_HZ"},
    "data.features": {"PARTS", "kind_of_part"},
    "data.errors": {
        "PROGRAM",
        "AimError",
        "DataError",
        "UsageError",
        "VideoError",
        "WeightsError",
        "install_line",
        "nearest",
    },
    "data.keypoints.reading": {"ImportedKeypoints"},
    "data.keypoints.skeletons": {"COCO17", "SAME_NUMBER"},
    "data.weights.pose_networks": {"INSTALL", "PoseNetwork", "identity_of", "require"},
    "data.store": {"ArraySpec", "OutputSpec", "StageOutput"},
    "data.store.arrays": {"ArraySpec", "Floats", "Measures", "Rows", "StageOutput"},
    "data.video": {"Frame", "Phase", "Picture", "Record", "VideoInfo"},
    "data.video.records": {"Record"},
    "data.weights": {"REGISTRY"},
    "data.weights.network_folders": {"NetworkFolder"},
    "data.weights.quiet_openvino": {"openvino"},
    "data.weights.registry": {"REGISTRY", "Announce"},
    "data.weights.published_weights": {"published_path"},
    "data.weights.weight_files": {"library_version"},
}
"""What `extractors` may import from `data` beside the readers: none of it takes a path and opens it."""

OPENING = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "unlink", "rename", "Path"}
OPENING |= {"glob", "iterdir", "rglob", "stat", "exists", "is_dir", "is_file", "touch", "imread", "imwrite", "fromfile"}
OPENING |= {"loadtxt", "savetxt", "tofile", "save_model", "VideoCapture"}
"""Names of functions that open, list or write files, or make a path."""

ABOUT_FIGURES = {
    "extractors.pose.stage",  # the stored name of a dim, older than the rule
    "models.aim_config",  # figures of papers
    "pipeline.api.pages", "pipeline.cli.commands", "pipeline.cli.next_lines", "pipeline.evaluate.evaluation_results",
    "pipeline.report.chart_json", "pipeline.report.paper_plots",
}  # fmt: skip
"""Modules that draw, write or cite figures. Nothing else is a figure: numbers have names of their own."""

ROWS: tuple[tuple[str, ...], ...] = (
    ("settings", "observer", "pool"),
    ("cache", "train", "checks"),
    ("run", "systems"),
    ("pack", "preview", "phases"),
    ("evaluate", "score"),
    ("report",),
    ("demo", "serve", "label"),
    ("api",),
    ("cli",),
)
"""The order of pipeline/, lowest first. A row imports from rows below it, and from its own row without a circle."""

MOST_FLOORS = 10
"""Largest number of parts of pipeline/ (packages, or modules beside them) in a chain in which each imports the next."""


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"))


def sources(root: Path, *packages: str) -> Iterator[Path]:
    """Python files of the packages, or of single modules, in order."""
    for package in packages:
        single = root / f"{package}.py"
        yield from [single] if single.exists() else sorted((root / package).rglob("*.py"))


def module_of(path: Path, root: Path) -> str:
    """The dotted name of a file."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


@cache
def imported(path: Path) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(module, names taken from it) of every import in a file, also inside functions; "." before a relative one."""
    found = list[tuple[str, tuple[str, ...]]]()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [(alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(("." * node.level + (node.module or ""), tuple(alias.name for alias in node.names)))
    return tuple(found)


def arrows(root: Path, *packages: str) -> dict[str, set[str]]:
    """The modules of these packages that each of their modules imports."""
    paths = {module_of(path, root): path for path in sources(root, *packages)}
    targets: dict[str, set[str]] = defaultdict(set)
    for module, path in paths.items():
        for name, taken in imported(path):
            inner = [f"{name}.{one}" for one in taken if f"{name}.{one}" in paths]
            targets[module] |= {*inner} if inner else {name} & set(paths)
    return targets


def circles(graph: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """Groups of nodes that reach each other."""
    left = {*graph}
    while ends := {node for node in left if not graph[node] & left}:
        left -= ends  # what leads nowhere is in no circle
    reach: dict[str, set[str]] = {}
    for start in left:
        reached: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph.get(waiting.pop(), set()) - reached
            reached |= new
            waiting += new
        reach[start] = reached
    return sorted({tuple(sorted(b for b in reach[a] if a in reach.get(b, ()))) for a in left if a in reach[a]})


def violations(root: Path) -> list[str]:
    """One line per import that goes the wrong way below `root`."""
    lines = []
    for layer, allowed in ALLOWED.items():
        for path in sources(root, layer):
            place = path.relative_to(root).as_posix()
            names = {name.split(".")[0] or "relative import" for name, _ in imported(path)}
            more = {"synthetic"} if place.startswith(USES_SYNTHETIC) else set()
            wrong = (names & set(OURS)) - allowed - more | names & {"relative import"}
            if layer != "data":
                wrong |= names & OPENERS
            if layer in ("extractors", "models"):
                wrong |= names & FILES - MAY_IMPORT.get(place, set())
            if layer == "models":
                wrong |= names & {"io", "json", "pathlib"}
            lines += [f"{place} imports {name}" for name in sorted(wrong)]
    return lines


def part_of(module: str) -> str:
    """The part of pipeline/ that a module belongs to, such as "cache"."""
    return module.split(".")[1] if "." in module else ""


def part_arrows(root: Path) -> dict[str, set[str]]:
    """The other parts of pipeline/ that each part imports."""
    targets_of: dict[str, set[str]] = defaultdict(set)
    for module, targets in arrows(root, "pipeline").items():
        targets_of[part_of(module)] |= {part_of(target) for target in targets} - {part_of(module), ""}
    return targets_of


def upward(root: Path) -> set[tuple[str, str]]:
    """(importing part, imported part) of pipeline/ where the imported part is in a higher row."""
    row = {part: number for number, parts in enumerate(ROWS) for part in parts}
    return {(a, b) for a, targets in part_arrows(root).items() if a for b in targets if row[b] > row[a]}


def floors(graph: Mapping[str, set[str]]) -> int:
    """Number of nodes of the longest chain in which each imports the next; the graph has no circle."""
    height: dict[str, int] = {}

    def of(part: str) -> int:
        if part not in height:
            height[part] = 1 + max((of(target) for target in graph.get(part, ())), default=0)
        return height[part]

    return max(of(part) for part in graph)


def test_imports_go_one_way() -> None:
    assert violations(ROOT) == []


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """(name, line) of every function or method that a file calls."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            called = node.func
            yield called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", ""), node.lineno


def opened_files(root: Path) -> list[str]:
    """One line per call and import below `root` by which `models` or `extractors` could open a file by themselves."""
    refused, lines = OPENING | set().union(*READERS.values()), list[str]()
    for path in sources(root, "models", "extractors"):
        place = path.relative_to(root).as_posix()
        lines += [f"{place}:{line} calls {name}" for name, line in calls(path) if name in refused]
        for module, names in imported(path):
            if module.split(".")[0] == "data":
                wrong = {*names} - FROM_DATA.get(module, set()) - READERS.get(module, set()) if names else {module}
                lines += [f"{place} imports {name} of {module}" for name in sorted(wrong)]
    return lines


def test_models_and_extractors_open_no_file() -> None:
    assert opened_files(ROOT) == []


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("from data.weights import whole", "imports whole of data.weights"),
        ("import data.store", "imports data.store of data.store"),
        ("from data.keypoints import read_motion\nread_motion(where, 1)", ":2 calls read_motion"),
        ("for file in folder.iterdir(): pass", ":1 calls iterdir"),
    ],
)
def test_an_extractor_that_opens_a_file_is_noticed(tmp_path: Path, code: str, what: str) -> None:
    (tmp_path / "extractors").mkdir()
    (tmp_path / "extractors" / "stage.py").write_text(code)
    assert opened_files(tmp_path) == [f"extractors/stage.py{'' if what.startswith(':') else ' '}{what}"]


def test_every_part_of_pipeline_has_a_row() -> None:
    parts = {part_of(module_of(path, ROOT)) for path in sources(ROOT, "pipeline")} - {""}
    assert parts <= {part for row in ROWS for part in row}


def test_rows_of_pipeline_import_downwards() -> None:
    assert upward(ROOT) == set()


def test_pipeline_has_few_floors() -> None:
    assert len(ROWS) <= MOST_FLOORS
    assert floors(part_arrows(ROOT)) <= MOST_FLOORS


def test_no_circles() -> None:
    assert circles(part_arrows(ROOT)) == []
    assert circles(arrows(ROOT, *OURS)) == []


def packages() -> list[str]:
    """Every package that exports names."""
    inits = (path for path in sources(ROOT, *ALLOWED) if path.name == "__init__.py")
    return [module_of(path, ROOT) for path in inits if "__all__" in path.read_text("utf-8")]


@pytest.mark.parametrize("package", packages())
def test_exported_names_exist(package: str) -> None:
    module = import_module(package)
    path = ROOT / package.replace(".", "/") / "__init__.py"
    for_types = {name for source, names in imported(path) if source.startswith(f"{package}.") for name in names}
    assert set(module.__all__) == for_types, "the imports and `__all__` differ"
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_openvino_is_imported_without_its_telemetry() -> None:
    for layer in ALLOWED:
        for path in sources(ROOT, layer):
            names = {name.split(".")[0] for name, _ in imported(path)}
            assert "openvino" not in names or path.name == "quiet_openvino.py", f"{path}: data.weights.quiet_openvino"


def test_a_figure_is_a_picture() -> None:
    paths = sources(ROOT, *ALLOWED)
    word = re.compile(r"(?<!con)figure(?!-skating)", re.IGNORECASE)
    assert {module_of(path, ROOT) for path in paths if word.search(path.read_text("utf-8"))} == ABOUT_FIGURES


def test_data_makes_no_tensors() -> None:
    """Only the libraries that download their weights do, in a module that returns arrays."""
    libraries = {"torch", "torchvision", "pytorchvideo"}
    made = {path.name for path in sources(ROOT, "data") if {n.split(".")[0] for n, _ in imported(path)} & libraries}
    assert made == {"published_weights.py"}


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
        "import pipeline.evaluate.requested_rows\nfrom pipeline.pool import pool_of\n"
        "from pipeline.evaluate import training_runner\nfrom pipeline.settings.machine import WorkConfig\n"
        "training_runner.TrainingRunner(), pool_of(WorkConfig())",
        "ray",
    ),
}
"""By name: a program, and slow libraries that it must not load."""


@pytest.mark.parametrize("name", LIGHT)
def test_no_heavy_library_is_loaded(name: str) -> None:
    program, heavy = LIGHT[name]
    program += f"\nimport sys\nprint(sys.modules.keys() & {heavy.split()})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"


def test_every_folder_of_modules_is_a_package_that_setup_cfg_finds() -> None:
    find_packages = pytest.importorskip("setuptools").find_packages
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    listed = set(find_packages(str(ROOT), include=parser["options.packages.find"]["include"].split()))
    folders = {path.parent for layer in [*ALLOWED, "benchmarks"] for path in (ROOT / layer).rglob("*.py")}
    assert listed == {str(folder.relative_to(ROOT)).replace("/", ".") for folder in folders} | {"configs"}


def test_the_tests_that_ci_names_exist() -> None:
    named = re.findall(r"\btests/[\w/.]+", (ROOT / ".ci" / "run").read_text("utf-8"))
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []
