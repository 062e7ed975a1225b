"""A researcher reads the page of an evaluation in a real browser: sorts the table, sees every prediction."""

from models.estimate import Estimate
from pipeline.evaluate.system_table import Table, TableRow
from pipeline.report import ReportData
from pipeline.report.page_data import EvaluationSection, ScatterPoint
from tests.helpers.browsing import IN_BROWSER, IN_VIEWS, fits, saved, shown, wait_for

pytestmark = IN_BROWSER


@IN_VIEWS
def test_an_evaluation_is_sorted_by_keys_and_shows_every_prediction(browser, tmp_path, view):
    """Of 26 systems, the last but one has the highest correlation and the worst error."""
    rows = tuple(TableRow(f"system {i}", (None if i == 25 else i / 100, 30.0 + i)) for i in range(26))
    table = Table("Leaderboard", ("rho", "MAE"), rows, better=("high", "low"))
    predictions = (
        ScatterPoint("=a", 10, Estimate(12, 4, 70)),
        ScatterPoint('"b"', 20, Estimate(55)),
        ScatterPoint("c", 15, Estimate(-30)),
    )
    data = ReportData("Leaderboard", evaluation=EvaluationSection(predictions=predictions, table=table))
    with shown(browser, tmp_path, data, **view) as page:
        wait_for(page, "document.querySelector('#scatter svg')")
        assert page.eval_on_selector(".scroll.whole", "box => box.scrollHeight - box.clientHeight") == 0
        head = page.get_by_role("columnheader", name="MAE")
        for order in ("ascending", "descending"):
            page.get_by_role("button", name="MAE").press("Enter")
            assert head.get_attribute("aria-sort") == order
            errors = [float(text) for text in page.locator(".results td:nth-child(3)").all_inner_texts()]
            assert errors == sorted(errors, reverse=order == "descending")
        page.get_by_role("button", name="rho").press(" ")
        assert head.get_attribute("aria-sort") == "none"
        cells = page.locator(".results td:nth-child(2)").all_inner_texts()
        assert cells == [*(f"{i / 100:.3f}" for i in range(24, -1, -1)), "\N{EN DASH}"]
        page.get_by_role("button", name="System", exact=True).click()
        assert page.locator(".results tbody th").all_inner_texts() == [f"system {i}" for i in range(26)]
        assert page.locator("#scatter [aria-label=dot] circle").count() == 3
        _, path = saved(page, "role=button[name='Predicted against true as CSV']")
        lines = [line.split(",")[0] for line in path.read_text("utf-8").splitlines()[1:]]
        assert lines == ["'=a", '"""b"""', "c"], "no name starts a formula"
        fits(page, view)
