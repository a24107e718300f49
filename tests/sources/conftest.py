"""Tests of TensorFlow run where it is installed: in an environment of its own, by `make test`."""

from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOLDERS = [HERE / name for name in ("tensorflow", "keras", "tflite")]
REASON = "TensorFlow is not installed here: `make test` runs it in .venv-tensorflow"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them; TensorFlow warns of its own use of what it has deprecated."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in FOLDERS):
            item.add_marker(pytest.mark.tensorflow)
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            if find_spec("tensorflow") is None:
                item.add_marker(pytest.mark.skip(reason=REASON))


@pytest.fixture(autouse=True, scope="session")
def _quiet_tensorflow() -> None:
    from inc_mlflow.sources.tensorflow.environment import prepare_tensorflow

    if find_spec("tensorflow") is not None:
        prepare_tensorflow()
