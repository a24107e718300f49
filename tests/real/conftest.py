"""Real models are read from the folder in INC_REAL_MODELS; without it these tests skip and say so."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def models() -> Path:
    folder = os.environ.get("INC_REAL_MODELS")
    if not folder:
        pytest.skip("INC_REAL_MODELS is not set: it names the folder with sst2-minilm, ultraface and digits")
    return Path(folder)
