"""Real models are read from the folder in INC_REAL_MODELS; without it these tests skip and say so."""

import os
from pathlib import Path

import pytest

_ran: list[str] = []


@pytest.fixture(scope="session")
def models() -> Path:
    folder = os.environ.get("INC_REAL_MODELS")
    if not folder:
        pytest.skip("INC_REAL_MODELS is not set: it names the folder with sst2-minilm, ultraface and digits")
    return Path(folder)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and "tests/real/" in report.nodeid:
        _ran.append(report.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"tests on real models that ran: {len(_ran)}")
