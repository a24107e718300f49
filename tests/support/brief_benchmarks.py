"""Benchmarks as short as they can be, for tests of whole jobs that are not about speed.

All of a benchmark happens, once: processes start, warm up, take turns and are timed. It is not as steady, so
tests of speeds and their bounds take the length that users get.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.at_start_of_programs import at_start

CONSTANTS = {
    "inc_mlflow.measure.timing.cpu_time": {"GENERATIONS": 1, "SECONDS": 0.2},
    "inc_mlflow.steps.measure.benchmark": {"PROFILED_SECONDS": 0.2},
}


def brief(*folders: Path) -> dict[str, str]:
    """Return the environment of a process whose benchmarks are short, with these folders to import from."""
    return at_start(*folders) | {"TESTS_CHANGED_CONSTANTS": json.dumps(CONSTANTS)}


@contextmanager
def brief_benchmarks() -> Iterator[None]:
    """Keep benchmarks short in this process, and in those that start meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in brief().items():
            patch.setenv(name, value)
        for module, values in CONSTANTS.items():
            for name, value in values.items():
                patch.setattr(import_module(module), name, value)
        yield


@pytest.fixture
def brief_benchmark() -> Iterator[None]:
    with brief_benchmarks():
        yield


@pytest.fixture(scope="module")
def brief_benchmark_of_the_file() -> Iterator[None]:
    """For fixtures that run a job once for a file."""
    with brief_benchmarks():
        yield
