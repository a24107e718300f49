"""What a transformer is worth as the teacher of a recurrent student: sentences, good or bad.

    .venv/bin/python -m tests.benchmarks.distill_sentences FOLDER MORE.npz [WAY ...]

FOLDER holds minilm.py, fp32.onnx, train1k.npz (learn), dev.npz (choose the epoch) and test.npz (judge) of MiniLM on
SST-2; MORE.npz further rows to learn from, of the same arrays. The student is a BiLSTM of 2 million weights. Prints
JSON: accuracy of the teacher, and of each way to train the student that of five seeds. The teacher computes its
outputs once, into MORE.logits.npz; in training they are looked up. Ways:

- few: 1,000 rows with labels; few_taught: with a teacher, too
- all_unlabelled: those and MORE with a teacher alone
- all: those and MORE with labels; all_taught: with a teacher, too
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.pytorch.source import SOURCE
from inc_mlflow.spec.training import TrainingSpec
from tests.benchmarks.distill import accuracy, gain, trained

SEEDS, RATE, BATCH, FEW_EPOCHS, ALL_EPOCHS = range(5), 0.002, 32, 20, 5
NAMES = ("input_ids", "attention_mask")
STUDENT = """
import torch
from torch import nn


class BiLSTM(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.embed = nn.Embedding(30522, width)
        self.dropout = nn.Dropout(0.3)
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, 2)

    def forward(self, input_ids, attention_mask):
        seen = attention_mask.to(torch.float32)[:, :, None]
        values, _ = self.lstm(self.dropout(self.embed(input_ids)) * seen)
        return self.head(self.dropout((values - (1 - seen) * 1e4).max(1).values))


def build():
    return BiLSTM(), {name: torch.ones(2, 64, dtype=torch.int64) for name in ("input_ids", "attention_mask")}
"""
LOOKED_UP = """
from pathlib import Path

import numpy as np
import torch
from torch import nn


def keys(ids):
    factors = torch.from_numpy(np.random.default_rng(0).integers(1, 2**40, 64))
    return (ids * factors).sum(1)


class LookedUp(nn.Module):
    def __init__(self, ids, logits):
        super().__init__()
        found, order = keys(ids).sort()
        self.register_buffer("keys", found)
        self.register_buffer("logits", logits[order])

    def forward(self, input_ids, attention_mask):
        at = torch.searchsorted(self.keys, keys(input_ids)).clamp(max=len(self.keys) - 1)
        assert bool((self.keys[at] == keys(input_ids)).all())
        return self.logits[at]


def build():
    with np.load(Path(__file__).with_name("logits.npz")) as file:
        module = LookedUp(torch.from_numpy(file["ids"]), torch.from_numpy(file["logits"]))
    return module, {name: torch.ones(2, 64, dtype=torch.int64) for name in ("input_ids", "attention_mask")}
"""


def rows_of(path):
    with np.load(path) as file:
        return {name: file[name].astype("i8") for name in NAMES}, file["label"].astype("i8")


def together(first, second):
    inputs = {name: np.concatenate([first[0][name], second[0][name]]) for name in NAMES}
    return inputs, np.concatenate([first[1], second[1]])


def logits(folder, inputs):
    """Return what the teacher gives."""
    opened = SOURCE.open(TorchModel.model_validate({"torch": "minilm.py:model"}), folder)
    parts = [
        {name: array[at : at + 64] for name, array in inputs.items()}
        for at in range(0, len(inputs[NAMES[0]]), 64)
    ]
    return np.concatenate([next(iter(opened.run(part).values())) for part in parts])


def main(folder: str, more: str, *wanted: str) -> None:
    torch.set_num_threads(1)
    splits = {name: rows_of(Path(folder) / f"{name}.npz") for name in ("train1k", "dev", "test")}
    few, everything = splits["train1k"], together(splits["train1k"], rows_of(more))
    root = Path(tempfile.mkdtemp())
    known = [everything, splits["dev"], splits["test"]]
    ids = {name: np.concatenate([inputs[name] for inputs, _ in known]) for name in NAMES}
    computed = Path(more).with_suffix(".logits.npz")
    if not computed.exists():
        np.savez(computed, ids=ids[NAMES[0]], logits=logits(Path(folder), ids))
    shutil.copyfile(computed, root / "logits.npz")
    (root / "teacher.py").write_text(LOOKED_UP)
    (root / "student.py").write_text(STUDENT)
    teacher = TorchModel.model_validate({"torch": "teacher.py:build", "reads": ["logits.npz"]})
    print(
        json.dumps({"teacher": accuracy(teacher, root, *splits["test"]), "rows": len(everything[1])}),
        flush=True,
    )
    ways = {
        "few": (few, 0, FEW_EPOCHS),
        "few_taught": (few, 0.7, FEW_EPOCHS),
        "all_unlabelled": ((everything[0], None), 0.7, ALL_EPOCHS),
        "all": (everything, 0, ALL_EPOCHS),
        "all_taught": (everything, 0.7, ALL_EPOCHS),
    }
    found: dict[str, list[float]] = {}
    for way in wanted or ways:
        rows, weight, epochs = ways[way]
        found[way] = []
        for seed in SEEDS:
            spec = TrainingSpec(epochs=epochs, patience=epochs, batch=BATCH, seed=seed, learning_rate=RATE)
            options = {"student": "student.py:build", "teacher_weight": weight}
            made, _ = trained(options, teacher, root, rows, splits["dev"], spec)
            found[way].append(accuracy(made, root, *splits["test"]))
        gains = {
            other: gain(found[way], found[other])
            for other in ("few", "all")
            if other in found and other != way
        }
        print(
            json.dumps(
                {
                    "way": way,
                    "mean": round(float(np.mean(found[way])), 4),
                    "accuracy": found[way],
                    "gain over": gains,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
