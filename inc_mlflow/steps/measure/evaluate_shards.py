"""evaluate in shards: run parts of the rows, and merge them to the outcomes and record of one pass."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.files import canonical_json, sha256_file, sha256_text
from inc_mlflow.hardware.expect import confirm_pool
from inc_mlflow.measure.stats.outcomes import join_shards
from inc_mlflow.metrics.resolve import resolve_metrics
from inc_mlflow.records import Evaluation, EvaluationRecord, EvaluationShardRecord, Model, Shard
from inc_mlflow.records.measurements import CLASSES, GROUPS, joined_by_metric, split_by_metric
from inc_mlflow.records.sealed_arrays import load_raw, save_raw
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import user_files
from inc_mlflow.steps.measure.emulate import evaluate_shard_emulated
from inc_mlflow.steps.measure.evaluate import run_models, score_and_record
from inc_mlflow.steps.measure.models import models_under_test
from inc_mlflow.steps.measure.ragged import pack_ragged, unpack_ragged
from inc_mlflow.steps.shards import load_shards
from inc_mlflow.steps.step import step

KEPT = "kept.npz"
_WHOLE = set(Evaluation.model_fields) - {"seconds", "emulated"}
"""Fields of a shard's record that the merged record has too."""


@step("evaluation", EvaluationShardRecord)
def evaluate_shard(
    job: Job, target: Path, *, baseline: Path, champion: Path, candidates: Path, shard: str
) -> EvaluationShardRecord:
    """Run all models on one shard of validation ("1/4" is the first of four).

    The data for the merge goes to ``kept.npz``. On the job's first pool this is repeated for every emulated
    pool, in a directory of its name. Raises HardwareError where this machine is not of the job's pool.
    """
    confirm_pool(job.pool, job.hardware)  # before the emulated pools too
    models, part = models_under_test(baseline, champion, candidates), Shard.parse(shard)
    isas = job.spec.emulated if job.pool == job.spec.pool else ()
    emulated: dict[str, str] = {
        isa: evaluate_shard_emulated(isa, job, models, part, target / isa).identity() for isa in isas
    }
    return reduce_shard(job, models, part, target, emulated)


def reduce_shard(
    job: Job,
    models: list[Model],
    shard: Shard,
    target: Path,
    emulated: Mapping[str, str] = MappingProxyType({}),
) -> EvaluationShardRecord:
    """Run any models, baseline first, on one shard of validation.

    ``emulated`` are the identities of the records of emulated pools, by instruction set.
    """
    run = run_models(job, models, "validation", emulated, shard)
    record = EvaluationShardRecord(
        **dict(run.about),
        shard=shard,
        metric_sha256=_metric_sha256(job),
        outputs=tuple(run.outputs),
        sizes={model.label: model.size_bytes for model in models},
        kept_sha256="",
    )
    kept = pack_ragged(joined_by_metric(list(run.reduced.values())), run.rows)
    digest = save_raw(target / KEPT, record, kept | run.of_rows)
    return record.model_copy(update={"kept_sha256": digest})


@step("evaluation", EvaluationRecord)
def merge_evaluations(job: Job, target: Path, *, shards: list[Path]) -> EvaluationRecord:
    """Write what ``evaluate`` writes.

    Raises DataError where the shards are not complete, do not match, or are of another job.
    """
    records = load_shards(shards, EvaluationShardRecord.load)
    emulated = {
        isa: _merge_emulated(job, isa, records, target / isa) for isa in next(iter(records.values())).emulated
    }
    return _merge(job, records, target, emulated)


def _merge_emulated(job: Job, isa: str, beside: Mapping[Path, EvaluationShardRecord], target: Path) -> str:
    """Merge the shards of an emulated pool, in folders of the native shards; return the record's identity."""
    records = load_shards([path / isa for path in beside], EvaluationShardRecord.load)
    for (path, record), whole in zip(records.items(), beside.values(), strict=True):
        if record.identity() != whole.emulated[isa]:
            raise DataError(f"{path}: changed since it was measured; evaluate again")
    target.mkdir(parents=True, exist_ok=True)
    merged = _merge(job, records, target, {})
    merged.save(target)
    return merged.identity()


def _merge(
    job: Job, records: Mapping[Path, EvaluationShardRecord], target: Path, emulated: Mapping[str, str]
) -> EvaluationRecord:
    first = next(iter(records.values()))
    if (first.metric_sha256, first.batch) != (_metric_sha256(job), job.layout.batch):
        raise DataError(
            "merge: the shards were evaluated with another metric or batch than the job's; "
            "evaluate them again"
        )
    raw = [load_raw(path / KEPT, record, record.kept_sha256) for path, record in records.items()]
    of_rows = [_of_rows(arrays) for arrays in raw]
    reduced = join_shards([unpack_ragged(arrays) for arrays in raw], first.batch)
    about = Evaluation(**first.model_dump(include=_WHOLE), emulated=dict(emulated))
    metrics = resolve_metrics(job.spec, job.root, list(first.outputs))
    parts = split_by_metric(reduced, len(metrics))
    by_metric = {metric.name: part for metric, part in zip(metrics, parts, strict=True)}
    return score_and_record(about, metrics, by_metric, first.sizes, of_rows[0], target)


def _of_rows(arrays: Arrays) -> Arrays:
    """Remove and return the classes and groups of all rows, which every shard has."""
    return {name: arrays.pop(name) for name in (CLASSES, GROUPS) if name in arrays}


def _metric_sha256(job: Job) -> str:
    """Return a digest of the job's metric, including the user's code."""
    several = [one.model_dump(mode="json", exclude_none=True) for one in job.spec.all_metrics.values()]
    metric = several[0] if job.spec.metrics is None else several
    return sha256_text(canonical_json([metric, [sha256_file(file) for file in user_files(job)]]))
