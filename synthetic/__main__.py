"""Make practice clips, or a tiny data set in an official layout, to try the commands without real data.

python -m synthetic clips .
python -m synthetic answers videos
python -m synthetic jigsaws synthetic_jigsaws/JIGSAWS --kinematics-only
python -m synthetic tasd2 synthetic_tasd2/TASD-2
python -m synthetic aqa7 synthetic_aqa7/AQA7
python -m synthetic finediving synthetic_finediving/FineDiving
"""

from __future__ import annotations

import argparse
from pathlib import Path

from data.datasets.listing import SYNTHETIC
from data.errors import UsageError, quoted, typed
from data.store import write_text
from synthetic.practice_clips import RATERS, answer_pairs, make_practice_clips
from synthetic.tiny_datasets import make_aqa7, make_tasd2
from synthetic.tiny_jigsaws import make_jigsaws
from synthetic.tiny_published import PUBLISHED

MAKERS = {"tasd2": make_tasd2, "aqa7": make_aqa7, **PUBLISHED}


def main() -> None:
    """Make the requested data set, and print its folder."""
    parser = argparse.ArgumentParser(
        prog="python -m synthetic", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("clips", "answers", "jigsaws", *MAKERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, help="JIGSAWS: trials of each task, all by default; other sets: samples")
    parser.add_argument("--kinematics-only", action="store_true", help="JIGSAWS without videos: seconds to make")
    parser.add_argument("--only", action="append", default=[], metavar="VIDEO", help="answers about this clip only")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.kind == "clips":
        videos, new = make_practice_clips(given.folder, given.seed)
        print(f"{videos}: 12 clips of one diver each\n{new}: 6 further clips")
        return
    if given.kind == "answers":
        try:
            count = answer_pairs(given.folder, tuple(given.only), given.seed)
        except UsageError as error:
            parser.error(str(error))
        print(f"{given.folder}/ratings: {count} answers of the synthetic raters {' and '.join(RATERS)}")
        return
    if given.kind == "jigsaws":
        filmed = not given.kinematics_only
        make_jigsaws(given.folder, trials=given.count, rows=300, seed=given.seed, videos=filmed)
    else:
        MAKERS[given.kind](given.folder, **({"count": given.count} if given.count else {}), seed=given.seed)
    options = {"--count": given.count, "--seed": given.seed}
    made = [word for name, value in options.items() if value is not None for word in (name, value)]
    made += ["--kinematics-only"] if given.kinematics_only else []
    write_text(given.folder / SYNTHETIC, f"python -m synthetic {quoted(given.kind, given.folder.name, *made)}\n")
    print(given.folder)
    print(f"evaluate it: {typed('evaluate', given.folder, '--config', given.kind)}")


if __name__ == "__main__":
    main()
