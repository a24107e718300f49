"""What pruning costs a transformer: rows of a published table, and fewer heads and feed-forward units.

    .venv/bin/python -m tests.benchmarks.prune_text pairs MINILM_FOLDER PUBLISHED.csv
    .venv/bin/python -m tests.benchmarks.prune_text speed MINILM_FOLDER

MINILM_FOLDER holds a MiniLM for SST-2: `minilm.py` with the classes `Layer` and `MiniLM`, and `state_dict()`, its
weights; `train1k.npz`, `dev.npz` and `test.npz` with `input_ids`, `attention_mask` (n, 64) and `label`. Training
reads the rows of up to 32 tokens, 100 rows of dev choose, all of test judge, or 1,000 of them. Prints JSON. `pairs`: for each pair of
score and pattern that was published of transformers the sparsity counted in the ONNX file, accuracy and relative
drop. `speed`: writes a job and runs it, as `inc-mlflow run` does, and prints the rows of its table.
"""

import importlib.util
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.trainable import TuningOutcome
from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.pytorch.source import SOURCE
from inc_mlflow.sources.stage import StageData
from inc_mlflow.spec.training import TrainingSpec
from inc_mlflow.training.prune.options import Prune
from tests.benchmarks.job_table import job_table
from tests.benchmarks.prune import PAIRS, counted, published

LONGEST, TUNED, JUDGED, EPOCHS, RATE = 32, 100, 1000, 2, 5e-5
EXCLUDED = ["head"]
OF_PICTURES = ("structured 2x1", "unstructured")
"""Patterns that were published with snip momentum of networks for pictures alone."""
CODE = '''
import torch
from minilm import Layer, MiniLM
from torch.nn import functional


class FewerHeads(Layer):
    """Gives as many values as its heads have, in place of as many as the model is wide."""

    def forward(self, x, mask):
        batch, length, width = x.shape
        q, k, v = (
            part(x).view(batch, length, self.heads, -1).transpose(1, 2) for part in (self.q, self.k, self.v)
        )
        weights = (q @ k.transpose(-1, -2) / (width // self.heads) ** 0.5 + mask).softmax(-1)
        x = self.ln1(x + self.o((weights @ v).transpose(1, 2).reshape(batch, length, -1)))
        return self.ln2(x + self.f(functional.gelu(self.i(x))))


def build():
    model = MiniLM()
    for layer in model.layers:
        layer.__class__ = FewerHeads
    names = "input_ids", "attention_mask"
    return model, {name: torch.ones(2, 64, dtype=torch.int64) for name in names}
'''
HEADS = {
    "method": "prune",
    "pattern": "head",
    "sparsity": 0.5,
    "attention": {"module": "layers.*"},
}
UNITS = {"method": "prune", "pattern": "channel", "sparsity": 0.5, "layers": ["layers.*.i"]}
DYNAMIC = {"method": "dynamic"}


def opened(folder: Path, root: Path) -> TorchModel:
    """Write the source into ``root``."""
    shutil.copyfile(folder / "minilm.py", root / "minilm.py")
    spec = importlib.util.spec_from_file_location("minilm_there", folder / "minilm.py")
    if spec is None or spec.loader is None:
        raise TypeError("minilm.py is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    save_file(module.state_dict(), root / "w.safetensors")
    (root / "sst2.py").write_text(CODE)
    return TorchModel.model_validate({"torch": "sst2.py:build", "weights": "w.safetensors"})


def rows(path: Path, longest: int = 64) -> tuple[Arrays, np.ndarray]:
    """Return rows of up to so many tokens, and their labels."""
    with np.load(path) as file:
        kept = file["attention_mask"].sum(1) <= longest
        inputs = {name: file[name][kept][:, :longest] for name in ("input_ids", "attention_mask")}
        return inputs, file["label"][kept].astype(np.int64)


def hits(model, inputs: Arrays, labels: np.ndarray) -> np.ndarray:
    """1 for each row whose class is right; rows of like length are run together, without their padding."""
    lengths = inputs["attention_mask"].sum(1)
    found = np.zeros(len(labels))
    for part in np.array_split(np.argsort(lengths), max(1, len(labels) // 32)):
        batch = {name: array[part][:, : lengths[part].max()] for name, array in inputs.items()}
        found[part] = next(iter(model(batch).values())).argmax(1) == labels[part]
    return found


def pairs(folder: Path, root: Path, table: str) -> None:
    source, theirs = opened(folder, root), published(table)
    training, (tuning, right) = rows(folder / "train1k.npz", LONGEST), rows(folder / "dev.npz")
    few = {name: array[:TUNED] for name, array in tuning.items()}
    judging = rows(folder / "test.npz")
    dense = float(hits(SOURCE.open(source, root).run, *judging).mean())
    print(json.dumps({"dense": dense}), flush=True)
    for score, pattern, share, balanced, words in PAIRS:
        if score == "snip_momentum" and words[1] in OF_PICTURES:
            continue
        options = {"score": score, "pattern": pattern, "sparsity": share, "balanced": balanced}
        where = {"layers": ["layers.*.i"]} if pattern == "channel" else {"excluded": EXCLUDED}
        recipe = Prune.model_validate({**options, **where})
        with tempfile.TemporaryDirectory() as place:
            made, state = Path(place) / "made", Path(place) / "state"
            state.mkdir()
            data = StageData(
                source=source,
                dense=source,
                root=root,
                rows=lambda: iter([training]),
                fixed_batch=None,
                spec=TrainingSpec(epochs=EPOCHS, batch=16, learning_rate=RATE),
                loss=None,
                output=None,
                score=lambda model: TuningOutcome(hits(model, few, right[:TUNED]), np.zeros(0)),
                state=state,
            )
            found = counted(recipe, data, made)
            accuracy = float(hits(SOURCE.open(source.changed(made), root).run, *judging).mean())
        result = {**found, "accuracy": accuracy, "relative_drop": (dense - accuracy) / dense}
        print(json.dumps({**result, "published": theirs.get(words)}), flush=True)


def speed(folder: Path, root: Path) -> None:
    source = opened(folder, root)
    inputs, labels = rows(folder / "train1k.npz")
    short = inputs["attention_mask"].sum(1) <= LONGEST
    np.savez(root / "train.npz", **{name: one[short] for name, one in inputs.items()}, label=labels[short])
    for name in ("dev", "test"):
        shutil.copyfile(folder / f"{name}.npz", root / f"{name}.npz")
    stages = ([HEADS], [UNITS])
    job = {
        "version": 1,
        "name": "fewer",
        "model": source.model_dump(mode="json", exclude_none=True),
        "data": {
            "training": {"path": "train.npz"},
            "calibration": {"path": "train.npz", "samples": 32},
            "tuning": {"path": "dev.npz", "stop": TUNED},
            "validation": {"path": "test.npz", "stop": JUDGED},
        },
        "metric": "top1",
        "training": {"epochs": EPOCHS, "batch": 16, "learning_rate": RATE},
        "recipes": [DYNAMIC, *stages, *([*stage, DYNAMIC] for stage in stages)],
    }
    for row in job_table(root, job):
        print(json.dumps(row), flush=True)


def main(what: str, folder: str, *given: str) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        if what == "pairs":
            pairs(Path(folder), Path(place), *given)
        else:
            speed(Path(folder), Path(place))


if __name__ == "__main__":
    main(*sys.argv[1:])
