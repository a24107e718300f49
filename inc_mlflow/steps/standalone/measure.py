"""One measurement on its own, for the command line: of one model beside the baseline, on a pool that this machine is."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from inc_mlflow.errors import ModelError, SpecError, StateError, UnknownNameError
from inc_mlflow.files import writable
from inc_mlflow.hardware.planner import plan_layout
from inc_mlflow.hardware.topology import topology
from inc_mlflow.measure.gate.measurements import LATENCIES, OUTCOMES
from inc_mlflow.records import BASELINE, RECORD, EvaluationRecord, Model, Record
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec import Isa, Job, parse_isa
from inc_mlflow.steps.measure.benchmark import benchmark_models
from inc_mlflow.steps.measure.emulate import evaluate_as
from inc_mlflow.steps.measure.evaluate import evaluate_models
from inc_mlflow.steps.measure.models import CANDIDATE, model_at
from inc_mlflow.steps.prepare.import_model import imported_baseline


def on_pool(job: Job, name: str | None) -> Job:
    """Return the job as a process of that pool has it, the first where none is named.

    UnknownNameError lists the job's.
    """
    there = job.spec.real_pools
    if name is not None and name not in there:
        raise UnknownNameError(
            f"--pool: no {name!r}{did_you_mean(name, list(there))}; the job has {', '.join(there)}"
        )
    return replace(job, on=name)


def evaluate_one(
    job: Job,
    model: Path,
    split: str,
    baseline: Path | None = None,
    isa: str | None = None,
    target: Path | None = None,
) -> dict[str, Any]:
    """Evaluate one model beside the baseline (by default the job's), natively or as the CPU ``isa``.

    Record and outcomes go to ``target``, also those of a metric that is no number.
    """
    start, name = time.monotonic(), _isa(job, isa)
    measure = partial(evaluate_as, name) if name else evaluate_models
    with _two(job, baseline, model) as models, _folder(target, OUTCOMES) as folder:
        result = measure(job, models, split, folder)
        _save(result, folder, start)
    evaluated = result.results[CANDIDATE]
    if evaluated.value is None:
        raise ModelError(f"{model}: {evaluated.reason}")
    return {
        "metric": result.metric,
        "value": evaluated.value,
        "n": result.rows,
        "model_sha256": result.evidence.models[CANDIDATE],
        "data_sha256": result.evidence.data_sha256,
        "seconds": time.monotonic() - start,
        **(_emulated(name, result) if name else {}),
        **_kept(target),
    }


def benchmark_two(
    job: Job, baseline: Path | None, candidate: Path, tell: Callable[[str], None], target: Path | None = None
) -> dict[str, Any]:
    """Time two models against each other; ``tell`` gets the plan first.

    Without validity there are no numbers.

    The baseline is the job's where none is given. Record and latencies go to ``target``, also where they are
    not valid.
    """
    start = time.monotonic()
    with _two(job, baseline, candidate) as models, _folder(target, LATENCIES) as folder:
        tell(plan_layout(job.layout, topology()).text())
        result = benchmark_models(job, models, folder)
        _save(result, folder, start)
    speeds = {
        label: result.models[label].model_dump() if result.valid else None for label in (BASELINE, CANDIDATE)
    }
    return {
        "valid": result.valid,
        "reasons": list(result.reasons),
        "layout": result.layout,
        "speedup": result.speedup[CANDIDATE].model_dump() if result.valid else None,
        **speeds,
        "clock": result.clock,
        "conditions": result.conditions.model_dump(mode="json", exclude={"rounds": {"loads"}}),
        **_kept(target),
    }


def _isa(job: Job, text: str | None) -> Isa | None:
    if text and job.on:
        raise SpecError("--isa: this machine emulates a CPU, which is no pool; leave --pool out")
    return parse_isa(text) if text else None


@contextmanager
def _two(job: Job, baseline: Path | None, candidate: Path) -> Iterator[list[Model]]:
    """Yield baseline and candidate; without a baseline of the user's it is made of the job's model."""
    engines = job.spec.engines
    second = model_at(CANDIDATE, candidate, engines)
    if baseline is not None:
        yield [model_at(BASELINE, baseline, engines), second]
        return
    with imported_baseline(job) as made:
        yield [model_at(BASELINE, made, engines), second]


@contextmanager
def _folder(target: Path | None, raw: str) -> Iterator[Path]:
    """Yield the directory for record and raw measurements, one for the time being where none is asked for.

    A measurement may be made again in its place, and never in that of another kind.
    """
    if target is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    with writable(target):
        target.mkdir(parents=True, exist_ok=True)
        if (target / RECORD).exists() and not (target / raw).exists():
            raise StateError(f"{target}: holds the record of another step; give a directory of its own")
        yield target


def _save(record: Record, folder: Path, start: float) -> None:
    record.model_copy(update={"seconds": time.monotonic() - start}).save(folder)


def _kept(target: Path | None) -> dict[str, str]:
    return {"record": str(target)} if target else {}


def _emulated(isa: Isa, result: EvaluationRecord) -> dict[str, Any]:
    """Say in the answer which CPU it is about, and that this machine only emulated it."""
    return {"isa": isa, "pool": result.evidence.pool, "host": result.evidence.host.model_dump(mode="json")}
