"""The program of processes that share trainings of small modules, each in a folder of its own.

Run as ``python -m tests.support.shared_program FOLDER`` by a launcher.
"""

import json
import sys
from pathlib import Path

import torch

from inc_mlflow.errors import ModelError
from inc_mlflow.training.launch.group import joined
from inc_mlflow.training.processes import present_processes
from inc_mlflow.training.prune.method import METHOD
from inc_mlflow.training.prune.options import Prune
from tests.support.small_modules import module_data

CASES = {
    "attending": {"pattern": "4x1", "sparsity": 0.5, "score": "snip_momentum"},
    "cnn": {"pattern": "channel", "sparsity": 0.5, "score": "snip_momentum"},
}
"""Module -> how it is pruned; the CNN has dropout and running means."""
TRAINING = {"epochs": 2, "batch": 16, "learning_rate": "auto"}


def main(folder: Path) -> None:
    with joined() as rank:
        own = folder / str(rank)
        for build, options in CASES.items():
            (own / build).mkdir(parents=True)
            METHOD.train(
                Prune.model_validate(options), module_data(own / build, build, **TRAINING), own / build
            )
        processes = present_processes()
        told = ["", ""]
        for number, state in enumerate(({"a": torch.ones(2)}, {"a": torch.ones(2) * (1 + rank * 2**-23)})):
            try:
                processes.check_equal(state, "behind step 5")
            except ModelError as error:
                told[number] = str(error)
        shared = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
        shared[0].grad = torch.tensor([2.0**24 if rank == 0 else 1.0])
        loss = processes.join(float("nan") if rank else 1.0, shared, [torch.tensor([float(rank)])])
        found = {"told": told, "gradients": [one.grad is None for one in shared], "loss": str(loss)}
        (own / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
