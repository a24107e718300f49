"""The search as a single command; the results of other steps are made in a temporary directory."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inc_mlflow.errors import DataError, StateError
from inc_mlflow.files import model_sha256, writable
from inc_mlflow.measure.gate.power import split_power
from inc_mlflow.metrics.resolve import metric_facts
from inc_mlflow.records import BASELINE, CandidatesRecord, Trial
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.search.front import SHORTLIST
from inc_mlflow.spec import Job
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.compress.quantize import PICTURE, write_shortlists
from inc_mlflow.steps.compress.search import JOURNAL, search_recipes
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.prepare.calibrate import collect_statistics, needed_kinds
from inc_mlflow.steps.prepare.import_model import imported_baseline
from inc_mlflow.steps.prepare.try_metric import try_metric

LOCK = ".lock"


def search_job(job: Job, budget: float | None, target: Path) -> dict[str, Any]:
    """Search with the job's first engine in ``target``, a new folder or that of a killed search.

    Candidates go to the folders ``<n>``; there are none where no recipe gives a model. Raises DataError
    where a split is missing, StateError where ``target`` has other files or another search works there.
    """
    search = job.spec.search.model_copy(update={"budget": budget or job.spec.search.budget})
    job = Job(job.spec.model_copy(update={"recipes": "auto", "search": search}), job.root)
    if "calibration" not in job.spec.data.splits() or "tuning" not in job.spec.data.splits():
        raise DataError("data: a search needs the splits calibration and tuning; give both")
    try_metric(job)
    with _claimed(target), imported_baseline(job) as path, tempfile.TemporaryDirectory() as folder:
        result = search_recipes(job, *_prepared(job, path, Path(folder)), target)
        for number in range(1, SHORTLIST + 1):
            shutil.rmtree(target / str(number), ignore_errors=True)  # an earlier run may have found others
        candidates, _, trials = write_shortlists(job, [result], target)
        record = CandidatesRecord(
            baseline_sha256=result.baseline_sha256, candidates=candidates, trials=trials
        )
        record.save(target)
    metrics = [metric_facts(one).model_dump(mode="json") for one in job.spec.all_metrics.values()]
    chosen = zip(result.shortlist, candidates, strict=True)
    rows = [_row(trial, target / candidate.path) for trial, candidate in chosen]
    return {
        "candidates": rows,
        "picture": str(target / PICTURE) if rows else None,
        "trials": [_row(trial) for trial in result.trials],
        "rejected": None if rows else result.rejected()[0].reason,
        "cpu_seconds": result.cpu_seconds,
        "plan": _plan(job, result.shortlist),
        "ended": result.ended,
        "planned": result.planned,
        "trained": result.trained,
        "metric": metrics[0],
        "metrics": metrics,
    }


def _prepared(job: Job, path: Path, folder: Path) -> tuple[Baseline, Path | None]:
    """Return the reference baseline, and the file with its statistics, in ``folder``, if it collects any."""
    engine = ENGINES.get(job.spec.engines[0])
    baseline = Baseline(engine, BASELINE, path, model_sha256(path))
    if engine.calibrator is None:
        return baseline, None
    statistics = folder / engine.calibrator.file
    collect_statistics(job, engine.name, path, needed_kinds(job, engine.name)).save(statistics)
    return baseline, statistics


def _plan(job: Job, shortlist: Sequence[Trial]) -> str | None:
    """Return what validation can decide, from how often candidates and baseline disagree on tuning."""
    shares = [trial.disagreement for trial in shortlist if trial.disagreement is not None]
    if not shares:
        return None
    first = shortlist[0]
    if not first.accuracy or first.relative_drop is None:
        return None
    right = first.accuracy / (1 - first.relative_drop.value)
    rows = open_data(job).judging().total()
    plan = split_power(rows, job.spec.gate, len(shortlist), sorted(set(shares)), right)
    return f"by {next(iter(job.spec.all_metrics.values())).called}: {plan}" if first.further else plan


@contextmanager
def _claimed(target: Path) -> Iterator[None]:
    """Lock a directory that is empty or of an earlier search.

    Raises StateError where it has other files, or another search works in it.
    """
    import filelock

    with writable(target):
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()) and not (target / JOURNAL).exists() and not (target / LOCK).exists():
            raise StateError(
                f"{target}: holds other files; give a new directory, or one of an earlier search"
            )
    try:
        with filelock.FileLock(target / LOCK, blocking=False), writable(target):
            yield
    except filelock.Timeout as error:
        raise StateError(
            f"{target}: another search works there; wait for it, or give another directory"
        ) from error


def _row(trial: Trial, path: Path | None = None) -> dict[str, Any]:
    row = trial.model_dump(mode="json", include=_COLUMNS)
    return {"path": str(path)} | row if path else row


_COLUMNS = {
    "recipe",
    "label",
    "accuracy",
    "relative_drop",
    "further",
    "speedup",
    "output_error",
    "size_bytes",
    "rows",
    "rejected",
}
