"""One step on its own, for the command line: what a step needs from others is made in a temporary directory."""

import json
from functools import reduce
from pathlib import Path
from typing import Any

from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.errors import ModelError, SpecError
from inc_mlflow.files import MODEL, copy_model, model_bytes, model_sha256, writable
from inc_mlflow.records import Shard
from inc_mlflow.spec import Job, Static, parse_recipe
from inc_mlflow.steps.compress.quantize import make_candidate
from inc_mlflow.steps.data import calibration
from inc_mlflow.steps.prepare.calibrate import collect_ranges, methods
from inc_mlflow.steps.prepare.import_model import COMPARED, compare, normalized, record
from inc_mlflow.steps.standalone.npz_rows import npz_rows


def import_source(source: Path, target: Path, data: Path | None) -> dict[str, Any]:
    """Write the baseline of ``source`` into ``target``; compared with it where rows are given."""
    with writable(target):
        target.mkdir(parents=True, exist_ok=True)
        opset = normalize(source, target)
    rows = list(npz_rows(source, data, COMPARED)) if data else []
    difference, error = compare(source, target / MODEL, rows)
    imported = record(source, target, opset, len(rows), difference if rows else None, error)
    imported.save(target)
    return {"model": str(target / MODEL)} | imported.model_dump(
        mode="json", exclude={"schema_version", "seconds"}
    )


def write_ranges(job: Job, shard: str, target: Path) -> dict[str, Any]:
    """Write the ranges of one shard, "I/N"."""
    with normalized(job) as baseline:
        ranges = collect_ranges(job, baseline, methods(job), Shard.parse(shard, "--shard"))
    ranges.save(target)
    return {
        "ranges": str(target),
        "rows": ranges.rows,
        "tensors": len(ranges.tensors),
        "model_sha256": ranges.model_sha256,
    }


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


def _ranges(job: Job, baseline: Path, recipe: Static, shards: list[Path]) -> Ranges:
    if not shards:
        return collect_ranges(job, baseline, frozenset({recipe.calibrate_method}))
    ranges = reduce(Ranges.merge, map(Ranges.load, shards))
    if ranges.model_sha256 != model_sha256(baseline):
        raise ModelError(f"--ranges: {shards[0]} was collected on another model; calibrate again")
    return ranges
