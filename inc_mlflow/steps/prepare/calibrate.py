"""calibrate: the ranges of the activations that static recipes need."""

from pathlib import Path
from typing import get_args

from inc_mlflow.datasets.share import Share
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.files import MODEL, sha256_file
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.records import WHOLE, CalibrationRecord, ImportRecord, Shard
from inc_mlflow.spec import CalibrateMethod, Job, Static
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.step import step

RANGES = "ranges.json"


@step("ranges", CalibrationRecord)
def calibrate(job: Job, target: Path, *, baseline: Path) -> CalibrationRecord:
    """Write ``ranges.json`` into ``target``; nothing where no recipe of the job needs ranges."""
    imported = ImportRecord.load(baseline)
    needed = methods(job)
    ranges = collect_ranges(job, baseline / MODEL, needed) if needed else None
    return save_ranges(ranges, imported.model_sha256, target)


def save_ranges(ranges: Ranges | None, model_sha256: str, target: Path) -> CalibrationRecord:
    """Write ranges, where there are some, and return their record."""
    if ranges is None:
        return CalibrationRecord(model_sha256=model_sha256, ranges_sha256=None, tensors=0, rows=0)
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


def collect_ranges(
    job: Job, baseline: Path, needed: frozenset[CalibrateMethod], shard: Shard = WHOLE
) -> Ranges:
    """Collect ranges for the methods of one shard; all shards merge to what one pass gives."""
    return collect_share(Share(open_data(job), "calibration", None, shard), baseline, needed)


def collect_share(share: Share, baseline: Path, needed: frozenset[CalibrateMethod]) -> Ranges:
    """Collect ranges for the methods of a share of the calibration rows."""
    inputs = (inputs for inputs, _ in share.batches("calibrate"))
    return collect(baseline, inputs, threads=len(usable_cores()), histograms=bool(needed - {"minmax"}))
