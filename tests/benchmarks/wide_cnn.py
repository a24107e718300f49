"""A convolutional network on handwritten digits, well trained, as a source of PyTorch with its rows.

The archive holds `x` (n, 28, 28) uint8 and `label`: the first 3,500 rows train, in shifted copies, the next 500
choose the epoch, the rest judge.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.pytorch.source import SOURCE
from tests.benchmarks.qat import CHOOSING, DEVIATION, MEAN, TRAINED, shifted

COPIES, BATCH, EPOCHS, RATE = 3, 64, 10, 4e-3
EXCLUDED = ("0", "17")
"""The first layer, which has one input, and the last one."""
CODE = """
import torch
from torch import nn


def build(c={width}):
    sizes = ((1, c, 1), (c, c, 2), (c, 2 * c, 1), (2 * c, 2 * c, 2), (2 * c, 4 * c, 1))
    body = [
        layer
        for channels, out, stride in sizes
        for layer in (nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())
    ]
    module = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * c, 10))
    return module, {{"input": torch.zeros(2, 1, 28, 28)}}
"""
Rows = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class WideCnn:
    """The trained network in a folder, and its rows with labels."""

    root: Path
    source: TorchModel
    training: Rows
    choosing: Rows
    judging: Rows

    def accuracy(self, source: TorchModel) -> float:
        """Return the share of the judging rows whose class a module finds."""
        x, labels = self.judging
        found = SOURCE.open(source, self.root).run({"input": x})["output"]
        return float((found.argmax(1) == labels).mean())


def trained(archive: str, root: Path, width: int) -> WideCnn:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with np.load(archive) as file:
        x = ((file["x"].astype("f4") / 255 - MEAN) / DEVIATION)[:, None].astype("f4")
        labels = file["label"].astype("i8")
    (root / "cnn.py").write_text(CODE.format(width=width))
    source = TorchModel.model_validate({"torch": "cnn.py:build", "weights": "w.safetensors"})
    built = SOURCE.open(source.model_copy(update={"weights": None}), root).module
    pictures = torch.tensor(x[:TRAINED]), torch.tensor(labels[:TRAINED])
    _fit(built.requires_grad_(True).train(), *pictures)
    save_file(built.state_dict(), root / "w.safetensors")
    parts = slice(CHOOSING.start, CHOOSING.stop), slice(CHOOSING.stop, None)
    choosing, judging = ((x[part], labels[part]) for part in parts)
    return WideCnn(root, source, _copies(*pictures), choosing, judging)


def _fit(module: nn.Module, x: Tensor, labels: Tensor) -> None:
    adam = torch.optim.Adam(module.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, EPOCHS * (len(x) // BATCH))
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for at in range(0, len(x) - BATCH + 1, BATCH):
            chosen = order[at : at + BATCH]
            loss = functional.cross_entropy(module(shifted(x[chosen])), labels[chosen])
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()


def _copies(x: Tensor, labels: Tensor) -> Rows:
    """Several shifted copies of each row: training reads its rows once."""
    parts = []
    for _ in range(COPIES):
        order = torch.randperm(len(x))
        for at in range(0, len(x), 50):
            chosen = order[at : at + 50]
            parts.append((shifted(x[chosen]).numpy(), labels[chosen].numpy()))
    pictures, classes = zip(*parts, strict=True)
    return np.concatenate(pictures), np.concatenate(classes)
