"""Prediction and protection on ultraface, against the emulated kernels of a CPU without VNNI."""

import json
import os
import subprocess
import sys

import pytest

from inc_mlflow.errors import MissingExtraError
from tests.support.paths import ROOT

pytestmark = [pytest.mark.real, pytest.mark.slow]

SCRIPT = ("-m", "tests.benchmarks.saturation")


@pytest.fixture(scope="module")
def measured(models):
    from inc_mlflow.engines.onnxruntime.emulation import prepare

    try:
        prepare("x86-avx2")
    except MissingExtraError as error:
        pytest.skip(str(error))
    environment = os.environ | {"INC_REAL_MODELS": str(models)}
    done = subprocess.run(
        [sys.executable, *SCRIPT], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_prediction_and_emulation_name_the_same_layers(measured):
    assert measured["layers"] == 52
    assert measured["changed"] > 3
    assert measured["agree"] >= 50


def test_targeted_protection_keeps_accuracy_on_both(measured):
    agreement = measured["agreement"]
    before = agreement["unprotected"]["native"]
    assert agreement["unprotected"]["emulated"] < before - 0.05
    assert agreement["protected"]["native"] == pytest.approx(before, abs=0.005)
    assert agreement["protected"]["emulated"] == pytest.approx(agreement["protected"]["native"], abs=0.005)
    assert agreement["7-bit"]["native"] < before - 0.01  # why not all layers


def test_targeted_protection_costs_no_speed(measured):
    assert measured["cpu_ratio"] == pytest.approx(1, abs=0.05)
