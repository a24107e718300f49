"""PyTorch models from a job file to a verdict: a CNN, a transformer, and an LSTM that is trained here."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.real.jobs import run
from tests.support.brief_benchmarks import brief
from tests.support.paths import ROOT

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.real, pytest.mark.long]

FACES = """
version: 1
name: onet-faces
model: {{torch: "{models}/onet-faces/onet.py:model", weights: {models}/onet-faces/onet.pt}}
data:
  calibration: {{path: {models}/onet-faces/calib.npz}}
  tuning: {{path: {models}/onet-faces/tune.npz}}
  validation: {{path: {models}/onet-faces/test.npz}}
metric: {{name: top1, output: output_0}}
recipes: [{{method: static}}]
"""
SENTENCES = """
version: 1
name: sentences
model: {model}
data:
  calibration: {{path: {models}/sst2-minilm/train1k.npz, samples: 50}}
  tuning: {{path: {models}/sst2-minilm/dev.npz}}
  validation: {{path: {models}/sst2-minilm/test.npz}}
metric: top1
recipes: [{{method: dynamic}}]
gate: {{max_relative_drop: 0.02}}
"""


def parity(tmp_path):
    (record,) = tmp_path.glob(".inc-mlflow/*/baseline/record.json")
    source = json.loads(record.read_text())["framework_source"]
    return max(one["relative_difference"] for one in source["parity"])


def test_a_cnn_of_faces(models, tmp_path):
    result = run(tmp_path, FACES.format(models=models), 0, 3, 4, **brief())
    baseline, best = result["table"]
    assert baseline["accuracy"]["value"] == pytest.approx(0.930, abs=2e-3)
    assert best["accuracy"]["value"] > 0.92
    assert baseline["source_speedup"]["value"] > 1.5  # PyTorch itself is the source
    assert parity(tmp_path) < 1e-5


def test_a_transformer_of_sentences(models, tmp_path):
    # Its weights are read by the function of the model's own file.
    folder = models / "sst2-minilm"
    model = f'{{torch: "{folder}/minilm.py:model", reads: [{folder}/fp32.onnx]}}'
    result = run(tmp_path, SENTENCES.format(models=models, model=model), 0, 3, 4, **brief())
    baseline, best = result["table"]
    assert baseline["accuracy"]["value"] == pytest.approx(0.8891, abs=5e-4)
    assert best["accuracy"]["value"] == pytest.approx(0.88, abs=6e-3)
    assert best["speedup"]["value"] > 1.5
    assert parity(tmp_path) < 1e-5


def test_an_lstm_of_sentences(models, tmp_path):
    shutil.copyfile(ROOT / "examples" / "sentences" / "lstm.py", tmp_path / "lstm.py")
    rows, weights = models / "sst2-minilm" / "train1k.npz", tmp_path / "weights.safetensors"
    subprocess.run([sys.executable, tmp_path / "lstm.py", rows, weights], check=True)
    model = '{torch: "lstm.py:build", weights: weights.safetensors}'
    result = run(tmp_path, SENTENCES.format(models=models, model=model), 0, 3, 4, **brief())
    baseline, best = result["table"]
    assert baseline["accuracy"]["value"] > 0.6
    assert best["speedup"]["value"] > 1.2 and best["source_speedup"]["value"] > 1.2
    assert parity(tmp_path) < 1e-5
