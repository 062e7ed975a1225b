"""The tutorial, which `.ci/newcomer.py` runs: every command shows its lines."""

from tests.helpers.checkout import ROOT
from tests.helpers.scripts import load_script

newcomer = load_script(ROOT / ".ci" / "newcomer.py")


def test_every_command_of_the_tutorial_is_run_and_shows_its_lines():
    page = (ROOT / newcomer.PAGE).read_text(encoding="utf-8")
    assert newcomer.unrun(page) == []
    silent = {step.command.split()[0] for step in newcomer.steps_of(page) if not step.printed}
    assert silent <= {"python3", ".", "python", "mv"}


def test_a_note_on_two_nearly_equal_numbers_may_be_missing():
    note = "note: 'random' ranks higher than combined: 0.524 against 0.503 (a tie)"
    assert newcomer.alike(["rows"], ["rows", note])
    assert not newcomer.alike(["rows"], ["rows", note.replace("0.524", "0.924")])
