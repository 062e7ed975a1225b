"""Loads scripts that are in no package, such as those in .ci, as modules."""

import importlib.util
import sys


def load_script(path):
    """Run a script and return its module, which is also in `sys.modules` under the script's name."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
