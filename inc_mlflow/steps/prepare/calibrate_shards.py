"""calibrate in shards: statistics of parts of the rows, and their merge to the same bytes as one pass."""

from functools import reduce
from pathlib import Path

from inc_mlflow.datasets.share import Share
from inc_mlflow.engines.engine import Statistics
from inc_mlflow.errors import DataError
from inc_mlflow.files import canonical_json, sha256_file, sha256_text
from inc_mlflow.hardware.probe import host_facts
from inc_mlflow.records import (
    CalibrationRecord,
    CalibrationShardRecord,
    CollectedStatistics,
    Shard,
)
from inc_mlflow.spec import Job
from inc_mlflow.steps.baselines import load_baselines
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.prepare.calibrate import (
    calibrator,
    collect_share,
    needed_kinds,
    record_of,
    save_statistics,
    statistics_path,
)
from inc_mlflow.steps.shards import load_shards
from inc_mlflow.steps.step import step


@step("ranges", CalibrationShardRecord)
def calibrate_shard(job: Job, target: Path, *, baseline: Path, shard: str) -> CalibrationShardRecord:
    """Write each engine's statistics of one shard ("1/4" is the first of four), if a recipe needs any.

    Raises DataError where a shard has no batch.
    """
    part = Shard.parse(shard)
    check_shards(job, part.count)
    shares, collected = list[Share](), dict[str, CollectedStatistics]()
    for name, model in load_baselines(baseline).items():
        kinds = needed_kinds(job, name)
        share = Share(open_data(job), "calibration", None, part)
        statistics = collect_share(share, name, model.path, kinds) if kinds else None
        collected[name] = save_statistics(statistics, name, model.sha256, target, job.spec.engines[0])
        shares += [share] if kinds else []
    return CalibrationShardRecord(
        shard=part,
        host=host_facts(),
        data_sha256=shares[0].facts().sha256 if shares else None,
        batches_sha256=sha256_text(canonical_json(shares[0].sizes if shares else [])),
        **dict(record_of(collected)),
    )


def check_shards(job: Job, count: int) -> None:
    """Raise DataError, before any work, where a shard of calibration or validation has no batch."""
    data, first = open_data(job), Shard(number=1, count=count)
    if any(needed_kinds(job, engine) for engine in job.spec.engines):
        Share(data, "calibration", None, first).check()
    Share(data, "validation", job.layout.batch, first).check()


@step("ranges", CalibrationRecord)
def merge_ranges(job: Job, target: Path, *, shards: list[Path]) -> CalibrationRecord:
    """Write what ``calibrate`` writes; raise DataError where the shards are not complete or do not match."""
    records = load_shards(shards, CalibrationShardRecord.load)
    return record_of({engine: _merge(job, engine, records, target) for engine in job.spec.engines})


def _merge(
    job: Job, engine: str, shards: dict[Path, CalibrationShardRecord], target: Path
) -> CollectedStatistics:
    reference = job.spec.engines[0]
    collected = {path: record.of(engine) for path, record in shards.items()}
    parts = [
        _load(path, facts, engine, reference) for path, facts in collected.items() if facts.ranges_sha256
    ]
    first = next(iter(collected.values()))
    if not parts:
        return first
    merged = reduce(lambda one, other: one.merge(other), parts)
    return save_statistics(merged, engine, first.model_sha256, target, reference)


def _load(directory: Path, record: CollectedStatistics, engine: str, reference: str) -> Statistics:
    """Read a shard's statistics; raise DataError where they changed since its record was made."""
    path = statistics_path(directory, engine, reference)
    if not path.is_file() or sha256_file(path) != record.ranges_sha256:
        raise DataError(f"{path}: missing, or changed since it was collected; calibrate again")
    return calibrator(engine).load(path)
