"""Fixtures that several tests share: small videos made on the spot, paths, and what is skipped where it cannot run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.video_writer import LOSSLESS, write_video

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture
def make_video() -> Callable[..., Path]:
    """Make a lossless grey video whose frame i has the grey level 2 i + 16: frames can be told apart exactly."""

    def make(path: Path, frames: int = 12, size: tuple[int, int] = (64, 48), rate: float = 25, **options: Any) -> Path:
        pictures = (np.full((size[1], size[0], 3), 16 + 2 * i % 220, np.uint8) for i in range(frames))
        write_video(path, pictures, rate, options=LOSSLESS, **options)
        return path

    return make


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared material beside the checkout; a fresh clone has none."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside this checkout")
    return SHARED
