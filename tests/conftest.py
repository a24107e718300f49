"""Say at the end how many tests on real models ran: a run without them must not pass for one with them."""

import pytest

pytest_plugins = ["server_fixtures"]
_ran: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and "tests/real/" in report.nodeid:
        _ran.append(report.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"tests on real models that ran: {len(_ran)}")
