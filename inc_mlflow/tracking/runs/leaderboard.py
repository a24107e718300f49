"""The leaderboard: the models that one job measured side by side, in the order of the gate's table."""

import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from inc_mlflow.errors import TrackingError
from inc_mlflow.measure.gate.order import in_order
from inc_mlflow.metrics.resolve import metric_facts
from inc_mlflow.records import Interval, MetricFacts, MetricResult, PoolResult, Row, Verdict
from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.spec import JobSpec
from inc_mlflow.tracking.runs.artifacts import EVIDENCE, fetch_artifact
from inc_mlflow.tracking.runs.metric_verdicts import read_verdicts
from inc_mlflow.tracking.runs.numbers import drop_name, own_names
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
class LeaderboardRow:
    """A candidate, read from its runs; the path of its row is its model URI."""

    row: Row
    p99_ms: float | None


@dataclass(frozen=True)
class Leaderboard:
    """Candidates of one job, best first."""

    run_id: str
    """The job's."""
    spec: JobSpec
    """The job itself, as it ran."""
    rows: tuple[LeaderboardRow, ...]
    best: Row
    """Best row by the worst required pool: what a request would promote, whichever pool is shown."""


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
    metrics = [metric_facts(one) for one in spec.all_metrics.values()]
    whole, on_pool = (leaderboard_rows(children, job, one, metrics) for one in (None, pool))
    return Leaderboard(job, spec, on_pool, whole[0].row)


def latest_job(runs: Iterable["Run"]) -> str | None:
    """Return the run of the job that began last, of those that came to a verdict."""
    jobs = [run for run in runs if _has_role(run, JOB) and VERDICT in run.data.tags]
    return max(((run.info.start_time, run.info.run_id) for run in jobs), default=(0, None))[1]


def leaderboard_rows(
    runs: Iterable["Run"], job: str, pool: str | None, metrics: Sequence[MetricFacts]
) -> tuple[LeaderboardRow, ...]:
    """Return a job's candidates, best first; ``runs`` may hold other runs, in any order.

    ``metrics`` are the job's, the first of which orders the rows.

    Raises TrackingError where there is none, or the pool measured nothing.
    """
    children = [run for run in runs if run.data.tags.get(PARENT) == job]
    candidates = _by_digest(
        run for run in children if _has_role(run, CANDIDATE) and _SIZE in run.data.metrics
    )
    measured = {name: _by_digest(_measured_on(name, children)) for name in sorted(_pools(children))}
    if not candidates:
        raise TrackingError(f"run {job}: has no candidates that this version can read; run the job again")
    if pool is not None and pool not in measured:
        raise TrackingError(
            f"pool {pool!r}: run {job} measured nothing there; it measured on {', '.join(measured)}"
        )
    found = [_leaderboard_row(run, measured, pool, metrics) for run in candidates.values()]
    by_digest = {one.row.sha256: one for one in found}
    ordered = in_order([one.row for one in found], metrics[0].higher_is_better)
    return tuple(by_digest[row.sha256] for row in ordered)


def _leaderboard_row(
    candidate: "Run",
    measured: Mapping[str, Mapping[str, "Run"]],
    pool: str | None,
    metrics: Sequence[MetricFacts],
) -> LeaderboardRow:
    """Return a candidate's row.

    With a pool the metrics are that pool's, else the worst required one's; the verdict is the model's.
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
        engine_speedup=_interval(numbers, "engine_speedup"),
        size_bytes=round(candidate.data.metrics[_SIZE] * 1e6),
        verdict=tags[VERDICT],
        reasons=(),
        per_pool={name: _result(run, metrics) for name, run in on.items()},
        metrics=_by_metric(shown, metrics) if shown else {},
    )
    return LeaderboardRow(row, _finite(numbers, "p99_ms"))


def _result(run: "Run", metrics: Sequence[MetricFacts]) -> PoolResult:
    numbers = run.data.metrics
    return PoolResult(
        accuracy=_interval(numbers, "accuracy"),
        relative_drop=_interval(numbers, "relative_drop"),
        speedup=_interval(numbers, "speedup"),
        verdict=run.data.tags[VERDICT],
        metrics=_by_metric(run, metrics),
    )


def _by_metric(run: "Run", metrics: Sequence[MetricFacts]) -> dict[str, MetricResult]:
    """Return a run's results by metric; a run from before there were several says no verdict of each."""
    numbers, names = run.data.metrics, [metric.name for metric in metrics]
    keys = [("accuracy", "relative_drop"), *((name, drop_name(name)) for name in own_names(names)[1:])]
    verdicts = read_verdicts(run.data.tags)
    return {
        name: MetricResult(
            accuracy=_interval(numbers, value),
            relative_drop=_interval(numbers, drop),
            verdict=verdicts.get(name),
        )
        for name, (value, drop) in zip(names, keys, strict=True)
    }


def _interval(numbers: Mapping[str, float], name: str) -> Interval | None:
    value, low, high = (_finite(numbers, key) for key in (name, f"{name}_low", f"{name}_high"))
    return None if value is None or low is None or high is None else Interval(value=value, low=low, high=high)


def _finite(numbers: Mapping[str, float], name: str) -> float | None:
    value = numbers.get(name)
    return value if value is not None and math.isfinite(value) else None


def _has_role(run: "Run", role: str) -> bool:
    return run.data.tags.get(ROLE) == role


def _pools(runs: Iterable["Run"]) -> set[str]:
    return {run.data.tags[POOL] for run in runs if _has_role(run, MEASUREMENT) and POOL in run.data.tags}


def _measured_on(pool: str, runs: Iterable["Run"]) -> Iterator["Run"]:
    yield from (run for run in runs if _has_role(run, MEASUREMENT) and run.data.tags.get(POOL) == pool)


def _by_digest(runs: Iterable["Run"]) -> dict[str, "Run"]:
    """Return one run per digest: of two that a race made, the oldest, as everywhere else."""
    judged = (run for run in runs if run.data.tags.get(VERDICT) in _VERDICTS)  # the baseline is not
    whole = [run for run in judged if run.data.tags.keys() >= _NAMED]
    last_first = sorted(whole, key=lambda run: (run.info.start_time, run.info.run_id), reverse=True)
    return {run.data.tags[DIGEST]: run for run in last_first}


def _runs(client: "MlflowClient", experiment_id: str, asked: str) -> Iterator["Run"]:
    """Yield the runs that the server finds, in no order; callers filter again."""
    token = None
    while True:
        page = client.search_runs([experiment_id], asked, page_token=token)
        yield from page
        if not (token := page.token):
            return


def _spec(client: "MlflowClient", run_id: str) -> JobSpec:
    with tempfile.TemporaryDirectory() as folder:
        return JobSpec.from_json(
            fetch_artifact(client, run_id, f"{EVIDENCE}/job.json", Path(folder)).read_text()
        )
