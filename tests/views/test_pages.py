"""The links of a finished job, opened: MLflow's page shows what a person picks the best INT8 model by."""

import pytest

pytestmark = pytest.mark.slow

FACTS, NUMBERS = ["pool", "recipe", "verdict"], ["speedup", "top1", "relative_drop", "p99_ms", "size_mb"]
HEADERS = [*(f"inc.{name}" for name in FACTS), *NUMBERS]
COLUMNS = [*(f"params.`inc.{name}`" for name in FACTS), *(f"metrics.`{name}`" for name in NUMBERS)]
AXES = ["inc.pool", "inc.verdict", "top1", "relative_drop", "p99_ms", "size_mb", "speedup"]
CHARTS = ["Parallel Coordinates", "speedup vs. top1", "speedup", "p99_ms", "size_mb"]
LINES = """ // is anything drawn on it?
    const {width, height} = arguments[0]
    const colours = arguments[0].getContext('2d').getImageData(0, 0, width, height).data
    return colours.some(byte => byte > 0)"""


def test_the_leaderboard_shows_the_candidates_in_the_order_of_the_result(page, result):
    candidates = result["table"][1:]
    page.open(result["tracking"]["leaderboard_url"])
    page.await_(lambda: all(len(page.column(name)) > len(candidates) for name in COLUMNS), "leaderboard")

    pool, recipe, verdict, speedup, *others = map(page.column, COLUMNS)
    assert set(pool) == {"local"}
    assert recipe == [*(row["recipe"] for row in candidates), "baseline"]
    assert verdict[:-1] == [row["verdict"] for row in candidates]
    assert [float(text) for text in speedup[:-1]] == pytest.approx(
        [row["speedup"]["value"] for row in candidates], abs=0.01
    )
    assert all(all(column) for column in others), "a column is empty"
    assert page.headers(HEADERS) == HEADERS
    check_place(page, "INT8 leaderboard")


def test_the_trade_off_shows_every_model_in_every_chart(page, result):
    models = len(result["table"])
    page.open(result["tracking"]["tradeoff_url"])
    page.await_(lambda: drawn(page, models), "tradeoff")

    assert page.texts("[data-testid=experiment-view-compare-runs-card] h4") == CHARTS
    assert page.texts(".parcoords .dimension > .axis > .label") == AXES
    check_place(page, "INT8 trade-off")


def drawn(page, models):
    points = [len(page.texts(f".js-plotly-plot {kind} .point")) for kind in (".scatterlayer", ".barlayer")]
    if points != [models, 3 * models] or not page.texts(".parcoords .dimension"):
        return False
    return page.browser.execute_script(LINES, page.element(".parcoords canvas.foreground"))


def check_place(page, view):
    """The view is open in the mode for models: without that the page shows other columns, or none."""
    assert page.texts("[data-testid=saved-views-trigger]") == [view]
    assert "Model registry" in page.texts("nav a, aside a")
