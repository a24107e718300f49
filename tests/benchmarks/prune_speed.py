"""What removed channels bring: accuracy and speed of a CNN with fewer of them, in FP32 and in INT8.

    .venv/bin/python -m tests.benchmarks.prune_speed DIGITS.npz [SHARE ...]

DIGITS.npz is described in `wide_cnn`; shares of channels are .5 by default. Writes a job and runs it, as `inc-mlflow
run` does, and prints the rows of its table as JSON: speed-ups are to the whole network in FP32. INT8 stands twice:
of all layers, and of all but the first, whose one input channel fills no kernel.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.sources.pytorch.source import SOURCE
from tests.benchmarks.job_table import job_table
from tests.benchmarks.wide_cnn import WideCnn, trained

WIDTH = 48


def first_convolution(cnn: WideCnn) -> str:
    """Return its name in the exported file, which is the same with fewer channels."""
    SOURCE.open(cnn.source, cnn.root).convert(cnn.root / "file.onnx")
    nodes = onnx.load(cnn.root / "file.onnx").graph.node
    return next(node.name for node in nodes if node.op_type == "Conv")


def recipes(shares: list[float], first: str) -> list:
    whole, rest = {"method": "static"}, {"method": "static", "nodes_to_exclude": [first]}
    found: list = [whole, rest]
    for share in shares:
        prune = {"method": "prune", "pattern": "channel", "sparsity": share}
        found += [[prune], [prune, whole], [prune, rest]]
    return found


def table(cnn: WideCnn, wanted: list, **training: object) -> list[dict]:
    """Write a job with these recipes beside the network, run it, and return the rows of its table."""
    parts = {"training": cnn.training, "tuning": cnn.choosing, "validation": cnn.judging}
    for name, (x, labels) in parts.items():
        np.savez(cnn.root / f"{name}.npz", input=x, label=labels)
    job = {
        "version": 1,
        "name": "pruned",
        "model": cnn.source.model_dump(mode="json", exclude_none=True),
        "data": {name: {"path": f"{name}.npz"} for name in parts}
        | {"calibration": {"path": "training.npz", "samples": 200}},
        "metric": "top1",
        "training": {"epochs": 4, "learning_rate": 0.003, **training},
        "recipes": wanted,
    }
    return job_table(cnn.root, job)


def main(archive: str, *shares: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        cnn = trained(archive, Path(place), WIDTH)
        wanted = recipes([float(share) for share in shares] or [0.5], first_convolution(cnn))
        for row in table(cnn, wanted):
            print(json.dumps(row))


if __name__ == "__main__":
    main(*sys.argv[1:])
