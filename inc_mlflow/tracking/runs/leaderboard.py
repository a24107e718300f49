"""What the leaderboard shows: the models that one job measured side by side, in the order of the gate's table."""

import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from inc_mlflow.errors import TrackingError
from inc_mlflow.measure.gate.judge import table_order
from inc_mlflow.records import Interval, PoolResult, Row, Verdict
from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.spec import JobSpec, MetricSpec
from inc_mlflow.tracking.runs.artifacts import EVIDENCE, fetch
from inc_mlflow.tracking.runs.tagged_runs import (
    CANDIDATE,
    DIGEST,
    ENGINE,
    JOB,
    MEASUREMENT,
    MODEL_ID,
    PARENT,
    POOL,
    RECIPE,
    ROLE,
    VERDICT,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_NAMED = {DIGEST, MODEL_ID, RECIPE}
_VERDICTS = get_args(Verdict)
_SIZE = "size_mb"


@dataclass(frozen=True)
class Standing:
    """A candidate as MLflow has it; the path of its row is where MLflow loads it from."""

    row: Row
    p99_ms: float | None


@dataclass(frozen=True)
class Leaderboard:
    """Candidates of one job, best first."""

    run_id: str
    """The job's."""
    spec: JobSpec
    """The job itself, as it ran."""
    standings: tuple[Standing, ...]
    best: Row
    """Of the job by its worst required pool: what a request of it would promote, whichever pool is looked
    at."""


def find_leaderboard(client: "MlflowClient", experiment: str, pool: str | None = None) -> Leaderboard:
    """Return the candidates of an experiment's latest finished job; with a pool, by their numbers there.

    Other jobs are left out: their numbers were not measured beside these. TrackingError where there is
    nothing to show.
    """
    found = client.get_experiment_by_name(experiment)
    if found is None:
        raise TrackingError(
            f"experiment {experiment!r}: is not on the server, or not to be read; run a job, or give another"
        )
    job = latest_job(_runs(client, str(found.experiment_id), f"tags.`{ROLE}` = '{JOB}'"))
    if job is None:
        raise TrackingError(f"experiment {experiment!r}: no job has measured anything in it yet; run one")
    spec = _spec(client, job)
    children = list(_runs(client, str(found.experiment_id), f"tags.`{PARENT}` = '{job}'"))
    whole, on_pool = (standings(children, job, one, _higher_is_better(spec.metric)) for one in (None, pool))
    return Leaderboard(job, spec, on_pool, whole[0].row)


def latest_job(runs: Iterable["Run"]) -> str | None:
    """Return the run of the job that began last, of those that came to a verdict."""
    jobs = [run for run in runs if _is(run, JOB) and VERDICT in run.data.tags]
    return max(((run.info.start_time, run.info.run_id) for run in jobs), default=(0, None))[1]


def standings(
    runs: Iterable["Run"], job: str, pool: str | None, higher_is_better: bool
) -> tuple[Standing, ...]:
    """Return a job's candidates in their order, whatever else ``runs`` holds and in whatever order they come."""
    children = [run for run in runs if run.data.tags.get(PARENT) == job]
    candidates = _by_digest(run for run in children if _is(run, CANDIDATE) and _SIZE in run.data.metrics)
    measured = {name: _by_digest(_on(name, children)) for name in sorted(_pools(children))}
    if not candidates:
        raise TrackingError(f"run {job}: has no candidates that this version can read; run the job again")
    if pool is not None and pool not in measured:
        raise TrackingError(
            f"pool {pool!r}: run {job} measured nothing there; it measured on {', '.join(measured)}"
        )
    found = [_standing(run, measured, pool) for run in candidates.values()]
    return tuple(sorted(found, key=lambda one: table_order(one.row, higher_is_better)))


def _standing(candidate: "Run", measured: Mapping[str, Mapping[str, "Run"]], pool: str | None) -> Standing:
    """Put a row together.

    A pool's numbers take the place of the worst required one's, the verdict stays the model's.
    """
    tags = candidate.data.tags
    on = {name: runs[tags[DIGEST]] for name, runs in measured.items() if tags[DIGEST] in runs}
    shown = candidate if pool is None else on.get(pool)
    numbers = shown.data.metrics if shown else {}
    row = Row(
        recipe=tags[RECIPE],
        engine=tags.get(ENGINE, DEFAULT_ENGINE),
        path=f"models:/{tags[MODEL_ID]}",
        sha256=tags[DIGEST],
        accuracy=_interval(numbers, "accuracy"),
        relative_drop=_interval(numbers, "relative_drop"),
        speedup=_interval(numbers, "speedup"),
        source_speedup=_interval(numbers, "source_speedup"),
        size_bytes=round(candidate.data.metrics[_SIZE] * 1e6),
        verdict=tags[VERDICT],
        reasons=(),
        per_pool={name: _result(run) for name, run in on.items()},
    )
    return Standing(row, _finite(numbers, "p99_ms"))


def _result(run: "Run") -> PoolResult:
    numbers = run.data.metrics
    return PoolResult(
        accuracy=_interval(numbers, "accuracy"),
        relative_drop=_interval(numbers, "relative_drop"),
        speedup=_interval(numbers, "speedup"),
        verdict=run.data.tags[VERDICT],
    )


def _interval(numbers: Mapping[str, float], name: str) -> Interval | None:
    value, low, high = (_finite(numbers, key) for key in (name, f"{name}_low", f"{name}_high"))
    return None if value is None or low is None or high is None else Interval(value=value, low=low, high=high)


def _finite(numbers: Mapping[str, float], name: str) -> float | None:
    value = numbers.get(name)
    return value if value is not None and math.isfinite(value) else None


def _is(run: "Run", role: str) -> bool:
    return run.data.tags.get(ROLE) == role


def _pools(runs: Iterable["Run"]) -> set[str]:
    return {run.data.tags[POOL] for run in runs if _is(run, MEASUREMENT) and POOL in run.data.tags}


def _on(pool: str, runs: Iterable["Run"]) -> Iterator["Run"]:
    yield from (run for run in runs if _is(run, MEASUREMENT) and run.data.tags.get(POOL) == pool)


def _by_digest(runs: Iterable["Run"]) -> dict[str, "Run"]:
    """Return one run per candidate: of two that a race made, the one that everybody else takes too."""
    judged = (run for run in runs if run.data.tags.get(VERDICT) in _VERDICTS)  # the baseline is not
    whole = [run for run in judged if run.data.tags.keys() >= _NAMED]
    last_first = sorted(whole, key=lambda run: (run.info.start_time, run.info.run_id), reverse=True)
    return {run.data.tags[DIGEST]: run for run in last_first}


def _runs(client: "MlflowClient", experiment_id: str, asked: str) -> Iterator["Run"]:
    """Yield what the server finds; the caller looks again, and the order is nobody's."""
    token = None
    while True:
        page = client.search_runs([experiment_id], asked, page_token=token)
        yield from page
        if not (token := page.token):
            return


def _spec(client: "MlflowClient", run_id: str) -> JobSpec:
    with tempfile.TemporaryDirectory() as folder:
        return JobSpec.from_json(fetch(client, run_id, f"{EVIDENCE}/job.json", Path(folder)).read_text())


def _higher_is_better(metric: MetricSpec) -> bool:
    return (
        metric.higher_is_better is not False
        if metric.name is None
        else METRICS.get(metric.name).higher_is_better
    )
