"""What pruning costs a small CNN on handwritten digits: the pairs of score and pattern of a published table.

    .venv/bin/python -m tests.benchmarks.prune DIGITS.npz [PUBLISHED.csv]

DIGITS.npz holds `x` (n, 28, 28) uint8 and `label`: the first 3,500 rows train, the next 500 choose the epoch, the
rest judge. PUBLISHED.csv has columns `algorithm`, `pattern` and `relative_drop`. Prints JSON: accuracy of the
dense module; for each pair the sparsity counted in the ONNX file, accuracy and relative drop, of three seeds for
snip_momentum and magnitude at 80 % in blocks 4x1.
"""

import csv
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from inc_mlflow.engines.onnxruntime.analysis.layer_weights import layer_weights
from inc_mlflow.engines.trainable import TuningOutcome
from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.pytorch.source import SOURCE
from inc_mlflow.sources.stage import StageData
from inc_mlflow.spec.training import TrainingSpec
from inc_mlflow.training.prune.method import METHOD
from inc_mlflow.training.prune.options import Prune
from tests.benchmarks.qat import CHOOSING, DEVIATION, MEAN, TRAINED, shifted

PAIRS = (  # as published: score, pattern, share, balanced, words of the table
    ("snip_momentum", "4x1", 0.8, False, ("snip momentum", "structured 4x1")),
    ("snip_momentum", "2:4", 0.5, None, ("snip momentum", "structured 2:4")),
    ("snip_momentum", "channel", 0.5, None, ("snip momentum", "structured per channel")),
    ("snip_momentum", "2x1", 0.75, False, ("snip momentum", "structured 2x1")),
    ("snip_momentum", "unstructured", 0.8, False, ("snip momentum", "unstructured")),
    ("group_lasso", "2x1", 0.8, False, ("group lasso", "structured 2x1")),
    ("magnitude", "unstructured", 0.7, True, ("Prune once for all", "unstructured")),
    ("magnitude", "1:2", 0.5, None, ("Prune once for all", "structured 1:2")),
    ("gradient", "unstructured", 0.2, True, ("gradient sensitivity", "unstructured")),
)
SEEDS, COPIES, BATCH, EPOCHS = range(3), 3, 64, 10
CODE = """
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


def fitted(module, x, labels):
    steps = EPOCHS * (len(x) // BATCH)
    adam = torch.optim.Adam(module.parameters(), 4e-3)
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


def copies(x, labels):
    parts = []
    for _ in range(COPIES):
        order = torch.randperm(len(x))
        for at in range(0, len(x), 50):
            chosen = order[at : at + 50]
            parts.append((shifted(x[chosen]).numpy(), labels[chosen].numpy()))
    return [np.concatenate(side) for side in zip(*parts, strict=True)]


def accuracy(source, root, x, labels):
    return float((SOURCE.open(source, root).run({"input": x})["output"].argmax(1) == labels).mean())


def pruned(recipe, seed, source, root, rows, choosing, judging):
    """Return what became of one recipe."""
    x, labels = choosing

    def score(model):
        hits = next(iter(model({"input": x}).values())).argmax(1) == labels
        return TuningOutcome(hits.astype("f8"), np.zeros(0))

    spec = TrainingSpec(epochs=4, seed=seed, learning_rate=0.003)
    with tempfile.TemporaryDirectory() as folder:
        made, state = Path(folder) / "made", Path(folder) / "state"
        state.mkdir()
        data = StageData(
            source,
            source,
            root,
            lambda: iter([({"input": rows[0]}, rows[1])]),
            None,
            spec,
            None,
            None,
            score,
            state,
        )
        facts = METHOD.train(recipe, data, made)
        SOURCE.open(source.changed(made), root).convert(made / "file.onnx")
        facts = METHOD.check_exported(recipe, facts, made, list(layer_weights(made / "file.onnx")))
        return {
            "sparsity": facts.pruning.sparsity,
            "parameters": facts.pruning.parameters_after / facts.pruning.parameters_before,
            "packed": facts.pruning.compressed,
            "accuracy": accuracy(source.changed(made), root, *judging),
        }


def published(path):
    found = {}
    with Path(path).open() as file:
        for row in csv.DictReader(file):
            key = row["algorithm"], row["pattern"].split("(")[0].strip()
            found.setdefault(key, []).append(row["relative_drop"])
    return found


def main(archive: str, table: str | None = None) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with np.load(archive) as file:
        x = ((file["x"].astype("f4") / 255 - MEAN) / DEVIATION)[:, None].astype("f4")
        labels = file["label"].astype("i8")
    root = Path(tempfile.mkdtemp())
    (root / "cnn.py").write_text(CODE)
    source = TorchModel.model_validate({"torch": "cnn.py:build", "weights": "w.safetensors"})
    parts = torch.tensor(x[:TRAINED]), torch.tensor(labels[:TRAINED])
    module = (
        SOURCE.open(source.model_copy(update={"weights": None}), root).module.requires_grad_(True).train()
    )
    save_file(fitted(module, *parts).state_dict(), root / "w.safetensors")
    rows = copies(*parts)
    choosing = x[CHOOSING.start : CHOOSING.stop], labels[CHOOSING.start : CHOOSING.stop]
    judging = x[CHOOSING.stop :], labels[CHOOSING.stop :]
    dense = accuracy(source, root, *judging)
    print(json.dumps({"dense": dense}), flush=True)
    theirs = published(table) if table else {}

    def one(score, pattern, share, balanced, seed=0):
        excluded = () if pattern == "channel" else ("0", "11")
        options = {"score": score, "pattern": pattern, "sparsity": share, "balanced": balanced}
        recipe = Prune.model_validate({**options, "excluded": list(excluded)})
        found = pruned(recipe, seed, source, root, rows, choosing, judging)
        return {"recipe": recipe.label(), **found, "relative_drop": (dense - found["accuracy"]) / dense}

    for *pair, words in PAIRS:
        print(json.dumps({**one(*pair), "published": theirs.get(words)}), flush=True)
    for score in ("magnitude", "snip_momentum"):
        found = [one(score, "4x1", 0.8, False, seed)["accuracy"] for seed in SEEDS]
        print(json.dumps({"score": score, "pattern": "4x1", "accuracy": found}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
