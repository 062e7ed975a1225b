"""Plans and runs stages, caches their outputs, trains, scores and reports."""

import sys
from importlib.util import find_spec
from pathlib import Path

__version__ = "0.2.0"

PACKAGES = ("data", "extractors", "models", "synthetic")
"""The packages beside this one. Their names are common words, so a user's file may hide one of them."""

COMMANDS = ("aqa", "run_pipeline.py")


def hidden_packages() -> list[tuple[str, Path]]:
    """Names of our packages that are imported from elsewhere, with the file or folder."""
    root, hidden = Path(__file__).resolve().parent.parent, []
    for name in PACKAGES:
        spec = find_spec(name)
        taken = Path(spec.origin).resolve() if spec and spec.origin else None
        if taken is not None and root not in taken.parents:
            hidden.append((name, taken.parent if taken.name == "__init__.py" else taken))
    return hidden


def refuse_hidden_packages() -> None:
    """Raise ImportError if a user's file hides one of our packages; commands end with the same sentence."""
    for name, taken in hidden_packages():
        other = taken.with_name(f"my_{taken.name}").name
        text = f"{taken} hides the package '{name}' of this program: rename it, for example to {other}"
        if Path(sys.argv[0]).name in COMMANDS:
            sys.stderr.write(f"error: {text}\n")
            sys.exit(2)
        raise ImportError(text)


refuse_hidden_packages()
