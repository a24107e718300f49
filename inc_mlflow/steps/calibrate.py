"""calibrate: the ranges of the activations that static recipes need."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from inc_mlflow import progress
from inc_mlflow.errors import DataError
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.ort.collect import collect
from inc_mlflow.ort.ranges import Ranges
from inc_mlflow.records import CalibrationRecord, ImportRecord
from inc_mlflow.spec import Job, Static
from inc_mlflow.steps.inputs import open_data
from inc_mlflow.steps.stage import step
from inc_mlflow.storage import MODEL, sha256_file

RANGES = "ranges.json"
T = TypeVar("T")


@step("ranges", CalibrationRecord)
def calibrate(job: Job, target: Path, *, baseline: Path) -> CalibrationRecord:
    """Write ``ranges.json`` into ``target``; nothing where no recipe of the job needs ranges."""
    imported = ImportRecord.load(baseline)
    if not any(isinstance(recipe, Static) for recipe in job.spec.recipes):
        return CalibrationRecord(model_sha256=imported.model_sha256, ranges_sha256=None, tensors=0, rows=0)
    ranges = collect_ranges(job, baseline / MODEL)
    ranges.save(target / RANGES)
    return CalibrationRecord(
        model_sha256=ranges.model_sha256,
        ranges_sha256=sha256_file(target / RANGES),
        tensors=len(ranges.tensors),
        rows=ranges.rows,
    )


def collect_ranges(job: Job, baseline: Path, shard: tuple[int, int] = (1, 1)) -> Ranges:
    """Collect the ranges of one shard, (number from 1, count); all shards merge to what one pass gives."""
    data = open_data(job)
    batches = progress.track(data.rows("calibration"), "calibrate", data.batches("calibration"))
    inputs = (inputs for inputs, *_ in _shard(batches, shard))
    ranges = collect(baseline, inputs, threads=len(usable_cores()))
    if not ranges.rows:
        raise DataError(f"data.calibration: no rows for shard {shard[0]}/{shard[1]}; use fewer shards")
    return ranges


def _shard(batches: Iterable[T], shard: tuple[int, int]) -> Iterator[T]:
    """Take every count-th batch: whole batches, so that no border depends on the number of shards."""
    number, count = shard
    return islice(batches, number - 1, None, count)
