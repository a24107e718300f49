from pathlib import Path

import numpy as np
import pytest

from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from tests.support.paths import EXAMPLE


@pytest.fixture(scope="session")
def source() -> Path:
    return EXAMPLE / "fp32.onnx"


@pytest.fixture(scope="session")
def baseline(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    normalize(source, folder)
    return folder / MODEL


@pytest.fixture(scope="session")
def rows() -> list[dict[str, np.ndarray]]:
    with np.load(EXAMPLE / "calib.npz") as archive:
        return [{"image": image[None]} for image in archive["image"][:64]]


@pytest.fixture(scope="session")
def ranges(baseline, rows) -> Ranges:
    return collect(baseline, rows, threads=1)
