"""Emulated processes; everything here skips with the reason where emulation is not possible."""

import json
import os
import subprocess
import sys

import pytest

from inc_mlflow.engines.onnxruntime.emulation import prepare
from inc_mlflow.errors import MissingExtraError


@pytest.fixture(scope="session")
def python_as():
    """Give a function that runs Python code as a CPU (None: this one) and returns what it prints as JSON."""

    def run(name, code, *arguments, check=True, **environment):
        environment |= prepare(name) if name else {}
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | environment, check=False
        )
        if not check:
            return done
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    try:
        prepare("x86-avx2")
    except MissingExtraError as error:
        pytest.skip(str(error))
    return run
