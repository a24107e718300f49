"""Small modules of PyTorch with data that can be learned in a second, and what a stage of a chain gets."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inc_mlflow.engines.trainable import TuningOutcome
from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.stage import StageData
from inc_mlflow.spec.training import TrainingSpec

CODE = textwrap.dedent("""
    import torch
    from torch import nn


    class Block(nn.Module):
        def __init__(self, width=16, heads=4):
            super().__init__()
            self.heads, self.size = heads, width // heads
            self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
            self.i, self.f = nn.Linear(width, 32), nn.Linear(32, width)

        def forward(self, x):
            n, length, _ = x.shape
            q, k, v = (
                part(x).view(n, length, self.heads, -1).transpose(1, 2) for part in (self.q, self.k, self.v)
            )
            weights = (q @ k.transpose(-1, -2) / self.size ** 0.5).softmax(-1)
            x = x + self.o((weights @ v).transpose(1, 2).reshape(n, length, -1))
            return x + self.f(torch.relu(self.i(x)))


    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.block, self.head = nn.Linear(4, 16), Block(), nn.Linear(16, 4)

        def forward(self, x):
            return self.head(self.block(self.embed(x.reshape(len(x), 16, 4))).mean(1))


    def cnn():
        module = nn.Sequential(
            nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 4),
        )
        return module, {"input": torch.zeros(2, 1, 8, 8)}


    def attending():
        return Attending(), {"x": torch.zeros(2, 1, 8, 8)}
    """)
"""A CNN of layers 0, 3, 8 and 11, and a module that attends."""


def pictures(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noise with one bright quarter, and which quarter it is."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 1, 8, 8)).astype("f4")
    y = rng.integers(0, 4, count)
    for row, label in enumerate(y):
        x[row, 0, 4 * (label // 2) :, 4 * (label % 2) :][:4, :4] += 1
    return x, y


def module_data(
    folder: Path,
    build: str = "cnn",
    labels: bool = True,
    score: Callable[[object], TuningOutcome] | None = None,
    **training: object,
) -> StageData:
    """Return what a stage gets, with the code in ``folder``; 128 rows to train, 64 to choose by."""
    (folder / "modules.py").write_text(CODE)
    source = TorchModel.model_validate({"torch": f"modules.py:{build}"})
    name = "x" if build == "attending" else "input"
    x, y = pictures(128)
    tuning, right = pictures(64, 1)

    def tuned(model):
        outputs = model({name: tuning})
        hits = next(iter(outputs.values())).argmax(1) == right
        return TuningOutcome(hits.astype("f8"), np.zeros(0))

    (folder / "state").mkdir(exist_ok=True)
    return StageData(
        source=source,
        dense=source,
        root=folder,
        rows=lambda: iter([({name: x}, y if labels else None)]),
        fixed_batch=None,
        spec=TrainingSpec.model_validate(
            {"epochs": 4, "batch": 8, "learning_rate": 0.01, "loss": "cross_entropy", **training}
        ),
        loss=None,
        output=None,
        score=score or tuned,
        state=folder / "state",
    )
