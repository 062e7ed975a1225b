"""The page of common mistakes shows what the commands really answer."""

from __future__ import annotations

import re

from tests.helpers.mistakes import MISTAKES, PAGE, page


def test_the_page_shows_what_every_mistyped_command_answers() -> None:
    shown = PAGE.read_text("utf-8")
    assert len(MISTAKES) >= 20
    assert shown == page(), "python -m tests.helpers.mistakes writes the page again"
    blocks = re.findall(r"```\n\$ (aqa .*)\n((?:.*\n)+?)```", shown)
    assert [command for command, _ in blocks] == [command for _, command in MISTAKES]
    for command, answer in blocks:
        assert "Traceback" not in answer, command
        assert re.search(r"-> |did you mean|Did you mean|--help' for help|give the --config|name it with", answer), (
            command
        )
