"""Evaluate as another CPU would: in a process of its own, since onnxruntime asks for the CPU once."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from inc_mlflow.errors import DataError
from inc_mlflow.hardware.isa import prepare
from inc_mlflow.records import EvaluationRecord, Model
from inc_mlflow.spec import Isa, Job, emulated_pool
from inc_mlflow.steps import failure

EVALUATION = "inc_mlflow.steps.emulated"


def evaluate_as(isa: Isa, job: Job, models: list[Model], split: str, target: Path) -> EvaluationRecord:
    """Evaluate models, baseline first, under an emulated instruction set; ``target`` gets record and outcomes.

    An IncError of the process is raised here as it was there; of anything else it leaves the traceback on standard error.
    """
    environment = os.environ | prepare(isa)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "failure.json"
        request = {
            "job": job.spec.to_text(),
            "root": str(job.root),
            "models": [model.model_dump(mode="json") for model in models],
            "split": split,
            "target": str(target),
            "failure": str(told),
        }
        # Whatever a user's code prints there must not reach standard output: that is for results.
        done = subprocess.run(
            [sys.executable, "-m", EVALUATION], input=json.dumps(request), text=True, env=environment, stdout=2, check=False
        )
        if done.returncode:
            raise failure.load(told) or RuntimeError(f"{EVALUATION} ended with code {done.returncode}, see above")
    return _belonging(EvaluationRecord.load(target), isa, models)


def _belonging(record: EvaluationRecord, isa: Isa, models: list[Model]) -> EvaluationRecord:
    """Refuse a result that is not about this pool and these models."""
    expected = emulated_pool(isa), {model.label: model.sha256 for model in models}
    if (record.evidence.pool, record.evidence.models) != expected:
        raise DataError(f"evaluate: what came back is not the result of {expected[0]}; evaluate again")
    return record
