"""What training gives back where weights have few bits: a small separable CNN on handwritten digits.

    .venv/bin/python -m tests.benchmarks.qat DIGITS.npz [BITS ...]

DIGITS.npz holds `x` (n, 28, 28) uint8 and `label`: the first 3,500 rows train, the next 500 choose the epoch, the
rest judge. Prints JSON: accuracy of FP32, and for each number of bits that of the start and of three seeds.
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inc_mlflow.engines.engine import MethodData, RunSettings, Statistics
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.engine import ENGINE
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.trainable import TRAINING_FACTS, TrainingData, TuningOutcome
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.spec import parse_recipe
from inc_mlflow.spec.training import TrainingSpec
from inc_mlflow.steps.compress.training import row_distances

TRAINED, CHOOSING, BATCH, EPOCHS, COPIES, SEEDS = 3500, range(3500, 4000), 64, 12, 8, range(3)
MEAN, DEVIATION = 0.13, 0.31


def layer(channels, out, stride=1, groups=1, kernel=3):
    convolution = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.ReLU())


def separable(channels, out, stride=1):
    return nn.Sequential(layer(channels, channels, stride, channels), layer(channels, out, kernel=1))


def network(c=16):
    sizes = ((c, 2 * c, 2), (2 * c, 2 * c, 1), (2 * c, 4 * c, 2), (4 * c, 4 * c, 1), (4 * c, 8 * c, 2))
    body = [separable(*size) for size in sizes]
    return nn.Sequential(layer(1, c), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * c, 10))


def shifted(x: Tensor) -> Tensor:
    """Move pictures by up to two pixels."""
    i, j = torch.randint(0, 5, (2,))
    return functional.pad(x, (2, 2, 2, 2), value=-MEAN / DEVIATION)[:, :, i : i + 28, j : j + 28]


def fitted(x: Tensor, labels: Tensor) -> nn.Module:
    model, steps = network(), EPOCHS * (len(x) // BATCH)
    adam = torch.optim.Adam(model.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for at in range(0, len(x) - BATCH + 1, BATCH):
            chosen = order[at : at + BATCH]
            loss = functional.cross_entropy(model(shifted(x[chosen])), labels[chosen])
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
    return model.eval()


def copies(x: Tensor, labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Several shifted copies of each row: training reads its rows once."""
    parts = []
    for _ in range(COPIES):
        order = torch.randperm(len(x))
        chosen = [order[at : at + 50] for at in range(0, len(x), 50)]
        parts += [(shifted(x[one]).numpy(), labels[one].numpy()) for one in chosen]
    return tuple(np.concatenate(side) for side in zip(*parts, strict=True))


def logits(path: Path, x: np.ndarray) -> np.ndarray:
    model = ENGINE.load(path, RunSettings())
    return np.concatenate([model({"x": x[at : at + 50]})["z"] for at in range(0, len(x), 50)])


@dataclass(frozen=True)
class Digits:
    """The network as a baseline, and rows to train, to choose the epoch and to judge, each with labels."""

    baseline: Path
    statistics: Statistics
    pictures: tuple[Tensor, Tensor]
    choosing: tuple[np.ndarray, np.ndarray]
    judging: tuple[np.ndarray, np.ndarray]

    def hits(self, path: Path) -> np.ndarray:
        """1 for each row to judge whose class is right."""
        x, labels = self.judging
        return (logits(path, x).argmax(1) == labels).astype(np.float64)


def prepared(archive: str, folder: Path) -> Digits:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with np.load(archive) as file:
        x = ((file["x"].astype("f4") / 255 - MEAN) / DEVIATION)[:, None].astype("f4")
        labels = file["label"].astype("i8")
    pictures = torch.tensor(x[:TRAINED]), torch.tensor(labels[:TRAINED])
    program = torch.onnx.export(
        fitted(*pictures),
        (pictures[0][:1],),
        input_names=["x"],
        output_names=["z"],
        dynamo=True,
        opset_version=18,
        dynamic_shapes=({0: torch.export.Dim("n")},),
        verbose=False,
    )
    program.save(folder / "fp32.onnx")
    (folder / "baseline").mkdir()
    normalize(folder / "fp32.onnx", folder / "baseline")
    baseline = folder / "baseline" / MODEL
    statistics = collect(baseline, [{"x": x[at : at + 1]} for at in range(300)], 1)
    choosing, judging = slice(CHOOSING.start, CHOOSING.stop), slice(CHOOSING.stop, None)
    return Digits(
        baseline, statistics, pictures, (x[choosing], labels[choosing]), (x[judging], labels[judging])
    )


def trained(digits: Digits, rows, bits: int, folder: Path, **settings) -> tuple[Path, Path, dict]:
    """Return the start, the candidate, and how it was trained."""
    x, labels = digits.choosing
    true = logits(digits.baseline, x)

    def score(path):
        found = logits(path, x)
        hits = (found.argmax(1) == labels).astype(np.float64)
        return TuningOutcome(hits, np.array(row_distances({"z": true}, {"z": found})))

    def batches():
        return (
            ({"x": rows[0][at : at + 1000]}, rows[1][at : at + 1000]) for at in range(0, len(rows[0]), 1000)
        )

    spec = TrainingSpec(**settings)
    data = TrainingData(batches, None, True, spec, None, None, score, folder / "state")
    recipe = parse_recipe({"method": "qat", "weight_bits": bits})
    folder.mkdir()
    target = folder / MODEL
    METHODS.get("onnxruntime.qat").apply(
        digits.baseline, recipe, MethodData(lambda: iter(()), digits.statistics, 1, data), target
    )
    facts = json.loads((folder / TRAINING_FACTS).read_text())
    return next((folder / "state").glob(f"*/0/{MODEL}")), target, facts


def main(archive: str, *bits: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        digits = prepared(archive, folder)
        rows = copies(*digits.pictures)
        found = {"fp32": digits.hits(digits.baseline).mean()}
        for width in map(int, bits or ("4", "3")):
            after = []
            for seed in SEEDS:
                start, target, _ = trained(
                    digits, rows, width, folder / f"{width}-{seed}", epochs=1, seed=seed
                )
                after.append(digits.hits(target).mean())
            found[f"{width} bits"] = {"start": digits.hits(start).mean(), "trained": after}
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
