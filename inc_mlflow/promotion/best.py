"""best: the leaderboard as plain data, with the present champion and the command that promotes the best."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import TrackingError
from inc_mlflow.formatting import percent
from inc_mlflow.metrics.resolve import metric_facts
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.tracking.registry.aliases import champion_alias
from inc_mlflow.tracking.registry.champions import Champion, find_champion
from inc_mlflow.tracking.runs.leaderboard import Leaderboard, LeaderboardRow, find_leaderboard
from inc_mlflow.tracking.server.connection import Server, Stores, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient


def best_candidates(
    stores: Stores,
    experiment: str,
    pool: str | None,
    max_drop: float | None,
    limit: int | None,
    engine: str | None = None,
) -> dict[str, Any]:
    """Return the candidates of an experiment's latest job, best first, that drop by at most ``max_drop``.

    With an ``engine`` they are its own. Nothing is changed on the server. Raises TrackingError where nothing
    was measured, or no candidate is left.
    """
    with connected(stores, must_exist=True) as client:
        board = find_leaderboard(client, experiment, pool)
        champion, problem = _champion(client, board.spec)
    metrics = [metric_facts(one) for one in board.spec.all_metrics.values()]
    shown = _within(_of_engine(board.rows, engine), max_drop, metrics[0].loss)
    return {
        "experiment": experiment,
        "run_id": board.run_id,
        "pool": pool,
        "engine": engine,
        "engines": sorted({one.row.engine for one in board.rows}),
        "champion": {"registered_model": _registered(board.spec), **vars(champion)} if champion else None,
        "champion_problem": problem,
        "rows": [_row(one, champion) for one in shown[:limit]],
        "metric": metrics[0].model_dump(mode="json"),
        "metrics": [one.model_dump(mode="json") for one in metrics],
        "best": board.best.recipe,
        "best_engine": board.best.engine,
        "promote": None
        if champion and champion.sha256 == board.best.sha256
        else _promote_command(stores, board),
    }


def _of_engine(standings: tuple[LeaderboardRow, ...], engine: str | None) -> tuple[LeaderboardRow, ...]:
    if engine is None:
        return standings
    left = tuple(one for one in standings if one.row.engine == engine)
    if not left:
        there = ", ".join(sorted({one.row.engine for one in standings}))
        raise TrackingError(f"--engine: no candidate of {engine!r}; there are some of {there}")
    return left


def _within(standings: tuple[LeaderboardRow, ...], max_drop: float | None, loss: str) -> list[LeaderboardRow]:
    if max_drop is None:
        return list(standings)
    left = [one for one in standings if one.row.relative_drop and one.row.relative_drop.value <= max_drop]
    if not left:
        drops = [one.row.relative_drop.value for one in standings if one.row.relative_drop]
        least = f"the least {loss} is {percent(min(drops))}" if drops else f"no {loss} is known"
        raise TrackingError(f"--max-drop: no candidate {loss}s by at most {percent(max_drop)}; {least}")
    return left


def _champion(client: "MlflowClient", spec: JobSpec) -> tuple[Champion | None, str | None]:
    """Return the present champion, or why nobody can tell: the leaderboard is shown all the same."""
    try:
        return find_champion(client, _registered(spec), champion_alias(spec.tracking.alias_prefix)), None
    except TrackingError as error:
        return None, str(error)


def _registered(spec: JobSpec) -> str:
    return Server.of(Job(spec, Path())).registered_model


def _promote_command(stores: Stores, board: Leaderboard) -> str | None:
    """Return the command that promotes the job's best candidate; None where that did not pass."""
    if board.best.verdict != "pass":
        return None
    at = (
        ""
        if stores.tracking_uri == os.environ.get("MLFLOW_TRACKING_URI")
        else f" --tracking-uri {stores.tracking_uri}"
    )
    return f"inc-mlflow promote --run {board.run_id}{at}"


def _row(one: LeaderboardRow, champion: Champion | None) -> dict[str, Any]:
    present = champion is not None and champion.sha256 == one.row.sha256
    return one.row.model_dump(mode="json", exclude={"reasons"}) | {"p99_ms": one.p99_ms, "champion": present}
