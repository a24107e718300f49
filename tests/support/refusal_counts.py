"""Counts what tests say of the graphs they walked, and prints the sums at the end of a run."""

from collections import Counter
from collections.abc import Mapping

import pytest

PREFIX = "graphs: "
_sums: dict[str, Counter[str]] = {}


def counted(record_property, title: str, counts: Mapping[str, int]) -> None:
    """Add to the sums under a title; ``record_property`` is pytest's fixture, which reaches other processes."""
    record_property(PREFIX + title, dict(counts))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        for key, value in report.user_properties:
            if key.startswith(PREFIX):
                _sums.setdefault(key, Counter()).update(value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for title, counts in sorted(_sums.items()):
        terminalreporter.section(title)
        for text, count in counts.most_common():
            terminalreporter.write_line(f"{count:6d}  {text}")
