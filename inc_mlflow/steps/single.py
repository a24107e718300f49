"""One step on its own, for the command line: what a step needs from others is made in a temporary directory."""

import json
import tempfile
import time
from collections.abc import Callable
from functools import partial, reduce
from pathlib import Path
from typing import Any

from inc_mlflow.errors import ModelError, SpecError
from inc_mlflow.ort.normalize import normalize
from inc_mlflow.ort.ranges import Ranges
from inc_mlflow.records import BASELINE, EvaluationRecord, Shard
from inc_mlflow.spec import Isa, Job, Static, parse_isa, parse_recipe
from inc_mlflow.steps.benchmark import benchmark_models
from inc_mlflow.steps.calibrate import collect_ranges, methods
from inc_mlflow.steps.emulate import evaluate_as
from inc_mlflow.steps.evaluate import evaluate_models
from inc_mlflow.steps.import_model import COMPARED, compare, normalized, record
from inc_mlflow.steps.inputs import calibration
from inc_mlflow.steps.models import CANDIDATE, model_at
from inc_mlflow.steps.probe import planned
from inc_mlflow.steps.quantize import make_candidate
from inc_mlflow.steps.rows import npz_rows
from inc_mlflow.storage import MODEL, copy_model, model_bytes, model_sha256, writable


def import_source(source: Path, target: Path, data: Path | None) -> dict[str, Any]:
    """Write the baseline of ``source`` into ``target``; compared with it where rows are given."""
    with writable(target):
        target.mkdir(parents=True, exist_ok=True)
        opset = normalize(source, target)
    rows = list(npz_rows(source, data, COMPARED)) if data else []
    difference, error = compare(source, target / MODEL, rows)
    imported = record(source, target, opset, len(rows), difference if rows else None, error)
    imported.save(target)
    return {"model": str(target / MODEL)} | imported.model_dump(mode="json", exclude={"schema_version", "seconds"})


def write_ranges(job: Job, shard: str, target: Path) -> dict[str, Any]:
    """Write the ranges of one shard, "I/N"."""
    with normalized(job) as baseline:
        ranges = collect_ranges(job, baseline, methods(job), Shard.parse(shard, "--shard"))
    ranges.save(target)
    return {"ranges": str(target), "rows": ranges.rows, "tensors": len(ranges.tensors), "model_sha256": ranges.model_sha256}


def write_candidate(job: Job, recipe_text: str, shards: list[Path], target: Path) -> dict[str, Any]:
    """Write the candidate of one recipe, given as JSON."""
    try:
        recipe = parse_recipe(json.loads(recipe_text))
    except json.JSONDecodeError as error:
        raise SpecError(f'--recipe: not JSON ({error}); write it as {{"method": "static"}}') from error
    with normalized(job) as baseline:
        ranges = _ranges(job, baseline, recipe, shards) if isinstance(recipe, Static) else None
        made = baseline.with_name("candidate") / MODEL
        made.parent.mkdir()
        make_candidate(job, baseline, calibration(job, ranges), recipe, made)
        copy_model(made, target)
    return {"model": str(target), "sha256": model_sha256(target), "size_bytes": model_bytes(target)}


def evaluate_one(job: Job, model: Path, split: str, isa: str | None = None) -> dict[str, Any]:
    """Evaluate one model, natively or as the CPU ``isa``; the baseline runs beside it, for metrics that compare with it."""
    name = parse_isa(isa) if isa else None
    measure = partial(evaluate_as, name) if name else evaluate_models
    start = time.monotonic()
    with normalized(job) as baseline, tempfile.TemporaryDirectory() as folder:
        models = [model_at(BASELINE, baseline), model_at(CANDIDATE, model)]
        result = measure(job, models, split, Path(folder))
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
    }


def _emulated(isa: Isa, result: EvaluationRecord) -> dict[str, Any]:
    """Say in the answer which CPU it is about, and that this machine only emulated it."""
    return {"isa": isa, "pool": result.evidence.pool, "host": result.evidence.host.model_dump(mode="json")}


def benchmark_two(job: Job, baseline: Path, candidate: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Time two models against each other; ``tell`` gets the plan first. Without validity there are no numbers."""
    models = [model_at(BASELINE, baseline), model_at(CANDIDATE, candidate)]
    tell(planned(job.layout).text())
    with tempfile.TemporaryDirectory() as folder:
        result = benchmark_models(job, models, Path(folder))
    speeds = {label: result.models[label].model_dump() if result.valid else None for label in (BASELINE, CANDIDATE)}
    return {
        "valid": result.valid,
        "reasons": list(result.reasons),
        "layout": result.layout,
        "speedup": result.speedup[CANDIDATE].model_dump() if result.valid else None,
        **speeds,
        "clock": result.clock,
        "conditions": result.conditions.model_dump(mode="json", exclude={"rounds": {"loads"}}),
    }


def _ranges(job: Job, baseline: Path, recipe: Static, shards: list[Path]) -> Ranges:
    if not shards:
        return collect_ranges(job, baseline, frozenset({recipe.calibrate_method}))
    ranges = reduce(Ranges.merge, map(Ranges.load, shards))
    if ranges.model_sha256 != model_sha256(baseline):
        raise ModelError(f"--ranges: {shards[0]} was collected on another model; calibrate again")
    return ranges
