"""The program of each process that shares the training of a stage.

Run as ``python -m inc_mlflow.steps.compress.train_process FOLDER``, where FOLDER has the request.
The first process writes module and facts; an IncError of any process is kept there too.
"""

import os
import sys
import tempfile
from pathlib import Path

from inc_mlflow.errors import IncError
from inc_mlflow.guard import end_with_parent
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.spec.stages import stages_of
from inc_mlflow.steps import failure
from inc_mlflow.steps.baselines import converted_file
from inc_mlflow.steps.compress.stage_training import train_stage
from inc_mlflow.steps.compress.train_request import TrainRequest, failure_file, save_facts
from inc_mlflow.training.launch.group import joined


def main(folder: Path) -> int:
    """Do this process's share; what others than the first one make is thrown away."""
    end_with_parent(os.getppid())
    with joined() as rank, tempfile.TemporaryDirectory() as scratch:
        try:
            _train(TrainRequest.load(folder), folder, Path(scratch), rank)
        except IncError as error:
            failure.save(failure_file(folder, rank), error)
            os._exit(2)  # the others wait for this process, and must see it end
    return 0


def _train(request: TrainRequest, folder: Path, scratch: Path, rank: int) -> None:
    baseline = Path(request.baseline)
    spec = JobSpec.from_text(request.job)
    job = Job(spec, Path(request.root), request.pool, converted_file(baseline))
    stage = stages_of(spec.listed)[request.stage - 1]
    target = Path(request.target) if rank == 0 else scratch / "module"
    facts = train_stage(job, stage, baseline, Path(request.previous), Path(request.checkpoints), target)
    if rank == 0:
        save_facts(folder, facts)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
