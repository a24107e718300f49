"""The gate runs validation rows itself: outcomes that a pipeline made up are not those that the models give."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from inc_mlflow.errors import (
    DataError,
    MissingExtraError,
    ModelError,
    StateError,
    TrackingError,
    UnknownNameError,
)
from inc_mlflow.formatting import percent
from inc_mlflow.hardware.probe import host_facts
from inc_mlflow.measure.gate.evidence import Measured
from inc_mlflow.measure.stats.agreement import overclaimed
from inc_mlflow.promotion.gate_data import trusted, whole_split
from inc_mlflow.promotion.rerun_rows import Rerun, run_again
from inc_mlflow.records import BASELINE, EvaluationRecord, Protection
from inc_mlflow.spec import CPU, JobSpec, PolicySpec

_TOLERANCE = 1e-6
"""Relative and absolute, of outcomes that the same code gave on the same kind of hardware."""
FLIPS = 0.05
"""What rows may differ by on average by hardware alone: a forger could hide behind more."""


def recheck(
    job: JobSpec,
    policy: PolicySpec,
    pools: Mapping[str, Measured],
    candidate: str,
    models: Mapping[str, Path],
) -> None:
    """Run ``policy.recheck`` rows of the gate's own data, and compare with the evidence.

    ``models`` are files by label, baseline and ``candidate`` among them, whose sha256 was compared with the
    evidence's. They are drawn by the system's random numbers, and run with the whole batch that they stand
    in, since the scale of dynamic INT8 depends on it. All rows have to be run where the metric does not
    decompose. DataError where the evidence is refused, or this cannot be done:

    - A pool with this machine's kind of CPU and versions: no outcome may differ. Of M rows, k forged ones
      stay unseen among N that are drawn with a probability of at most (1 - N/M)^k.
    - Another one rounds and saturates otherwise, so rows may differ. Refused is what claims too much by more
      than the policy's allowed drop, at its confidence: of the candidate, against any other model, or of what
      it has over that. At an allowed drop of 1 % and hardware that changes 1 % of the outcomes, 200 rows of
      20,000 show 5 % too much in 81 of 100 cases and 1,000 rows 2 % in 67
      (`tests/statistics/test_recheck.py`). A forger may always name other hardware, and change many rows both
      ways so that the few that count are lost among them: so no model may differ by more than ``FLIPS``.
    - Emulated pools are left out: none can be required. Speed is not measured again.

    TrackingError where the gate's data cannot be reached or a package is missing here: that can be mended.
    """
    if policy.recheck is None or policy.data is None:
        return
    with in_one_kind():
        own = trusted(job, policy.data)
    compare(own, policy, pools, candidate, models)


def compare(
    own_job: JobSpec,
    policy: PolicySpec,
    pools: Mapping[str, Measured],
    candidate: str,
    models: Mapping[str, Path],
) -> None:
    """Do the same by a job whose rows are the gate's own already."""
    with in_one_kind():
        own = run_again(own_job, models, _engines(pools), policy.recheck or 0)
    for pool, measured in pools.items():
        if not measured.emulated:
            _check(pool, measured, own, candidate, policy)


def _engines(pools: Mapping[str, Measured]) -> Mapping[str, str]:
    """Return what runs each model, as the evidence says: another engine would give other outcomes."""
    return next(iter(pools.values())).evaluation.evidence.engines


def rechecked(job: JobSpec, policy: PolicySpec, pools: Mapping[str, Measured]) -> tuple[Protection, ...]:
    """Return how far the accuracy of each pool can be relied on once ``recheck`` has refused nothing, and what it is of."""
    real = {pool: one.evaluation for pool, one in pools.items() if not one.emulated}
    file = whole_split(job).path
    return *(_holds(policy, pool, one, file) for pool, one in real.items()), _asked(next(iter(real.values())))


@contextmanager
def in_one_kind() -> Iterator[None]:
    """Tell what a job brought, and is refused, from what the gate lacks, and may have the next time."""
    try:
        yield
    except (ModelError, UnknownNameError) as error:
        raise DataError(f"recheck: {error}") from error
    except (StateError, MissingExtraError) as error:
        raise TrackingError(f"recheck: {error}") from error


def _holds(policy: PolicySpec, pool: str, record: EvaluationRecord, file: str) -> Protection:
    rows = f"{min(policy.recheck or 0, record.rows)} of {record.rows} rows of {file}"
    what, again = f"accuracy on {pool}", f"{rows}, scored by {record.metric}, were run again"
    if _same_place(record):
        return Protection(
            what=what, holds="enforced", why=f"{again} on the same kind of hardware, and none differs"
        )
    why = f"{again} on other hardware; who claims too much by less than the allowed drop stays unseen"
    return Protection(what=what, holds="advisory", why=why)


def _asked(record: EvaluationRecord) -> Protection:
    """A transform that blanks every row makes all models equally bad: only the value itself tells."""
    value = record.results[BASELINE].value
    why = (
        "the job chose file, inputs, label, transform and metric; "
        f"the baseline's {record.metric} by them is {value:.4g}, compare with your own"
    )
    return Protection(what="what accuracy is", holds="advisory", why=why)


