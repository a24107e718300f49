"""Evaluate as another CPU would: in a process of its own, since a library asks for the CPU once."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypeVar

from inc_mlflow.engines.emulating import emulated_environment
from inc_mlflow.errors import DataError
from inc_mlflow.records import Evaluation, EvaluationRecord, EvaluationShardRecord, Model, Shard
from inc_mlflow.spec import Isa, Job, emulated_pool
from inc_mlflow.steps import failure

EVALUATION = "inc_mlflow.steps.measure.emulated"
E = TypeVar("E", bound=Evaluation)


def evaluate_as(isa: Isa, job: Job, models: list[Model], split: str, target: Path) -> EvaluationRecord:
    """Evaluate models, baseline first, under an emulated instruction set.

    ``target`` gets record and outcomes.
    """
    _emulated(isa, job, models, target, {"split": split})
    return _belonging(EvaluationRecord.load(target), isa, models)


def evaluate_shard_as(
    isa: Isa, job: Job, models: list[Model], shard: Shard, target: Path
) -> EvaluationShardRecord:
    """Evaluate a shard of validation under an emulated instruction set.

    ``target`` gets record and what is kept.
    """
    _emulated(isa, job, models, target, {"split": "validation", "shard": str(shard)})
    return _belonging(EvaluationShardRecord.load(target), isa, models)


def _emulated(isa: Isa, job: Job, models: list[Model], target: Path, what: dict[str, str]) -> None:
    """Run the process.

    An IncError of it is raised here as it was there, of anything else it leaves the traceback.
    """
    engines = sorted({model.engine for model in models})
    environment = os.environ | emulated_environment(engines, isa)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "failure.json"
        request = what | {
            "job": job.spec.to_text(),
            "root": str(job.root),
            "models": [model.model_dump(mode="json") for model in models],
            "target": str(target),
            "parent": os.getpid(),
            "failure": str(told),
        }
        # Whatever a user's code prints there must not reach standard output: that is for results.
        done = subprocess.run(
            [sys.executable, "-m", EVALUATION],
            input=json.dumps(request),
            text=True,
            env=environment,
            stdout=2,
            check=False,
        )
        if done.returncode:
            raise failure.load(told) or failure.killed("evaluate", -done.returncode) or _bug(done.returncode)


def _bug(code: int) -> RuntimeError:
    return RuntimeError(f"{EVALUATION} ended with code {code}, see above")


def _belonging(record: E, isa: Isa, models: list[Model]) -> E:
    """Refuse a result that is not about this pool and these models."""
    expected = emulated_pool(isa), {model.label: model.sha256 for model in models}
    if (record.evidence.pool, record.evidence.models) != expected:
        raise DataError(f"evaluate: what came back is not the result of {expected[0]}; evaluate again")
    return record
