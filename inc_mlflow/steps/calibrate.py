"""calibrate: the ranges of the activations that static recipes need."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar, get_args

from inc_mlflow import progress
from inc_mlflow.errors import DataError
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.ort.collect import collect
from inc_mlflow.ort.ranges import Ranges
from inc_mlflow.records import CalibrationRecord, ImportRecord
from inc_mlflow.spec import CalibrateMethod, Job, Static
from inc_mlflow.steps.inputs import open_data
from inc_mlflow.steps.stage import step
from inc_mlflow.storage import MODEL, sha256_file

RANGES = "ranges.json"
T = TypeVar("T")


@step("ranges", CalibrationRecord)
def calibrate(job: Job, target: Path, *, baseline: Path) -> CalibrationRecord:
    """Write ``ranges.json`` into ``target``; nothing where no recipe of the job needs ranges."""
    imported = ImportRecord.load(baseline)
    needed = methods(job)
    if not needed:
        return CalibrationRecord(model_sha256=imported.model_sha256, ranges_sha256=None, tensors=0, rows=0)
    ranges = collect_ranges(job, baseline / MODEL, needed)
    ranges.save(target / RANGES)
    return CalibrationRecord(
        model_sha256=ranges.model_sha256,
        ranges_sha256=sha256_file(target / RANGES),
        tensors=len(ranges.tensors),
        rows=ranges.rows,
    )


def methods(job: Job) -> frozenset[CalibrateMethod]:
    """Return the calibration methods that the recipes of the job ask for; a search may try all of them."""
    recipes = job.spec.recipes
    if isinstance(recipes, str):
        return frozenset(get_args(CalibrateMethod))
    return frozenset(recipe.calibrate_method for recipe in recipes if isinstance(recipe, Static))


def collect_ranges(job: Job, baseline: Path, needed: frozenset[CalibrateMethod], shard: tuple[int, int] = (1, 1)) -> Ranges:
    """Collect ranges for the methods of one shard, (number from 1, count); all shards merge to what one pass gives."""
    data = open_data(job)
    batches = progress.track(data.rows("calibration"), "calibrate", data.batches("calibration"))
    inputs = (inputs for inputs, *_ in _shard(batches, shard))
    ranges = collect(baseline, inputs, threads=len(usable_cores()), histograms=bool(needed - {"minmax"}))
    if not ranges.rows:
        raise DataError(f"data.calibration: no rows for shard {shard[0]}/{shard[1]}; use fewer shards")
    return ranges


def _shard(batches: Iterable[T], shard: tuple[int, int]) -> Iterator[T]:
    """Take every count-th batch: whole batches, so that no border depends on the number of shards."""
    number, count = shard
    return islice(batches, number - 1, None, count)
