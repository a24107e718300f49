"""Prune once for all: zeros that are held while a CNN is trained with rounding.

    .venv/bin/python -m tests.benchmarks.prune_once DIGITS.npz

DIGITS.npz is described in `wide_cnn`. Runs a job with a pruned network, its INT8, and its INT8 trained, and prints the
rows of its table as JSON, and for the trained ones how many weights are zero in the file.
"""

import json
import sys
import tempfile
from pathlib import Path

from inc_mlflow.records import CandidatesRecord
from tests.benchmarks.prune import WIDTH
from tests.benchmarks.prune_speed import table
from tests.benchmarks.wide_cnn import EXCLUDED, trained

PRUNED = (
    {"pattern": "4x1", "sparsity": 0.8},
    {"score": "magnitude", "pattern": "unstructured", "sparsity": 0.7, "balanced": True},
)


def main(archive: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        cnn = trained(archive, Path(place), WIDTH)
        wanted: list = []
        for options in PRUNED:
            prune = {"method": "prune", "excluded": list(EXCLUDED), **options}
            wanted += [[prune], [prune, {"method": "static"}], [prune, {"method": "qat", "epochs": 2}]]
        for row in table(cnn, wanted, epochs=3):
            print(json.dumps(row))
        (record,) = cnn.root.glob(".inc-mlflow/*/candidates")
        for note in CandidatesRecord.load(record).notes:
            print(note)
        for one in CandidatesRecord.load(record).candidates:
            print(json.dumps({"recipe": one.label, "zeros": one.training and one.training.zeros}))


if __name__ == "__main__":
    main(*sys.argv[1:])
