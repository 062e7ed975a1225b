"""Extractors and models touch no disk: files are opened in `data/`, which hands them arrays, bytes or read models."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LIBRARIES = {"h5py", "av", "shutil", "tempfile", "glob", "safetensors", "pickle", "zipfile", "tarfile", "mmap",
             "sqlite3", "subprocess", "urllib", "fsspec", "fileinput"}  # fmt: skip
"""Modules whose only use is to open files, or to start what does."""

HARMLESS_OF_OS = {"environ", "cpu_count"}
"""What may be used of `os`."""

METHODS = {
    *("open", "read_text", "read_bytes", "write_text", "write_bytes", "exists", "is_file", "is_dir", "stat", "iterdir"),
    *("rglob", "mkdir", "unlink", "touch", "rmdir", "symlink_to", "tofile"),
    *("read_model", "save_model", "fromfile", "load_state_dict_from_url", "load_file", "save_file", "from_pretrained"),
}
"""Methods and functions that open or look for a file, whatever they are called on."""

FUNCTIONS = {
    "torch": {"load", "save"},
    "torch.jit": {"load", "save"},
    "np": {"load", "save", "savez", "savez_compressed", "loadtxt", "savetxt", "genfromtxt", "fromfile", "memmap"},
    "cv2": {"imread", "imwrite", "VideoCapture", "VideoWriter", "FileStorage", "haveImageReader"},
    "io": {"open", "FileIO"},
    "ort": {"InferenceSession"},
}
"""Functions that open a file, by the module's name in the code."""

PATH_ARGUMENTS = {"model_path", "weights_path"}
"""Arguments by which libraries take the path of a file."""


def file_accesses(source: str) -> list[str]:
    """One line per place in a module's text that touches a file."""
    return [f"{line}: {what}" for line, what in sorted(set(_found(ast.parse(source))))]


def _found(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                if top in LIBRARIES or alias.name == "os.path" or (top == "os" and alias.asname):
                    yield node.lineno, f"import {alias.name}"
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from _imported(node)
        elif isinstance(node, ast.Attribute) and _dotted(node.value) == "os" and node.attr not in HARMLESS_OF_OS:
            yield node.lineno, f"os.{node.attr}"
        elif isinstance(node, ast.Call):
            yield from _called(node)


def _imported(node: ast.ImportFrom) -> Iterator[tuple[int, str]]:
    module = str(node.module)
    for alias in node.names:
        ours = module.split(".")[0] in ("data", "models", "extractors")
        banned = module.split(".")[0] in LIBRARIES or alias.name in FUNCTIONS.get(_short(module), ())
        banned |= module.split(".")[0] == "os" and alias.name not in HARMLESS_OF_OS
        if banned or (alias.name in METHODS and not ours):
            yield node.lineno, f"from {module} import {alias.name}"


def _called(node: ast.Call) -> Iterator[tuple[int, str]]:
    if isinstance(node.func, ast.Name) and node.func.id == "open":
        yield node.lineno, "open"
    if isinstance(node.func, ast.Attribute):
        owner = _dotted(node.func.value)
        if node.func.attr in METHODS or node.func.attr in FUNCTIONS.get(_short(owner), ()):
            yield node.lineno, f"{owner}.{node.func.attr}".lstrip(".")
    for keyword in node.keywords:
        if keyword.arg in PATH_ARGUMENTS:
            yield node.lineno, f"{keyword.arg}="


def _dotted(node: ast.expr) -> str:
    """`a.b` of an expression; empty for anything but names."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def _short(module: str) -> str:
    return {"numpy": "np"}.get(module, module)


DECODER = ROOT / "extractors" / "state_dicts.py"
"""Makes tensors from the bytes of a file that `data.store` has read, with the functions that could open a file too."""

FILES = [
    path for package in ("extractors", "models") for path in sorted((ROOT / package).rglob("*.py")) if path != DECODER
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_extractors_and_models_touch_no_disk(path: Path) -> None:
    assert not file_accesses(path.read_text("utf-8")), "open the file in data/ and hand over what it holds"


@pytest.mark.parametrize(
    "line",
    [
        "open('a')",
        "import io\nio.open('a')",
        "from io import open",
        "path.open()",
        "path.read_text()",
        "Path('a').read_bytes()",
        "Path('a').write_text('b')",
        "path.write_bytes(b'')",
        "(folder / 'a').exists()",
        "path.is_file()",
        "path.is_dir()",
        "path.stat()",
        "list(folder.iterdir())",
        "folder.rglob('*')",
        "folder.mkdir()",
        "path.unlink()",
        "import os\nos.listdir('.')",
        "import os\nos.path.exists('a')",
        "import os.path",
        "import os as system",
        "from os import replace",
        "from os.path import isfile",
        "import shutil",
        "from shutil import copyfile",
        "import tempfile",
        "import glob",
        "import pickle",
        "import subprocess",
        "from urllib.request import urlopen",
        "import h5py",
        "import av.video",
        "from av import open as open_video",
        "torch.load('a')",
        "torch.jit.load('a')",
        "from torch import load",
        "torch.save(state, 'a')",
        "from safetensors.torch import load_file",
        "load = tools.load_file('a')",
        "np.load('a')",
        "numpy.load('a')",
        "np.save('a', values)",
        "np.savez('a', values)",
        "np.fromfile('a')",
        "from numpy import loadtxt",
        "values.tofile('a')",
        "cv2.imread('a')",
        "cv2.imwrite('a', image)",
        "cv2.VideoCapture('a')",
        "cv2.VideoWriter('a', 0, 1, (1, 1))",
        "from cv2 import VideoCapture",
        "ov.Core().read_model(path)",
        "openvino.save_model(model, path)",
        "Interpreter(model_path='a')",
        "Config.fromfile('a')",
        "def late():\n    import h5py",
    ],
)
def test_every_kind_of_file_access_is_found(line: str) -> None:
    assert file_accesses(line)


@pytest.mark.parametrize(
    "line",
    [
        "import os\nos.environ.get('OMP_NUM_THREADS')",
        "from pathlib import Path\nsuffix = Path('a.b').suffix",
        "import io\nio.StringIO()",
        "Interpreter(model_content=b'')",
        "from data.weights import read_model, read_network",
        "read_network(path)",
        "text.replace('a', 'b')",
        "np.zeros(3)",
        "module.load_state_dict(state)",
        "'''open('a')'''",
    ],
)
def test_what_touches_no_file_is_let_through(line: str) -> None:
    assert file_accesses(line) == []


def test_tensors_are_made_of_bytes_alone() -> None:
    """Every decoder of `extractors/state_dicts.py` takes bytes, or a buffer of bytes that `data.store` has read."""
    text = DECODER.read_text("utf-8")
    first = [call.args[0] for call in ast.walk(ast.parse(text)) if isinstance(call, ast.Call) and _decodes(call)]
    assert len(first) == 3
    assert {ast.unparse(one) for one in first} == {"content", "io.BytesIO(content)"}
    assert text.count("read_regular(path, MAX_BYTES)") == 2


def _decodes(node: ast.Call) -> bool:
    return ast.unparse(node.func) in ("torch.load", "load")
