"""Start the process that evaluates models under an emulated CPU, and check its result.

The evaluation needs a process of its own, since a library looks up the features of the CPU only once.
"""

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

EVALUATION = "inc_mlflow.steps.measure.emulated_process"
E = TypeVar("E", bound=Evaluation)


def evaluate_emulated(isa: Isa, job: Job, models: list[Model], split: str, target: Path) -> EvaluationRecord:
    """Evaluate models, baseline first, under an emulated CPU; ``target`` gets record and outcomes.

    Raises the IncError that ended the process, and DataError where its result is of other models.
    """
    _run(isa, job, models, target, {"split": split})
    return _checked(EvaluationRecord.load(target), isa, models)


def evaluate_shard_emulated(
    isa: Isa, job: Job, models: list[Model], shard: Shard, target: Path
) -> EvaluationShardRecord:
    """Evaluate a shard of validation under an emulated instruction set; ``target`` gets record and raw data.

    Raises the same errors as ``evaluate_emulated``.
    """
    _run(isa, job, models, target, {"split": "validation", "shard": str(shard)})
    return _checked(EvaluationShardRecord.load(target), isa, models)


def _run(isa: Isa, job: Job, models: list[Model], target: Path, what: dict[str, str]) -> None:
    """Run the process and raise the IncError that ended it; a RuntimeError tells of a bug of ours."""
    engines = sorted({model.engine for model in models})
    environment = os.environ | emulated_environment(engines, isa)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        error_file = Path(folder) / "failure.json"
        request = what | {
            "job": job.spec.to_text(),
            "root": str(job.root),
            "models": [model.model_dump(mode="json") for model in models],
            "target": str(target),
            "parent": os.getpid(),
            "failure": str(error_file),
        }
        # Whatever a user's code prints there must not reach standard output: that is for results.
        done = subprocess.run(
            [sys.executable, "-P", "-m", EVALUATION],
            input=json.dumps(request),
            text=True,
            env=environment,
            stdout=2,
            check=False,
        )
        if done.returncode:
            killed = failure.killed("evaluate", -done.returncode)
            raise failure.load(error_file) or killed or _bug(done.returncode, failure.load_bug(error_file))


def _bug(code: int, story: str | None) -> RuntimeError:
    return RuntimeError(f"{EVALUATION} ended with code {code}: {story or 'it crashed'}")


def _checked(record: E, isa: Isa, models: list[Model]) -> E:
    """Return the record; raise DataError where it is not of this pool and these models."""
    expected = emulated_pool(isa), {model.label: model.sha256 for model in models}
    if (record.evidence.pool, record.evidence.models) != expected:
        raise DataError(f"evaluate: what came back is not the result of {expected[0]}; evaluate again")
    return record
