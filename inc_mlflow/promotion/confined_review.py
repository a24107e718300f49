"""The part of a review that reads evidence and models: each function runs in a process with limits.

Arguments and results are texts: whoever wrote the evidence may have taken over the process.
"""

from collections.abc import Mapping
from pathlib import Path

from scipy import optimize, stats  # noqa: F401 - loaded once, for every process forked from this one

from inc_mlflow.confined import more_time
from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.judge import judge_pools
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.gate.measurements import evidence_job, find_pools, pools_of_job
from inc_mlflow.measure.gate.order import in_order
from inc_mlflow.measure.gate.rank import rank, rank_on_pool
from inc_mlflow.promotion.gate_data import GateData
from inc_mlflow.promotion.spot_check import accuracy_protections, spot_check
from inc_mlflow.records import AccuracyProtections, JudgementRecord, PoolBest, ReviewResult, Row
from inc_mlflow.spec import GateSpec, JobSpec, PolicySpec

_LEAST_SECONDS, _SECONDS = 5, 0.002
"""CPU seconds for judging: at least, and for each score. Bounds of a mean take 7 ms for 10,000 scores."""


def judge_evidence(evidence: str, sha256: str, policy: str, policy_name: str) -> str:
    """Return a ``ReviewResult`` on the evidence in a folder; ``sha256`` is the requested candidate's.

    An empty ``policy`` means the job's own gate.
    """
    job, pools = _read(evidence)
    given = PolicySpec.model_validate_json(policy) if policy else None
    limits = given.limits if given else job.gate
    _check_required(policy_name, given, pools)
    more_time(
        _LEAST_SECONDS
        + _SECONDS * sum(scores.size for one in pools.values() for scores in one.outcomes.values())
    )
    judgement = judge_pools(pools, limits)
    requested = next(
        (row for row in judgement.candidates if row.sha256 == sha256 and row.verdict == "pass"), None
    )
    return ReviewResult(
        job=job.to_text(),
        judgement=judgement,
        rank=rank(requested, pools, limits) if requested else None,
        pools=_best_on_pools(judgement, pools, limits),
    ).model_dump_json()


def describe_accuracy(evidence: str, policy: str) -> str:
    """Return the ``AccuracyProtections`` of evidence that ``rerun_evidence`` did not refuse."""
    job, pools = _read(evidence)
    protections = accuracy_protections(job, PolicySpec.model_validate_json(policy), pools)
    return AccuracyProtections(protections=protections).model_dump_json()


def rerun_evidence(
    evidence: str, gate_data: str, policy: str, candidate: str, models: Mapping[str, str]
) -> str:
    """Run rows of the gate's data through the files of ``models``; DataError where the evidence claims more.

    ``gate_data`` is a ``GateData``, ``policy`` a ``PolicySpec``, both as JSON.
    """
    job, pools = _read(evidence)
    spot_check(
        GateData.model_validate_json(gate_data).apply_to(job),
        PolicySpec.model_validate_json(policy),
        pools,
        candidate,
        {label: Path(file) for label, file in models.items()},
    )
    return ""


def _read(evidence: str) -> tuple[JobSpec, dict[str, Measured]]:
    job = evidence_job(Path(evidence))
    return job, pools_of_job(job, find_pools([Path(evidence)]))


def _check_required(name: str, policy: PolicySpec | None, pools: Mapping[str, Measured]) -> None:
    """Raise DataError where the evidence lacks a pool that the gate's own policy requires by name."""
    named = policy.pools.items() if policy else ()
    missing = [pool for pool, one in named if one.role == "required" and pool not in pools]
    if missing:
        raise DataError(
            f"gate: {name} requires pool {missing[0]!r}; the evidence is of {', '.join(pools)}; measure there"
        )


def _best_on_pools(
    judgement: JudgementRecord, pools: Mapping[str, Measured], limits: GateSpec
) -> tuple[PoolBest, ...]:
    """Return the best passing candidate of each pool, where a job has several real pools."""
    real = [
        pool for pool, one in pools.items() if not one.emulated and limits.role(pool, False) != "informative"
    ]
    found = [best for pool in real if (best := _best_on_pool(judgement.candidates, pool, pools, limits))]
    return tuple(found) if len(real) > 1 else ()


def _best_on_pool(
    rows: tuple[Row, ...], pool: str, pools: Mapping[str, Measured], limits: GateSpec
) -> PoolBest | None:
    passing = [row for row in rows if row.per_pool[pool].verdict == "pass"]
    higher = pools[pool].evaluation.higher_is_better
    there = [row.model_copy(update=dict(row.per_pool[pool])) for row in passing]
    best = next(iter(in_order(there, higher)), None)
    if best is None:
        return None
    return PoolBest(pool=pool, sha256=best.sha256, rank=rank_on_pool(pool, best, pools, limits))
