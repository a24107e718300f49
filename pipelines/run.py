"""Run a job on this machine: check it, lock its state, run the pipeline, return the result."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import StaleError, TrackingError, UnreachableError
from inc_mlflow.files import read_sealed, sha256_file, write_sealed, write_text
from inc_mlflow.pipelines import SHARDS
from inc_mlflow.pipelines.compiling import build_inline
from inc_mlflow.pipelines.local import run_local
from inc_mlflow.pipelines.state import (
    RESULT,
    clear,
    ended_sessions,
    forget_ended_sessions,
    locked,
    remove_damaged,
    session_id,
    state_folder,
)
from inc_mlflow.records import RECORD, BenchmarkRecord, Slow, TrackingRecord
from inc_mlflow.reports.result import job_result, step_directories
from inc_mlflow.spec import Job
from inc_mlflow.steps.prepare.calibrate_shards import check_shards
from inc_mlflow.steps.prepare.check import check
from inc_mlflow.steps.prepare.try_metric import try_metric
from inc_mlflow.steps.step import ENDED, SESSION
from inc_mlflow.tracking.runs.links import experiment_url, leaderboard_url, tradeoff_url
from inc_mlflow.tracking.server.connection import Server, check_reachable

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent

SENT = "sent.json"
"""Which server has which result, by its sha256."""


@dataclass(frozen=True)
class Finished:
    """A job's result as plain data, and why candidates are slow by their labels."""

    result: dict[str, Any]
    slow: dict[str, Slow]
    pending: str | None = None
    """Why the server lacks part of it, None where it has all; the same command sends the rest."""


def run_job(
    job: Job,
    fresh: bool,
    notify: Callable[[str], None],
    pipeline: str = "int8",
    shards: int = SHARDS,
    verbose: bool = False,
) -> Finished:
    """Return the result of a job; that of a finished job is read from disk unless ``fresh``.

    ``notify`` receives what a person should know before the work: rows that are left out, what the split can
    decide, a server that does not answer. ``verbose`` shows what the steps print. TrackingErrors before the
    judgement are raised; later ones become ``pending``.
    """
    built = build_inline(pipeline, job.spec, shards)
    checked = check(job)
    if pipeline == "sharded":  # KFP would run all tasks of a loop before it reports that one failed
        check_shards(job, shards)
    state = state_folder(job, checked.facts, pipeline)
    with locked(state):
        if fresh:
            clear(state)
        remove_damaged(state, notify)
        if _is_sent(job, state, notify):
            return _stored(state)
        if not (state / "baseline" / RECORD).exists():
            try_metric(job)
        for note in (*checked.notes, *_absent(job)):
            notify(note)
        return _work(job, built, state, notify, verbose)


def _absent(job: Job) -> Iterator[str]:
    try:
        check_reachable(Server.of(job))
    except UnreachableError as error:
        yield f"{error}. Until then the job is measured, and kept on this disk"


def _work(
    job: Job, pipeline: "GraphComponent", state: Path, notify: Callable[[str], None], verbose: bool
) -> Finished:
    os.environ |= {SESSION: session_id(state), ENDED: " ".join(ended_sessions(state))}
    try:
        run_local(pipeline, {"job": job.spec.to_text(), "root": str(job.root)}, state, verbose, notify)
    except TrackingError as error:
        return _unsent(error, state)
    tracked = TrackingRecord.load(state / "tracking")
    if tracked.no_views:
        notify(tracked.no_views)
    write_text(state / RESULT, json.dumps(job_result(state, _links(job, tracked)), indent=1))
    write_sealed(state / SENT, {"server": Server.of(job).address, "sha256": sha256_file(state / RESULT)})
    forget_ended_sessions(state)
    return _stored(state)


def _unsent(error: TrackingError, state: Path) -> Finished:
    """Return what was measured. After a StaleError the next run fetches the champion again."""
    if not (state / "judgement" / RECORD).exists():
        raise error
    result, slow = job_result(state, None), dict(_slow(state))
    if isinstance(error, StaleError):
        shutil.rmtree(state / "champion")
        return Finished(result, slow, str(error))
    return Finished(
        result, slow, f"{error}; all that was measured is kept in {state}, the same command sends it"
    )


def _stored(state: Path) -> Finished:
    return Finished(json.loads((state / RESULT).read_text()), dict(_slow(state)))


def _slow(state: Path) -> Iterator[tuple[str, Slow]]:
    """Yield by label why candidates are slow; labels name the pool where there are several."""
    records = [BenchmarkRecord.load(directory) for directory in step_directories(state, "benchmark")]
    for record in records:
        for label, slow in record.slow.items():
            yield (label if len(records) == 1 else f"{label} on {record.evidence.pool}"), slow


def _is_sent(job: Job, state: Path, notify: Callable[[str], None]) -> bool:
    """Return whether the job is finished, and its present server has the result."""
    if not (state / RESULT).exists():
        return False
    sent = read_sealed(state / SENT)
    if sent is None or sent["sha256"] != sha256_file(state / RESULT):
        notify(f"{state / RESULT}: damaged; it is put together again")
        return False
    return bool(sent["server"] == Server.of(job).address)


def _links(job: Job, tracked: TrackingRecord) -> dict[str, str]:
    server = Server.of(job)
    experiment, views = tracked.experiment_id, tracked.no_views is None
    return {
        "experiment_url": experiment_url(server, experiment),
        "leaderboard_url": leaderboard_url(server, experiment, views),
        "tradeoff_url": tradeoff_url(server, experiment, views),
    }
