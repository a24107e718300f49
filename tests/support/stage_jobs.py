"""A job of chains over a small CNN that has learned its rows a little."""

import sys
from pathlib import Path

import numpy as np

from tests.support.small_modules import CODE, pictures

HEAD = """
version: 1
name: a
model: {torch: "modules.py:cnn", weights: w.safetensors}
data:
  training: {path: rows.npz, stop: 192}
  calibration: {path: rows.npz, stop: 32}
  tuning: {path: rows.npz, start: 192, stop: 256}
  validation: {path: rows.npz, start: 256}
metric: top1
"""
"""A job of 400 rows without its training and recipes."""


def write_stage_job(folder: Path, job: str) -> Path:
    """Write module, weights, 400 rows and the job's text; return its path."""
    import torch
    from safetensors.torch import save_file

    (folder / "modules.py").write_text(CODE)
    sys.path.insert(0, str(folder))
    torch.manual_seed(0)
    namespace: dict = {}
    exec(CODE, namespace)
    module, _ = namespace["cnn"]()
    sys.path.remove(str(folder))
    x, y = pictures(400)
    adam = torch.optim.Adam(module.parameters(), 0.01)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(module(torch.tensor(x[:192])), torch.tensor(y[:192]))
        adam.zero_grad()
        loss.backward()
        adam.step()
    save_file(module.state_dict(), folder / "w.safetensors")
    np.savez(folder / "rows.npz", input=x, label=y)
    (folder / "job.yaml").write_text(job)
    return folder / "job.yaml"
