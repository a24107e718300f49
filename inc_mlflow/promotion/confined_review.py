"""What a gate does with evidence, each in a process with limits: judge it, say what it proves, and run its rows again.

Arguments and results are texts, since whoever wrote the evidence may have taken over the process.
"""

from collections.abc import Mapping
from pathlib import Path

from scipy import optimize, stats  # noqa: F401 - needed later: loaded here once, for every process made of this one

from inc_mlflow.confined import more_time
from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.evidence import Measured
from inc_mlflow.measure.gate.judge import judge_pools
from inc_mlflow.measure.gate.measurements import evidence_job, find_pools, pools_of_job
from inc_mlflow.measure.gate.rank import rank, rank_on_pool
from inc_mlflow.promotion.gate_data import Own
from inc_mlflow.promotion.spot_check import compare, rechecked
from inc_mlflow.records import Finding, JudgementRecord, Place, Proof, Row
from inc_mlflow.spec import GateSpec, JobSpec, PolicySpec

_LEAST_SECONDS, _SECONDS = 5, 0.002
"""CPU time for judging, whatever it is and for each score: far more than bounds of a mean take, 7 ms for
10,000 scores."""


def judged(evidence: str, sha256: str, policy: str, policy_name: str) -> str:
    """Return the finding on the evidence in a folder, ``sha256`` being the requested candidate.

    No ``policy`` is the job's.
    """
    job, pools = _read(evidence)
    own = _policy(policy)
    limits = own.limits if own else job.gate
    _check_required(policy_name, own, pools)
    more_time(
        _LEAST_SECONDS
        + _SECONDS * sum(scores.size for one in pools.values() for scores in one.outcomes.values())
    )
    judgement = judge_pools(pools, limits)
    requested = next(
        (row for row in judgement.table[1:] if row.sha256 == sha256 and row.verdict == "pass"), None
    )
    return Finding(
        job=job.to_text(),
        judgement=judgement,
        standing=rank(requested, pools, limits) if requested else None,
        places=_places(judgement, pools, limits),
    ).model_dump_json()


def proven(evidence: str, policy: str) -> str:
    """Return what stands against a forger of the evidence once ``run_again`` refused nothing."""
    job, pools = _read(evidence)
    return Proof(protections=rechecked(job, PolicySpec.model_validate_json(policy), pools)).model_dump_json()


def run_again(evidence: str, own: str, policy: str, candidate: str, models: Mapping[str, str]) -> str:
    """Run rows of the gate's ``own`` data through the files of ``models``.

    DataError where the evidence claims others.
    """
    job, pools = _read(evidence)
    here = Own.model_validate_json(own).of(job)
    compare(
        here,
        PolicySpec.model_validate_json(policy),
        pools,
        candidate,
        {label: Path(file) for label, file in models.items()},
    )
    return ""


def _read(evidence: str) -> tuple[JobSpec, dict[str, Measured]]:
    job = evidence_job(Path(evidence))
    return job, pools_of_job(job, find_pools([Path(evidence)]))


def _policy(text: str) -> PolicySpec | None:
    return PolicySpec.model_validate_json(text) if text else None


def _check_required(name: str, policy: PolicySpec | None, pools: Mapping[str, Measured]) -> None:
    """A job cannot leave out the hardware that the gate's own policy requires by name."""
    named = policy.pools.items() if policy else ()
    missing = [pool for pool, one in named if one.role == "required" and pool not in pools]
    if missing:
        raise DataError(
            f"gate: {name} requires pool {missing[0]!r}; the evidence is of {', '.join(pools)}; measure there"
        )


def _places(judgement: JudgementRecord, pools: Mapping[str, Measured], limits: GateSpec) -> tuple[Place, ...]:
    """Return the best candidate of each pool that one passes on, where a job has several real ones."""
    real = [
        pool for pool, one in pools.items() if not one.emulated and limits.role(pool, False) != "informative"
    ]
    places = [place for pool in real if (place := _place(judgement.table[1:], pool, pools, limits))]
    return tuple(places) if len(real) > 1 else ()


def _place(rows: tuple[Row, ...], pool: str, pools: Mapping[str, Measured], limits: GateSpec) -> Place | None:
    passing = [row for row in rows if row.per_pool[pool].verdict == "pass"]
    ranked = [(rank_on_pool(pool, row, pools, limits), row) for row in passing]
    best = max(
        ranked,
        key=lambda one: (one[0].speedup, one[0].accuracy, -one[0].size_bytes, one[1].sha256),
        default=None,
    )
    return Place(pool=pool, sha256=best[1].sha256, standing=best[0]) if best else None
