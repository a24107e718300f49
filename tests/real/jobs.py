"""Jobs on real models with recipes given by hand, and how tests run them."""

import json
import os
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

REMEMBERED = """
import sys
sys.path.insert(0, "{models}/ultraface")
import callables
from callables import agreement, data

found, detect = {{}}, callables.detect

def remembered(scores, boxes, threshold):
    '''Detect the faces of a row once, not on each of 1,000 resamples.'''
    key = float(scores.sum()), float(boxes.sum()), threshold
    if key not in found:
        found[key] = detect(scores, boxes, threshold)
    return found[key]

callables.detect = remembered
"""
"""A file that finds the faces of a row once, not on each of 1,000 resamples, as ultraface's own does."""

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


def remembered(job: str, models: Path, folder: Path) -> str:
    """Return a job on ultraface with functions that are the same and faster, from a file in ``folder``."""
    (folder / "remembered.py").write_text(REMEMBERED.format(models=models))
    return job.replace(f"{models}/ultraface/callables.py", "remembered.py")


def run(tmp_path: Path, job: str, *expected: int, **environment: str) -> dict:
    (tmp_path / "job.yaml").write_text(job)
    command = [PROGRAM, "run", tmp_path / "job.yaml", "--json"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode in expected, done.stderr[-2000:]
    return json.loads(done.stdout)
