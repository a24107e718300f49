"""calibrate in shards: ranges of parts of the rows, and the merge to the bytes of one pass."""

from functools import reduce
from pathlib import Path

from inc_mlflow.datasets.share import Share
from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.errors import DataError
from inc_mlflow.files import MODEL, canonical_json, sha256_file, sha256_text
from inc_mlflow.hardware.probe import host_facts
from inc_mlflow.records import CalibrationRecord, CalibrationShardRecord, ImportRecord, Shard
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.prepare.calibrate import RANGES, collect_share, methods, save_ranges
from inc_mlflow.steps.shards import load_shards
from inc_mlflow.steps.step import step


@step("ranges", CalibrationShardRecord)
def calibrate_shard(job: Job, target: Path, *, baseline: Path, shard: str) -> CalibrationShardRecord:
    """Write ``ranges.json`` of one shard, "1/4" as the first of four.

    Nothing where no recipe needs ranges.
    """
    imported, needed = ImportRecord.load(baseline), methods(job)
    part = Shard.parse(shard)
    check_shards(job, part.count)
    share = Share(open_data(job), "calibration", None, part)
    ranges = collect_share(share, baseline / MODEL, needed) if needed else None
    saved = save_ranges(ranges, imported.model_sha256, target)
    return CalibrationShardRecord(
        shard=part,
        host=host_facts(),
        data_sha256=share.facts().sha256 if needed else None,
        batches_sha256=sha256_text(canonical_json(share.sizes)),
        **saved.model_dump(),
    )


def check_shards(job: Job, count: int) -> None:
    """Raise DataError where it is known before any work that a shard of calibration or validation has no batch."""
    data, first = open_data(job), Shard(number=1, count=count)
    if methods(job):
        Share(data, "calibration", None, first).check()
    Share(data, "validation", job.layout.batch, first).check()


@step("ranges", CalibrationRecord)
def merge_ranges(job: Job, target: Path, *, shards: list[Path]) -> CalibrationRecord:
    """Write what ``calibrate`` writes; DataError where the shards do not make up one whole."""
    found = load_shards(shards, CalibrationShardRecord.load)
    parts = [_load(path, record) for path, record in found.items() if record.ranges_sha256]
    return save_ranges(
        reduce(Ranges.merge, parts) if parts else None, next(iter(found.values())).model_sha256, target
    )


def _load(directory: Path, record: CalibrationShardRecord) -> Ranges:
    """Read a shard's ranges, as they were when its record was made."""
    path = directory / RANGES
    if not path.is_file() or sha256_file(path) != record.ranges_sha256:
        raise DataError(f"{path}: missing, or changed since it was collected; calibrate again")
    return Ranges.load(path)
