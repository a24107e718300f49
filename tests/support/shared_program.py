"""The program of processes that share trainings of small modules, each in a folder of its own.

Run as ``python -m tests.support.shared_program FOLDER`` by a launcher.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch

from inc_mlflow.errors import ModelError
from inc_mlflow.registry.stages import stage_method
from inc_mlflow.spec import parse_recipe
from inc_mlflow.training.launch.group import joined
from inc_mlflow.training.processes import present_processes
from tests.support.small_modules import module_data

CASES = {
    "blocks": ("attending", {"method": "prune", "pattern": "4x1", "sparsity": 0.5}),
    "channels": ("cnn", {"method": "prune", "pattern": "channel", "sparsity": 0.5}),
    "distilled": ("cnn", {"method": "distill", "layers": {"0": "0", "8": "8"}}),
}
"""Name -> module and recipe; the CNN has dropout and running means."""
TRAINING = {"epochs": 2, "batch": 16, "learning_rate": "auto"}


def train(name: str, folder: Path) -> None:
    """Train a case; its module is in the folder ``made``."""
    build, options = CASES[name]
    folder.mkdir(parents=True)
    recipe: Any = parse_recipe(options)
    recipe = recipe.recipes[0] if recipe.method == "chain" else recipe
    stage_method(recipe).train(recipe, module_data(folder, build, **TRAINING), folder / "made")


def main(folder: Path) -> None:
    with joined() as rank:
        own = folder / str(rank)
        for name in CASES:
            train(name, own / name)
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