def _check(pool: str, measured: Measured, own: Rerun, candidate: str, policy: PolicySpec) -> None:
    _check_subject(pool, measured, own)
    if _same_place(measured.evaluation):
        _check_same(pool, measured, own)
    else:
        _check_claims(pool, measured, own, candidate, policy)


def _check_subject(pool: str, measured: Measured, own: Rerun) -> None:
    record, metric = measured.evaluation, own.metric
    if (record.evidence.data_sha256, record.rows) != (own.facts.sha256, own.facts.rows):
        raise DataError(
            f"recheck: pool {pool!r} was evaluated on other rows than the gate's own; measure on the gate's data"
        )
    asked = metric.name, metric.higher_is_better, metric.decomposable, metric.score_range, own.batch
    if (
        record.metric,
        record.higher_is_better,
        record.decomposable,
        record.score_range,
        record.batch,
    ) != asked:
        raise DataError(
            f"recheck: pool {pool!r} was evaluated by another metric or batch size than the job's; measure again"
        )
    if not _equal(measured.classes, own.classes):
        raise DataError(
            f"recheck: the classes of rows on pool {pool!r} are not those of the gate's data; measure again"
        )
    if not _equal(measured.groups, own.groups):
        raise DataError(
            f"recheck: the groups of rows on pool {pool!r} are not those of the gate's data; measure again"
        )
    if not math.isclose(record.hangs_on or 0.0, own.hangs_on or 0.0, rel_tol=_TOLERANCE):
        raise DataError(f"recheck: {metric.name} hangs on other rows than pool {pool!r} says; measure again")
    if metric.decomposable and not all(
        _possible(measured.outcomes[label], metric.binary) for label in own.outcomes
    ):
        raise DataError(
            f"recheck: {metric.name} cannot give the outcomes of pool {pool!r}; the evidence was made up"
        )


def _equal(claimed: np.ndarray | None, own: np.ndarray | None) -> bool:
    return (claimed is None) == (own is None) and (
        claimed is None or own is None or np.array_equal(claimed, own)
    )


def _possible(claimed: np.ndarray, binary: bool) -> bool:
    """One row that is not drawn must not outweigh all others: every metric of the table scores a row from 0 to 1."""
    return bool(np.isin(claimed, (0, 1)).all() if binary else ((claimed >= 0) & (claimed <= 1)).all())


def _same_place(record: EvaluationRecord) -> bool:
    host, here = record.evidence.host, host_facts()
    return here.same_hardware(host) and here.runtime == host.runtime and record.evidence.provider == CPU


def _check_same(pool: str, measured: Measured, own: Rerun) -> None:
    for label, found in own.outcomes.items():
        if not np.allclose(own.claimed(measured, label), found, rtol=_TOLERANCE, atol=_TOLERANCE):
            raise DataError(
                f"recheck: on pool {pool!r} {label} does not give the outcomes that the evidence claims, on the same kind of "
                "hardware with the same versions; the evidence is not what was measured"
            )


def _check_claims(pool: str, measured: Measured, own: Rerun, candidate: str, policy: PolicySpec) -> None:
    allowed = _allowed(own, policy)
    gains = _gains(measured, own)
    for what, gained in _favours(gains, own.metric.name, candidate).items():
        if not (least := _least(gained, measured, own, policy)) <= allowed:  # NaN too
            raise DataError(
                f"recheck: on pool {pool!r} the evidence claims {least:.4g} too much of {what}, at least, at "
                f"{percent(policy.confidence)} confidence; allowed is {allowed:.4g}"
            )
    for label, gained in gains.items():
        if not (least := _least(np.abs(gained), measured, own, policy)) <= FLIPS:
            raise DataError(
                f"recheck: on pool {pool!r} the outcomes that the evidence claims of {label} are off by {least:.4g} on "
                f"average, at least; hardware explains {FLIPS}"
            )


def _allowed(own: Rerun, policy: PolicySpec) -> float:
    found = own.outcomes[BASELINE]
    baseline = float(found.mean() if own.metric.decomposable else found[0])
    return policy.relative_limit(baseline) * abs(baseline)


def _gains(measured: Measured, own: Rerun) -> dict[str, np.ndarray]:
    """Return by label how much better the claims are than what was found, per row that was drawn."""
    sign = 1 if own.metric.higher_is_better else -1
    return {
        label: sign * own.sample(own.claimed(measured, label) - found)
        for label, found in own.outcomes.items()
    }


def _favours(gains: Mapping[str, np.ndarray], metric: str, candidate: str) -> dict[str, np.ndarray]:
    """Return by what is claimed how much too good that is for the candidate."""
    rivals = {label: gained for label, gained in gains.items() if label != candidate}
    against = {
        f"what {candidate} has over {label}": gains[candidate] - gained for label, gained in rivals.items()
    }
    worse = {f"the weakness of {label}": -gained for label, gained in rivals.items()}
    return {f"{metric} of {candidate}": gains[candidate]} | worse | against


def _least(gained: np.ndarray, measured: Measured, own: Rerun, policy: PolicySpec) -> float:
    """Return the least that is claimed too much.

    Of a metric of all rows, by its value and by the mean of its resamples.
    """
    if not own.metric.decomposable:
        return float(np.maximum(gained[0], gained[1:].mean()))
    return overclaimed(gained, measured.evaluation.rows, policy.confidence)
