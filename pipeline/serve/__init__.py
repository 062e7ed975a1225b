"""`run_server`: a local web application that scores uploaded videos and shows their report pages.

It listens on this machine only, unless a host is named. Modules:

- `request_guard`: checks of requests; `connections`: their limits;
- `app`: addresses; `server`: port, scores;
- `uploads`: bytes to disk within limits; `submissions`: a folder each;
- `submission_queue`: one after the other, cancellation.

The page of `label` also uses `guarded_app` and `run_app`.
"""

from pipeline.serve.server import run_app, run_server
