"""`serve`: a local web application that scores uploaded videos and shows their report pages.

It listens on this machine only. Modules: `app` (addresses and who may call them), `uploads` (bytes to disk within
limits), `job_queue` (one job after the other, cancellation), `history` (jobs in SQLite), `score_work` (one video).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.serve.server import serve
else:
    __getattr__ = importer(
        __name__,
        server="serve",
    )

__all__ = ["serve"]
