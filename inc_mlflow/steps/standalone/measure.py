"""Single measurements for the command line: one model beside the baseline, on a pool of this machine."""

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
from inc_mlflow.steps.measure.emulate import evaluate_emulated
from inc_mlflow.steps.measure.evaluate import evaluate_models
from inc_mlflow.steps.measure.models import CANDIDATE, model_at
from inc_mlflow.steps.prepare.import_model import imported_baseline


def on_pool(job: Job, name: str | None) -> Job:
    """Return the job for a process of the pool ``name``; None is the first pool.

    Raises UnknownNameError where the job has no such pool.
    """
    known = job.spec.real_pools
    if name is not None and name not in known:
        raise UnknownNameError(
            f"--pool: no {name!r}{did_you_mean(name, list(known))}; the job has {', '.join(known)}"
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

    Record and outcomes go to ``target``, also where the metric is no number. Raises ModelError then.
    """
    start, name = time.monotonic(), _isa(job, isa)
    measure = partial(evaluate_emulated, name) if name else evaluate_models
    with _both_models(job, baseline, model) as models, _folder(target, OUTCOMES) as folder:
        result = measure(job, models, split, folder)
        _save(result, folder, start)
    evaluated = result.results[CANDIDATE]
    if evaluated.value is None:
        raise ModelError(f"{model}: {evaluated.reason}")
    return {
        "metric": result.metric,
        "value": evaluated.value,
        **_further(result),
        "n": result.rows,
        "model_sha256": result.evidence.models[CANDIDATE],
        "data_sha256": result.evidence.data_sha256,
        "seconds": time.monotonic() - start,
        **(_emulated(name, result) if name else {}),
        **_record_path(target),
    }


def benchmark_two(
    job: Job, baseline: Path | None, candidate: Path, tell: Callable[[str], None], target: Path | None = None
) -> dict[str, Any]:
    """Time two models against each other; ``tell`` is called with the plan first.

    Without ``baseline`` it is the job's. Record and latencies go to ``target``, also where the benchmark is
    not valid; the result has no numbers then. Raises ModelError where the candidate cannot be loaded.
    """
    start = time.monotonic()
    with _both_models(job, baseline, candidate) as models, _folder(target, LATENCIES) as folder:
        tell(plan_layout(job.layout, topology()).text())
        result = benchmark_models(job, models, folder)
        _save(result, folder, start)
    if why := result.evidence.not_loaded.get(CANDIDATE):
        raise ModelError(f"{candidate}: {why}")
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
        **_record_path(target),
    }


def _isa(job: Job, text: str | None) -> Isa | None:
    if text and job.on:
        raise SpecError("--isa: this machine emulates a CPU, which is no pool; leave --pool out")
    return parse_isa(text) if text else None


@contextmanager
def _both_models(job: Job, baseline: Path | None, candidate: Path) -> Iterator[list[Model]]:
    """Yield baseline and candidate; without a given baseline, it is made from the job's model."""
    engines = job.spec.engines
    tested = model_at(CANDIDATE, candidate, engines)
    if baseline is not None:
        yield [model_at(BASELINE, baseline, engines), tested]
        return
    with imported_baseline(job) as made:
        yield [model_at(BASELINE, made, engines), tested]


@contextmanager
def _folder(target: Path | None, raw: str) -> Iterator[Path]:
    """Yield the directory for record and raw measurements, a temporary one where ``target`` is None.

    A measurement may replace one of its own kind. Raises StateError where the directory has another record.
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


def _record_path(target: Path | None) -> dict[str, str]:
    return {"record": str(target)} if target else {}


def _further(result: EvaluationRecord) -> dict[str, Any]:
    """Return the values by the job's other metrics; null where one is no number."""
    if not result.further:
        return {}
    values = {name: found.results[CANDIDATE].value for name, found in result.further_results.items()}
    return {"metrics": {result.metric: result.results[CANDIDATE].value} | values}


def _emulated(isa: Isa, result: EvaluationRecord) -> dict[str, Any]:
    """Return the facts about the emulated CPU and this machine, for the answer."""
    return {"isa": isa, "pool": result.evidence.pool, "host": result.evidence.host.model_dump(mode="json")}
