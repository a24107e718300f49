"""Jobs on real models with recipes given by hand, and how tests run them."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("inc-mlflow")

SST2 = """
version: 1
name: sst2-minilm
model: {models}/sst2-minilm/fp32.onnx
data:
  calibration: {{path: {models}/sst2-minilm/train1k.npz, samples: 100}}
  tuning: {{path: {models}/sst2-minilm/dev.npz}}
  validation: {{path: {models}/sst2-minilm/test.npz}}
metric: {{name: top1, output: logits}}
recipes:
- {{method: dynamic}}
gate: {{max_relative_drop: {limit}}}
"""

ULTRAFACE = """
version: 1
name: ultraface
model: {models}/ultraface/version-RFB-320.onnx
data:
  calibration: {{callable: "{models}/ultraface/callables.py:data"}}
  tuning: {{callable: "{models}/ultraface/callables.py:data"}}
  validation: {{callable: "{models}/ultraface/callables.py:data"}}
metric: {{callable: "{models}/ultraface/callables.py:agreement", decomposable: false}}
recipes:
- {{method: static}}
"""

DIGITS = """
version: 1
name: digits
model: {models}/digits/fp32.onnx
data:
  calibration: {{path: {models}/digits/calib.npz}}
  tuning: {{path: {models}/digits/tune.npz}}
  validation: {{path: {models}/digits/dev.npz}}
metric: top1
recipes:
- {{method: static}}
"""


def run(tmp_path: Path, job: str, *expected: int) -> dict:
    (tmp_path / "job.yaml").write_text(job)
    done = subprocess.run([PROGRAM, "run", tmp_path / "job.yaml", "--json"], capture_output=True, text=True)
    assert done.returncode in expected, done.stderr[-2000:]
    return json.loads(done.stdout)
