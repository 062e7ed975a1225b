"""Makes the pictures of docs/videos.md from real clips.

    python docs/make_gallery.py ../shared/clips

Each clip is extracted with previews; single frames come from the preview's film. The pictures are in
docs/images/gallery/.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "images" / "gallery"


@dataclass(frozen=True)
class Clip:
    """A clip: its file, how many people it shows, and the second of its frame; None for its contact sheet."""

    file: str
    agents: int
    second: float | None


CLIPS = (
    Clip("two_people_pose2sim.mp4", 2, 0.8),
    Clip("one_person_sports2d.mp4", 1, 4.0),
    Clip("one_person_pose2sim.mp4", 1, None),
)

WIDTH = 900
"""Pixels of a picture at most."""


def extract(clips: Path, clip: Clip, cache: Path) -> Path:
    """Run the stages of one clip with previews; returns the preview's path without suffix.

    Raises:
        CalledProcessError: the command failed.
    """
    settings = ["stages=[pose,camera_flow,timesteps]", f"pose.agents={clip.agents}", "timesteps.scene="]
    more = [word for setting in settings for word in ("--set", setting)]
    command = ["run_pipeline.py", "extract", str(clips / clip.file), "--config", "configs/folder.yaml"]
    subprocess.run([sys.executable, *command, "--cache", str(cache), "--preview", *more], cwd=ROOT, check=True)
    return cache / "preview" / clip.file


def save(path: Path, image: object) -> None:
    """Write a picture, reduced to `WIDTH`."""
    import cv2

    picture = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # type: ignore[call-overload]
    scale = min(1.0, WIDTH / picture.shape[1])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    print(path.relative_to(ROOT), path.stat().st_size // 1000, "kB")


def main() -> None:
    """Make every picture of the page."""
    import cv2
    import numpy as np

    from data.video import decode, probe

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="folder of the clips named in CLIPS")
    clips = parser.parse_args().clips.resolve()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for clip in CLIPS:
            preview = extract(clips, clip, Path(folder))
            name = Path(clip.file).stem
            if clip.second is None:
                sheet = cv2.imread(str(preview.with_name(f"{preview.name}.jpg")))
                save(PICTURES / f"{name}_sheet.jpg", cv2.cvtColor(sheet, cv2.COLOR_BGR2RGB))
                continue
            film = preview.with_name(f"{preview.name}.mp4")
            _, times = probe(film)
            row = int(np.argmin(np.abs(times - clip.second)))
            save(PICTURES / f"{name}_frame.jpg", next(iter(decode(film, [row]))).image)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
