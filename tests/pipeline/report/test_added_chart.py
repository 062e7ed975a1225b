"""The chart that docs/extend/page_section.md adds: its code runs, and the page of a video shows it."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from data.store import StageOutput
from data.video import Record
from pipeline.report import ReportData, render_report, video_section
from pipeline.results import Score
from tests.helpers.toy_stages import Brightness

PAGE = Path(__file__).resolve().parents[3] / "docs" / "extend" / "page_section.md"
BEFORE = "    charts += [tool_difference(tools)] if tools else []\n"


def test_the_page_shows_the_added_chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    function, line = re.findall(r"```(?:python)?\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    source = inspect.getsource(video_section)
    assert BEFORE in source
    module = ModuleType("pipeline.report.video_section_with_chart")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source.replace(BEFORE, BEFORE + line) + "\n" + function, str(PAGE), "exec"), module.__dict__)
    values = {"time": np.arange(50) / 25, "brightness": np.linspace(90, 140, 50)}
    outputs = {"brightness": StageOutput.of(Brightness.arrays, values)}
    record = Record("a.mp4", None)
    video = module.video_report(Score("a.mp4", None, 5.0, 0.1), record, outputs, page=tmp_path / "report.html")
    text = render_report(ReportData("t", videos=(video,)))
    assert "Brightness" in text
    assert "A jump shows a cut or a flash." in text
    assert "Brightness" not in render_report(ReportData("t", videos=()))
