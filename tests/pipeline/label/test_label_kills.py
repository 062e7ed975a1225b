"""A process that is killed with SIGKILL while it writes answers loses none that it confirmed."""

import subprocess
import sys
from pathlib import Path

from data.datasets.rater_answers import RATINGS, read_answers

WRITER = """
import sys
from pathlib import Path
from data.datasets.rater_answers import Answer, append_answers, rater_file
for number in range(int(sys.argv[2]), 10**6):
    append_answers(rater_file(Path(sys.argv[1]), "anna"), Answer((f"{number:064x}",), "skipped"))
    print(number, flush=True)
"""


def test_kills_lose_no_answer(tmp_path):
    """`tests/test_disturbances.py` kills the page at each of its operations."""
    confirmed = 0
    for _ in range(3):
        words = [sys.executable, "-c", WRITER, str(tmp_path), str(confirmed)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
        for _ in range(20):
            process.stdout.readline()
        process.kill()
        confirmed += 20 + len(process.communicate()[0].splitlines())
        answers, unread = read_answers(tmp_path / RATINGS / "anna.csv")
        assert confirmed <= len(answers) <= confirmed + 1
        assert unread <= 3, "lines that were cut off"
