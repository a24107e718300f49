"""The program of each process that shares the training of a stage.

Run as ``python -m inc_mlflow.steps.compress.train_process PLACE``, where PLACE is the folder or the address
of the exchange. The first process makes module and facts; the IncError that ends a process is kept there too.
"""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from inc_mlflow.errors import IncError
from inc_mlflow.guard import end_with_parent
from inc_mlflow.spec.stages import stages_of
from inc_mlflow.steps import failure
from inc_mlflow.steps.baselines import converted_file
from inc_mlflow.steps.compress.stage_training import train_stage
from inc_mlflow.steps.compress.train_exchange import GIVEN, MADE, Exchange
from inc_mlflow.steps.compress.train_request import TrainRequest, failure_file, module_folder, save_facts
from inc_mlflow.steps.step import load_job
from inc_mlflow.training.launch.group import joined


def main(place: str) -> int:
    """Do this process's share; what others than the first one make is thrown away."""
    end_with_parent(os.getppid())
    with joined() as rank, tempfile.TemporaryDirectory() as scratch:
        exchange = Exchange(place, Path(scratch) / "exchange")
        try:
            exchange.fetch(GIVEN)
            _train(exchange.folder, Path(scratch) / "unused", rank)
        except IncError as error:
            _say(exchange, rank, error)
            os._exit(2)  # the others wait for this process, and must see it end
        if rank == 0:
            exchange.send(MADE)
    return 0


def _train(folder: Path, unused: Path, rank: int) -> None:
    request = TrainRequest.load(folder)
    baseline, previous, checkpoints = (
        folder / one for one in (request.baseline, request.previous, request.checkpoints)
    )
    job = replace(load_job(request.job, request.root, request.pool), converted=converted_file(baseline))
    checkpoints.mkdir(parents=True, exist_ok=True)
    stage = stages_of(job.spec.listed)[request.stage - 1]
    target = module_folder(folder) if rank == 0 else unused
    facts = train_stage(job, stage, baseline, previous, checkpoints, target)
    if rank == 0:
        save_facts(folder, facts)


def _say(exchange: Exchange, rank: int, error: IncError) -> None:
    """Tell who waits why this process ends, also where the store does not take it."""
    sys.stderr.write(f"{error}\n")
    failure.save(failure_file(exchange.folder, rank), error)
    exchange.send(MADE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
