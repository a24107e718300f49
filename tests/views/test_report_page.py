"""A report in a real browser: nothing fails, and nothing is wider than a desk's screen or a phone's."""

import pytest

from inc_mlflow.reports.page.write import write_report
from tests.support.paths import SCREENSHOTS
from tests.support.reported_jobs import reported

pytestmark = pytest.mark.slow
LONG = f"static u8s8 per-channel, FP32: {', '.join(f'/encoder/layer.{n}/MatMul' for n in range(40))}"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    jobs = [reported(LONG, "dynamic", "x" * 300), reported("static", "dynamic", "no kernel", "resnet50-v1")]
    return f"file://{write_report(jobs, tmp_path_factory.mktemp('page'))['html']}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
def test_it_fits_the_screen_and_the_console_is_silent(browser, address, width, scheme):
    metrics = {"width": width, "height": 1200, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    try:
        browser.get(address)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(SCREENSHOTS / f"report-{width}-{scheme}.png"))
        assert [one["message"] for one in browser.get_log("browser") if "report.html" in one["message"]] == []
        shown, needed, light = browser.execute_script(
            "const root = document.documentElement, paper = getComputedStyle(document.body).backgroundColor;"
            "return [root.clientWidth, root.scrollWidth, Number(paper.match(/\\d+/)[0]) > 127]"
        )
        assert needed <= shown <= width
        assert light == (scheme == "light")
        assert browser.execute_script("return document.querySelectorAll('figure svg circle').length") == 6
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
