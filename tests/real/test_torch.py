"""PyTorch models from a job file to a verdict: a CNN, a transformer, and an LSTM that is trained here."""

import json
import subprocess
import sys

import pytest

from tests.real.jobs import run
from tests.support.brief_benchmarks import brief

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
LSTM = """
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(30522, 64)
        self.lstm = nn.LSTM(64, 96, batch_first=True, bidirectional=True)
        self.head = nn.Linear(192, 2)

    def forward(self, input_ids, attention_mask):
        out, _ = self.lstm(self.embedding(input_ids))
        seen = attention_mask.to(torch.float32)[:, :, None]
        return self.head((out * seen).sum(1) / seen.sum(1))


def build():
    lengths = [torch.ones(1, length, dtype=torch.int64) for length in (32, 64)]
    return Tagger(), [(one, one) for one in lengths]


def train(rows, target):
    torch.manual_seed(0)
    module, _ = build()
    data = np.load(rows)
    ids, mask, label = (torch.from_numpy(data[name]) for name in ("input_ids", "attention_mask", "label"))
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(4):
        for batch in torch.randperm(len(ids)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(ids[batch], mask[batch]), label[batch]).backward()
            optimizer.step()
    torch.save(module.state_dict(), target)


if __name__ == "__main__":
    train(*map(Path, sys.argv[1:]))
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
    (tmp_path / "lstm.py").write_text(LSTM)
    rows = models / "sst2-minilm" / "train1k.npz"
    subprocess.run([sys.executable, tmp_path / "lstm.py", rows, tmp_path / "weights.pt"], check=True)
    model = '{torch: "lstm.py:build", weights: weights.pt}'
    result = run(tmp_path, SENTENCES.format(models=models, model=model), 0, 3, 4, **brief())
    baseline, best = result["table"]
    assert baseline["accuracy"]["value"] > 0.6
    assert best["speedup"]["value"] > 1.2 and best["source_speedup"]["value"] > 1.2
    assert parity(tmp_path) < 1e-5
