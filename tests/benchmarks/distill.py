"""What a teacher is worth to a small student with few labels: handwritten digits.

    .venv/bin/python -m tests.benchmarks.distill DIGITS.npz [LABELLED]

DIGITS.npz holds `x` (n, 28, 28) uint8 and `label`: the teacher, a CNN, learns the first 3,500 rows (shifted), the
students the first LABELLED of them (300); the next 500 choose the epoch, the rest judge. Prints JSON: accuracy of
the teacher, and of each way to train the student that of five seeds, and the mean gain over the student that has
labels alone, seed by seed, with its interval of 95 % (Student's t).
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy import stats

from inc_mlflow.engines.trainable import TuningOutcome
from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.pytorch.source import SOURCE
from inc_mlflow.sources.stage import StageData
from inc_mlflow.spec.training import TrainingSpec
from inc_mlflow.training.distill.method import METHOD
from inc_mlflow.training.distill.options import Distill
from tests.benchmarks.qat import CHOOSING, DEVIATION, MEAN, TRAINED, shifted

SEEDS, LABELLED = range(5), 300
BATCH, EPOCHS, RATE = 64, 10, 4e-3
"""Of the teacher."""
TEACHER = """
import torch
from torch import nn


def build(c=16):
    sizes = ((1, c, 2), (c, 2 * c, 2), (2 * c, 4 * c, 2))
    body = [
        layer
        for channels, out, stride in sizes
        for layer in (nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())
    ]
    module = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * c, 10))
    return module, {"input": torch.zeros(2, 1, 28, 28)}
"""
STUDENT = """
import torch
from torch import nn


def build():
    module = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 10),
    )
    return module, {"input": torch.zeros(2, 1, 28, 28)}
"""
WAYS = {
    "labels alone": {"teacher_weight": 0},
    "taught": {},
    "taught, layers too": {"layers": {"3": "5", "5": "8"}},
}


def fitted(module, x, labels):
    steps = EPOCHS * (len(x) // BATCH)
    adam = torch.optim.Adam(module.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for at in range(0, len(x) - BATCH + 1, BATCH):
            chosen = order[at : at + BATCH]
            loss = torch.nn.functional.cross_entropy(module(shifted(x[chosen])), labels[chosen])
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
    return module.eval()


def accuracy(source, root, inputs, labels):
    found = next(iter(SOURCE.open(source, root).run(inputs).values()))
    return float((found.argmax(1) == labels).mean())


def data_of(source, root, rows, choosing, spec, state):
    """Return what a stage gets."""
    (inputs, labels), (chosen, right) = rows, choosing

    def score(model):
        hits = next(iter(model(chosen).values())).argmax(1) == right
        return TuningOutcome(hits.astype("f8"), np.zeros(0))

    return StageData(
        source=source,
        dense=source,
        root=root,
        rows=lambda: iter([(inputs, labels)]),
        fixed_batch=None,
        spec=spec,
        loss=None,
        output=None,
        score=score,
        state=state,
    )


def trained(options, source, root, rows, choosing, spec):
    """Return the student that a recipe makes of some rows, as a source, and the facts of its stage."""
    folder = Path(tempfile.mkdtemp(dir=root))
    data = data_of(source, root, rows, choosing, spec, folder)
    facts = METHOD.train(Distill.model_validate(options), data, folder / "made")
    return TorchModel.model_validate(facts.source).changed(folder / "made"), facts


def gain(found, base):
    """Return the mean difference, seed by seed, and its interval."""
    difference = np.subtract(found, base)
    half = stats.t.ppf(0.975, len(difference) - 1) * stats.sem(difference)
    return [
        round(float(value), 4)
        for value in (difference.mean(), difference.mean() - half, difference.mean() + half)
    ]


def main(archive: str, labelled: str = str(LABELLED)) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with np.load(archive) as file:
        x = ((file["x"].astype("f4") / 255 - MEAN) / DEVIATION)[:, None].astype("f4")
        labels = file["label"].astype("i8")
    root = Path(tempfile.mkdtemp())
    (root / "cnn.py").write_text(TEACHER)
    (root / "student.py").write_text(STUDENT)
    source = TorchModel.model_validate({"torch": "cnn.py:build", "weights": "w.safetensors"})
    untrained = SOURCE.open(source.model_copy(update={"weights": None}), root).module
    parts = torch.tensor(x[:TRAINED]), torch.tensor(labels[:TRAINED])
    save_file(fitted(untrained.requires_grad_(True).train(), *parts).state_dict(), root / "w.safetensors")
    judging = {"input": x[CHOOSING.stop :]}, labels[CHOOSING.stop :]
    choosing = {"input": x[CHOOSING.start : CHOOSING.stop]}, labels[CHOOSING.start : CHOOSING.stop]
    few = {"input": x[: int(labelled)]}, labels[: int(labelled)]
    many = {"input": x[:TRAINED]}, None
    print(json.dumps({"teacher": accuracy(source, root, *judging), "labelled": int(labelled)}), flush=True)

    def of(options, rows, epochs):
        found = []
        for seed in SEEDS:
            spec = TrainingSpec(epochs=epochs, patience=epochs, batch=32, seed=seed, learning_rate=0.003)
            made, _ = trained({"student": "student.py:build", **options}, source, root, rows, choosing, spec)
            found.append(accuracy(made, root, *judging))
        return found

    base: list[float] = []
    ways = [(name, options, few, 40) for name, options in WAYS.items()]
    for name, options, rows, epochs in [*ways, ("taught by 3,500 rows without labels", {}, many, 12)]:
        found = of(options, rows, epochs)
        base = base or found
        print(
            json.dumps(
                {
                    "way": name,
                    "mean": round(float(np.mean(found)), 4),
                    "accuracy": found,
                    "gain": gain(found, base),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
