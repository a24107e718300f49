"""calibrate: collect the statistics that recipes need, by each engine on its own baseline."""

from pathlib import Path

from inc_mlflow.datasets.share import Share
from inc_mlflow.engines.engine import Calibrator, Statistics
from inc_mlflow.files import sha256_file
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.records import WHOLE, CalibrationRecord, CollectedStatistics, Shard
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Job
from inc_mlflow.spec.stages import stage_number
from inc_mlflow.steps.baselines import Baseline, engine_folder, load_baselines
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.step import step


@step("ranges", CalibrationRecord)
def calibrate(job: Job, target: Path, *, baseline: Path) -> CalibrationRecord:
    """Write each engine's statistics into ``target``; nothing where no recipe of the job needs any.

    Raises ModelError where a baseline does not run on the calibration rows.
    """
    return _collected(job, baseline, target, stage=0)


def calibrate_stage(job: Job, imported: Path, target: Path, stage: int) -> None:
    """Write the statistics of a stage's model for the recipes that begin with it, and their record.

    Raises ModelError as ``calibrate``.
    """
    target.mkdir()
    _collected(job, imported, target, stage).save(target)


def _collected(job: Job, baseline: Path, target: Path, stage: int) -> CalibrationRecord:
    reference = job.spec.engines[0]
    collected = {
        name: save_statistics(collect_needed(job, model, stage), name, model.sha256, target, reference)
        for name, model in load_baselines(baseline).items()
    }
    return record_of(collected)


def collect_needed(job: Job, baseline: Baseline, stage: int = 0) -> Statistics | None:
    """Collect the statistics that the job's recipes need from one engine; None where they need none."""
    kinds = needed_kinds(job, baseline.engine.name, stage)
    return collect_statistics(job, baseline.engine.name, baseline.path, kinds) if kinds else None


def record_of(collected: dict[str, CollectedStatistics]) -> CalibrationRecord:
    """Return the record of the statistics of all engines; the reference is the first."""
    reference, *others = collected
    return CalibrationRecord(**dict(collected[reference]), others={name: collected[name] for name in others})


def save_statistics(
    statistics: Statistics | None, engine: str, model_sha256: str, target: Path, reference: str
) -> CollectedStatistics:
    """Write an engine's statistics, if there are any, and return the facts about them."""
    if statistics is None:
        return CollectedStatistics(model_sha256=model_sha256, ranges_sha256=None, tensors=0, rows=0)
    path = statistics_path(target, engine, reference)
    path.parent.mkdir(exist_ok=True)
    statistics.save(path)
    return CollectedStatistics(
        model_sha256=statistics.model_sha256,
        ranges_sha256=sha256_file(path),
        tensors=len(statistics),
        rows=statistics.rows,
    )


def load_statistics(directory: Path, engine: str, reference: str) -> Statistics | None:
    """Read the statistics that an engine collected; None where no recipe needed any."""
    if CalibrationRecord.load(directory).of(engine).ranges_sha256 is None:
        return None
    return calibrator(engine).load(statistics_path(directory, engine, reference))


def statistics_path(directory: Path, engine: str, reference: str) -> Path:
    """Return the path of an engine's statistics."""
    return engine_folder(directory, engine, reference) / calibrator(engine).file


def calibrator(engine: str) -> Calibrator:
    """Return an engine's calibrator; raise TypeError where it has none."""
    calibrates = ENGINES.get(engine).calibrator
    if calibrates is None:
        raise TypeError(f"engine {engine!r}: its recipes need statistics, and it has no calibrator")
    return calibrates


def needed_kinds(job: Job, engine: str, stage: int = 0) -> frozenset[str]:
    """Return the kinds of statistics that the job's recipes need from an engine; a search may need all.

    The recipes are those that begin with the model of a stage; 0 is the baseline.
    """
    if job.spec.recipes == "auto":
        calibrates = ENGINES.get(engine).calibrator
        return calibrates.kinds if calibrates else frozenset()
    recipes = [
        recipe
        for recipe in job.spec.listed
        if recipe.engine == engine and stage_number(recipe, job.spec.listed) == stage
    ]
    return frozenset().union(*(recipe.statistics for recipe in recipes))


def collect_statistics(
    job: Job, engine: str, baseline: Path, kinds: frozenset[str], shard: Shard = WHOLE
) -> Statistics:
    """Collect the statistics of one shard; all shards merge to those of one pass."""
    return collect_share(Share(open_data(job), "calibration", None, shard), engine, baseline, kinds)


def collect_share(share: Share, engine: str, baseline: Path, kinds: frozenset[str]) -> Statistics:
    """Collect the statistics of a share of the calibration rows."""
    inputs = (inputs for inputs, _ in share.batches("calibrate"))
    return calibrator(engine).collect(baseline, inputs, kinds, threads=len(usable_cores()))
