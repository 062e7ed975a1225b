"""The configurations that come with the package, found by name from any folder."""

from __future__ import annotations

from pathlib import Path

from data.errors import UsageError, nearest

FOLDER = Path(__file__).resolve().parent.parent / "configs"


def presets() -> list[str]:
    """The names of all presets."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def config_path(config: str | Path) -> Path:
    """The file of a configuration: a preset's for a bare name such as `jigsaws`, else the path itself.

    A file of that name in the working folder comes before the preset. Raises UsageError for an unknown preset.
    """
    path = Path(config)
    bare = path.name == str(config) and not path.suffix
    if not bare or path.is_file():
        return path
    if path.name not in presets():
        raise UsageError(f"no preset is called '{path.name}'", fix=preset_hint(path.name))
    return FOLDER / f"{path.name}.yaml"


def preset_hint(name: str) -> str:
    """The preset whose name is nearest, and the list of all."""
    names = presets()
    close = nearest(name, names)
    return close if close.startswith("known") else f"{close} Presets: {', '.join(names)}"
