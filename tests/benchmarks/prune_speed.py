"""What removed channels bring: accuracy and speed of a CNN with fewer of them, in FP32 and in INT8.

    .venv/bin/python -m tests.benchmarks.prune_speed DIGITS.npz [SHARE ...]

DIGITS.npz is described in `wide_cnn`; shares of channels are .5 by default. Writes a job and runs it, as `inc-mlflow
run` does, and prints the rows of its table as JSON: speed-ups are to the whole network in FP32. INT8 stands twice:
of all layers, and of all but the first, whose one input channel fills no kernel.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.sources.pytorch.source import SOURCE
from tests.benchmarks.wide_cnn import Rows, WideCnn, trained

WIDTH = 48


def first_convolution(cnn: WideCnn) -> str:
    """Return its name in the exported file, which is the same with fewer channels."""
    SOURCE.open(cnn.source, cnn.root).convert(cnn.root / "file.onnx")
    nodes = onnx.load(cnn.root / "file.onnx").graph.node
    return next(node.name for node in nodes if node.op_type == "Conv")


def job(shares: list[float], first: str) -> dict:
    whole, rest = {"method": "static"}, {"method": "static", "nodes_to_exclude": [first]}
    recipes: list = [whole, rest]
    for share in shares:
        prune = {"method": "prune", "pattern": "channel", "sparsity": share}
        recipes += [[prune], [prune, whole], [prune, rest]]
    return {
        "version": 1,
        "name": "channels",
        "model": {"torch": "cnn.py:build", "weights": "w.safetensors"},
        "data": {
            "training": {"path": "training.npz"},
            "calibration": {"path": "training.npz", "samples": 200},
            "tuning": {"path": "tuning.npz"},
            "validation": {"path": "validation.npz"},
        },
        "metric": "top1",
        "training": {"epochs": 4, "learning_rate": 0.003},
        "recipes": recipes,
    }


def save(path: Path, rows: Rows) -> None:
    np.savez(path, input=rows[0], label=rows[1])


def main(archive: str, *shares: str) -> None:
    root = Path(tempfile.mkdtemp())
    cnn = trained(archive, root, WIDTH)
    for name, rows in (
        ("training", cnn.training),
        ("tuning", cnn.choosing),
        ("validation", cnn.judging),
    ):
        save(root / f"{name}.npz", rows)
    (root / "job.yaml").write_text(
        json.dumps(job([float(share) for share in shares] or [0.5], first_convolution(cnn)))
    )
    command = [Path(sys.executable).with_name("inc-mlflow"), "run", root / "job.yaml", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    for row in json.loads(done.stdout)["table"]:
        wanted = ("recipe", "accuracy", "relative_drop", "speedup", "size_bytes", "verdict")
        print(json.dumps({name: row[name] for name in wanted}))


if __name__ == "__main__":
    main(*sys.argv[1:])
