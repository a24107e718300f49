"""Run a job on this machine: check it, claim its state, run the pipeline, and tell the result."""

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
from inc_mlflow.pipelines.compiling import inline
from inc_mlflow.pipelines.local import run_local
from inc_mlflow.pipelines.state import (
    RESULT,
    claimed,
    clear,
    ended,
    forget_ended,
    heal,
    session,
    state_folder,
)
from inc_mlflow.records import RECORD, BenchmarkRecord, Slow, TrackingRecord
from inc_mlflow.reports.result import job_result, step_directories
from inc_mlflow.spec import Job
from inc_mlflow.steps.prepare.calibrate_shards import check_shards
from inc_mlflow.steps.prepare.check import check
from inc_mlflow.steps.step import ENDED, SESSION
from inc_mlflow.tracking.runs.links import experiment_url, leaderboard_url, tradeoff_url
from inc_mlflow.tracking.server.connection import Server, check_reachable

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent

TOLD = "told.json"
"""What the result was told to which server, with its digest."""


@dataclass(frozen=True)
class Finished:
    """A job's result as plain data, and why candidates are slow by their labels."""

    result: dict[str, Any]
    slow: dict[str, Slow]
    pending: str | None = None
    """Why the server does not have all of it; the same command sends the rest."""


def run_job(
    job: Job, fresh: bool, tell: Callable[[str], None], pipeline: str = "int8", shards: int = SHARDS
) -> Finished:
    """Return what the job found out; a finished job gives the stored answer unless ``fresh``.

    ``tell`` gets what a person should know before the work: rows left out, what the split can decide, that
    nobody answers. TrackingErrors before the judgement are raised, later ones are what is ``pending``.
    """
    built = inline(pipeline, job.spec, shards)
    checked = check(job)
    if pipeline == "sharded":  # KFP would run all tasks of a loop before it tells that one failed
        check_shards(job, shards)
    state = state_folder(job, checked.facts, pipeline)
    with claimed(state):
        if fresh:
            clear(state)
        heal(state, tell)
        if _told(job, state, tell):
            return _stored(state)
        for note in (*checked.notes, *_absent(job)):
            tell(note)
        return _work(job, built, state, tell)


def _absent(job: Job) -> Iterator[str]:
    try:
        check_reachable(Server.of(job))
    except UnreachableError as error:
        yield f"{error}. Until then the job is measured, and kept on this disk"


def _work(job: Job, pipeline: "GraphComponent", state: Path, tell: Callable[[str], None]) -> Finished:
    os.environ |= {SESSION: session(state), ENDED: " ".join(ended(state))}
    try:
        run_local(pipeline, {"job": job.spec.to_text(), "root": str(job.root)}, state)
    except TrackingError as error:
        return _unsent(error, state)
    tracked = TrackingRecord.load(state / "tracking")
    if tracked.no_views:
        tell(tracked.no_views)
    write_text(state / RESULT, json.dumps(job_result(state, _links(job, tracked)), indent=1))
    write_sealed(state / TOLD, {"server": Server.of(job).address, "sha256": sha256_file(state / RESULT)})
    forget_ended(state)
    return _stored(state)


def _unsent(error: TrackingError, state: Path) -> Finished:
    """Return what was measured; a champion that it was not measured beside is asked for by the next run."""
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
    """Yield why candidates are slow; of several pools each is named."""
    records = [BenchmarkRecord.load(directory) for directory in step_directories(state, "benchmark")]
    for record in records:
        for label, slow in record.slow.items():
            yield (label if len(records) == 1 else f"{label} on {record.evidence.pool}"), slow


def _told(job: Job, state: Path, tell: Callable[[str], None]) -> bool:
    """Tell whether the job is finished, and on the server it talks to now."""
    if not (state / RESULT).exists():
        return False
    told = read_sealed(state / TOLD)
    if told is None or told["sha256"] != sha256_file(state / RESULT):
        tell(f"{state / RESULT}: damaged; it is put together again")
        return False
    return bool(told["server"] == Server.of(job).address)


def _links(job: Job, tracked: TrackingRecord) -> dict[str, str]:
    server = Server.of(job)
    experiment, views = tracked.experiment_id, tracked.no_views is None
    return {
        "experiment_url": experiment_url(server, experiment),
        "leaderboard_url": leaderboard_url(server, experiment, views),
        "tradeoff_url": tradeoff_url(server, experiment, views),
    }
