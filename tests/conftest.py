"""The program in this process.

And at the end how many tests on real models ran: a run without them is not one with them.
"""

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.support")
pytest_plugins = [
    "tests.support.emulated_python",
    "tests.support.refusal_counts",
    "tests.support.server_fixtures",
    "tests.support.small_disks",
    "tests.support.tracked_jobs",
]
settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")  # the same examples on every run, and no deadline beside other work
_ran: list[str] = []


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Give a function that calls the program: (exit code, standard output, standard error)."""
    from inc_mlflow.cli import main

    def inner(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["inc-mlflow", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return inner


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Return a directory for the temporary files of commands, to see what they leave there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have slow tests: started last, one of them would have the machine to itself."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives to the end, the tests and the libraries that they import."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and "tests/real/" in report.nodeid:
        _ran.append(report.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"tests on real models that ran: {len(_ran)}")
