"""import, calibrate and quantize as single commands; what they need is made in a temporary directory."""

import json
from functools import reduce
from pathlib import Path
from typing import Any

from inc_mlflow.engines.engine import Statistics
from inc_mlflow.errors import ModelError, SpecError
from inc_mlflow.files import copy_model, errors_name, model_bytes, model_sha256, writable
from inc_mlflow.records import Shard
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.sources import converter
from inc_mlflow.spec import Job, Recipe, parse_recipe
from inc_mlflow.spec.source import named_source
from inc_mlflow.steps.baselines import engine_taking
from inc_mlflow.steps.compress.compare import compared_rows
from inc_mlflow.steps.compress.compare_parts import reference_of
from inc_mlflow.steps.compress.make_candidate import make_candidate
from inc_mlflow.steps.data import method_data
from inc_mlflow.steps.prepare.calibrate import calibrator, collect_statistics, needed_kinds
from inc_mlflow.steps.prepare.checked_import import Rows, rows_for
from inc_mlflow.steps.prepare.import_model import COMPARED, import_baselines, imported_baseline
from inc_mlflow.steps.prepare.parity import Conversion, with_parity
from inc_mlflow.steps.standalone.npz_rows import npz_rows


def write_baseline(source: str, target: Path, data: Path | None) -> dict[str, Any]:
    """Write the baseline of ``source`` into ``target``, and compare both on the rows of ``data`` if given.

    A framework's model, as ``named_source`` takes it, is compared with the framework as well. Raises
    SpecError where the source has no known kind, ModelError where it cannot be imported.
    """
    spec = named_source(source, Path())
    file = Path(source) if spec is None else converter()(spec, Path())
    engine = engine_taking(file, list(ENGINES))
    with writable(target):
        target.mkdir(parents=True, exist_ok=True)
        given = Rows(list(npz_rows(file, data, COMPARED)) if data else [])
        rows = given if data else rows_for(engine, file, COMPARED)
        record = import_baselines(file, [engine.name], target, rows)
        if spec is not None:
            record = with_parity(Conversion(spec, Path(), file), record, target, rows)
    record.save(target)
    baseline = record.baselines[0]
    facts = record.model_dump(mode="json", exclude={"schema_version", "seconds", "baselines"})
    made = baseline.model_dump(mode="json", exclude={"facts"}) | baseline.facts
    return {"model": str(target / engine.model_name)} | facts | made


def write_ranges(job: Job, shard: str, target: Path) -> dict[str, Any]:
    """Write the statistics of one shard, "I/N", for the job's first engine."""
    engine = job.spec.engines[0]
    with imported_baseline(job) as baseline:
        part = Shard.parse(shard, "--shard")
        statistics = collect_statistics(job, engine, baseline, needed_kinds(job, engine), part)
    statistics.save(target)
    return {
        "ranges": str(target),
        "rows": statistics.rows,
        "tensors": len(statistics),
        "model_sha256": statistics.model_sha256,
    }


def write_candidate(job: Job, recipe_text: str, shards: list[Path], target: Path) -> dict[str, Any]:
    """Write the candidate of one recipe, given as JSON.

    Raises SpecError where the text is no recipe, ModelError where its model does not run or does not compute
    what the baseline does.
    """
    try:
        recipe = parse_recipe(json.loads(recipe_text))
    except json.JSONDecodeError as error:
        raise SpecError(f'--recipe: not JSON ({error}); write it as {{"method": "static"}}') from error
    with imported_baseline(job, recipe.engine) as baseline:
        statistics = _statistics(job, baseline, recipe, shards) if recipe.statistics else None
        made = baseline.with_name("candidate") / baseline.name
        made.parent.mkdir()
        reference = reference_of(ENGINES.get(recipe.engine), baseline, compared_rows(job))
        with errors_name(str(target), made):
            make_candidate(recipe, method_data(job, statistics), made, reference)
        copy_model(made, target)
    return {"model": str(target), "sha256": model_sha256(target), "size_bytes": model_bytes(target)}


def _statistics(job: Job, baseline: Path, recipe: Recipe, shards: list[Path]) -> Statistics:
    if not shards:
        return collect_statistics(job, recipe.engine, baseline, recipe.statistics)
    parts = map(calibrator(recipe.engine).load, shards)
    statistics = reduce(lambda one, other: one.merge(other), parts)
    if statistics.model_sha256 != model_sha256(baseline):
        raise ModelError(f"--ranges: {shards[0]} was collected on another model; calibrate again")
    return statistics
