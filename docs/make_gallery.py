"""Makes the pictures of docs/gallery.md from real clips, with the commands that the page shows, and links them there.

    python docs/make_gallery.py ../shared/clips

Each clip is extracted with previews; single frames come from the preview's film. The pictures are in
docs/images/gallery/.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "images" / "gallery"


@dataclass(frozen=True)
class Clip:
    """A clip of the gallery: its file, what and how many people it shows, and the frame that the page shows."""

    file: str
    about: str
    agents: int
    second: float


CLIPS = (
    Clip("two_people_pose2sim.mp4", "two people in a laboratory", 2, 0.8),
    Clip("one_person_pose2sim.mp4", "one person walking", 1, 0.8),
    Clip("one_person_sports2d.mp4", "one person outdoors", 1, 4.0),
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


def link(kind: str, title: str, clips: Iterable[Clip]) -> None:
    """Write the links between the marks of one kind of picture in docs/gallery.md."""
    lines = [f"![{title}: {clip.about}](images/gallery/{Path(clip.file).stem}_{kind}.jpg)" for clip in clips]
    page = ROOT / "docs" / "gallery.md"
    block = f"<!-- {kind}s -->\n" + "\n\n".join(lines) + f"\n<!-- /{kind}s -->"
    marks = rf"<!-- {kind}s -->.*?<!-- /{kind}s -->"
    page.write_text(re.sub(marks, lambda _: block, page.read_text("utf-8"), flags=re.DOTALL), "utf-8")


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
            sheet = cv2.imread(str(preview.with_name(f"{preview.name}.jpg")))
            save(PICTURES / f"{name}_sheet.jpg", cv2.cvtColor(sheet, cv2.COLOR_BGR2RGB))
            film = preview.with_name(f"{preview.name}.mp4")
            _, times = probe(film)
            row = int(np.argmin(np.abs(times - clip.second)))
            save(PICTURES / f"{name}_frame.jpg", next(iter(decode(film, [row]))).image)

    link("frame", "Skeletons", CLIPS)
    link("sheet", "Contact sheet", CLIPS)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
