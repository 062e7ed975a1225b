"""Reads videos named on standard input, one per line, and says of each what came of it, as JSON lines.

Runs as a child process: a decoder that crashes or hangs costs one line.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from data.errors import VideoError
from data.video.decoder import decode, probe


def read(path: Path) -> dict[str, object]:
    """Probe and decode one file whole."""
    try:
        info, times = probe(path)
        shapes = set()
        shown = 0
        for frame in decode(path):
            shown += 1
            shapes.add(frame.image.shape)
    except VideoError as error:
        return {"outcome": "VideoError", "what": error.what, "where": error.where}
    except BaseException as error:
        return {"outcome": "crash", "what": f"{type(error).__name__}: {error}"}
    plain = bool((times[1:] > times[:-1]).all() and times[0] == 0)
    return {
        "outcome": "ok",
        "frames": shown,
        "times": len(times),
        "increasing": plain,
        "shapes": sorted(shapes),
        "shown": [info.height, info.width],
    }


def peak_kib() -> int:
    """Largest resident memory of this program; `ru_maxrss` would count that of the process which started it too."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.split("VmHWM:")[1].split()[0])


def main() -> None:
    """Answer line by line."""
    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        start = time.monotonic()
        answer = read(path)
        answer |= {"seconds": time.monotonic() - start, "peak": peak_kib()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
