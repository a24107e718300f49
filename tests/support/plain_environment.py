"""An environment without MLflow's variables, for every test of the folder whose conftest imports this."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def plain_environment() -> Iterator[None]:
    """Begin and end without variables of ours and of MLflow's.

    MLflow writes the store that it talks to into the environment, also for the fixtures that live longer than
    a test: jobs of later tests would go there.
    """
    before = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "INC_MLFLOW_"))
    }
    os.environ.clear()
    os.environ.update(before)
    yield
    os.environ.clear()
    os.environ.update(before)
