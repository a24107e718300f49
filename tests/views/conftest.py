"""A real pipeline's runs on a real MLflow server, and a real browser that opens the links which the program
printed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.brief_benchmarks import brief
from tests.support.mlflow_server import mlflow_server
from tests.support.paths import ROOT, SCREENSHOTS
from tests.support.programs import leave_out

EXAMPLE = ROOT / "examples" / "digits"
PROGRAM = Path(sys.executable).with_name("inc-mlflow")
CHANGES = {"recipes": [{"method": "static"}, {"method": "dynamic"}]}
SIZE = (1600, 1700)
PATIENCE = 90


class Page:
    """MLflow's page in a browser."""

    def __init__(self, browser: Chrome, site: str) -> None:
        self.browser = browser
        browser.get(f"{site}/version")
        for name, value in {"panelOpen": "false", "fab.autoOpenedOnFirstLoad": "true"}.items():
            browser.execute_script(f"localStorage.setItem('mlflow.assistant.{name}_v1', '{value}')")

    def open(self, url: str) -> None:
        self.browser.get("about:blank")  # a change behind the # alone loads nothing
        self.browser.get(url)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of the elements, from top to bottom of the document."""
        script = "return [...document.querySelectorAll(arguments[0])].map(one => one.textContent.trim())"
        return self.browser.execute_script(script, selector)

    def element(self, selector: str) -> WebElement:
        return self.browser.find_element("css selector", selector)

    def headers(self, names: list[str]) -> list[str]:
        """Return those of the names that head a column, from left to right."""
        script = """
            const left = header => header.getBoundingClientRect().left
            const headers = [...document.querySelectorAll('.ag-header-cell')].sort((a, b) => left(a) - left(b))
            return headers.map(one => one.textContent.trim())"""
        return [name for name in self.browser.execute_script(script) if name in names]

    def column(self, name: str) -> list[str]:
        """Return a column of the table from its first row to its last."""
        script = """
            const cells = [...document.querySelectorAll(`.ag-row .ag-cell[col-id="${arguments[0]}"]`)]
            const place = cell => Number(cell.closest('.ag-row').getAttribute('row-index'))
            return cells.sort((a, b) => place(a) - place(b)).map(cell => cell.textContent.trim())"""
        return self.browser.execute_script(script, name)

    def await_(self, condition: Callable[[], bool], name: str) -> None:
        """Wait for what the page shows late; its picture is kept whether it comes or not."""
        try:
            WebDriverWait(self.browser, PATIENCE).until(lambda _: condition())
        finally:
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            self.browser.save_screenshot(str(SCREENSHOTS / f"{name}.png"))


@pytest.fixture(scope="session")
def browser():
    if missing := [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]:
        leave_out(f"{' and '.join(missing)} not installed")
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium")
    width, height = SIZE
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", f"window-size={width},{height}"):
        options.add_argument(f"--{argument}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, Service(shutil.which("chromedriver"))) as chrome:
        yield chrome


@pytest.fixture(scope="session")
def site(browser, tmp_path_factory):
    """The address of a server; nothing is started where there is no browser."""
    with mlflow_server(tmp_path_factory.mktemp("site")) as server:
        yield server.url


@pytest.fixture(scope="session")
def result(site, tmp_path_factory):
    """What a job printed that was run with this server."""
    folder = tmp_path_factory.mktemp("job")
    for file in [*EXAMPLE.glob("*.npz"), EXAMPLE / "fp32.onnx"]:
        shutil.copyfile(file, folder / file.name)
    job = yaml.safe_load((EXAMPLE / "job.yaml").read_text()) | CHANGES
    (folder / "job.yaml").write_text(yaml.safe_dump(job))
    command = [PROGRAM, "run", folder / "job.yaml", "--json"]
    done = subprocess.run(
        command,
        env=environment(MLFLOW_TRACKING_URI=site, **brief()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 3, 4), done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture
def page(browser, site):
    return Page(browser, site)


def environment(**more):
    own = {name: value for name, value in os.environ.items() if not name.startswith(("INC_MLFLOW", "MLFLOW"))}
    return own | more
