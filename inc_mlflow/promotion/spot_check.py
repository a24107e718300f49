"""spot_check: the gate runs validation rows itself, since a pipeline can make outcomes up."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.formatting import percent
from inc_mlflow.hardware.probe import host_facts
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.stats.agreement import overclaimed
from inc_mlflow.promotion.claimed_precision import check_precision
from inc_mlflow.promotion.gate_data import require_whole_split, sort_errors
from inc_mlflow.promotion.rerun_rows import RerunRows, rerun_rows
from inc_mlflow.records import BASELINE, EvaluationRecord, Protection
from inc_mlflow.spec import CPU, GateSpec, JobSpec, PolicySpec

_TOLERANCE = 1e-6
"""Relative and absolute, of outcomes that the same code gave on the same kind of hardware."""
FLIPS = 0.05
"""Mean absolute difference of outcomes that hardware alone explains: a forger could hide behind more."""


def spot_check(
    job: JobSpec,
    policy: PolicySpec,
    pools: Mapping[str, Measured],
    candidate: str,
    models: Mapping[str, Path],
) -> None:
    """Run ``policy.recheck`` rows of the gate's own data, and compare the outcomes with the evidence.

    ``job`` has the gate's data in place of its own. ``models`` are files by label, baseline and ``candidate``
    among them, whose sha256 was compared with the evidence's. The rows are drawn by the system's random
    numbers. Each is run in the whole batch that it stands in, since the scale of dynamic INT8 depends on the
    batch. All rows have to be run where the metric does not decompose.

    - A pool with this machine's kind of CPU and versions: no outcome may differ. Of M rows, k forged ones
      stay unseen among N that are drawn with a probability of at most (1 - N/M)^k.
    - Other hardware rounds and saturates otherwise, so rows may differ. Refused if a claimed score beats the
      re-run one by more than the limit: candidate, rivals (reversed), or their difference. The limit is the
      policy's allowed drop, at its confidence. With an allowed drop of 1 % and hardware that changes 1 % of
      the outcomes, 200 rows of 20,000 show 5 % too much in 81 of 100 cases, and 1,000 rows show 2 % in 67
      (`tests/statistics/test_recheck.py`). A forger may name other hardware, and change many rows both ways
      so that the few that count are lost among them: so no model may differ by more than ``FLIPS`` on
      average. The same holds for the answer that is one for all rows.
    - A candidate that is said to be INT8 has operators in INT8.
    - What this machine cannot run is refused, in a line about that model: its claims cannot be checked. One
      that ran on no pool claims nothing.
    - Emulated pools are left out: none can be required. Speed is not measured again.

    Raises DataError where the evidence is refused, or the job's models or metric cannot be run; TrackingError
    where a package is missing here, which can be mended.
    """
    with sort_errors():
        check_precision(pools, candidate, models[candidate])
        rerun = rerun_rows(job, models, _engines(pools), policy.recheck or 0, _unclaimed(pools))
    for pool, measured in pools.items():
        if not measured.emulated:
            judged = [one for one in measured.by_metric if one.judged]
            for one, again in _pairs(pool, judged, rerun):
                _check(pool, one, again, candidate, one.limits(policy))


def _pairs(pool: str, judged: list[Measured], rerun: RerunRows) -> list[tuple[Measured, RerunRows]]:
    """Pair what is claimed with what was found by each metric; DataError where the metrics differ."""
    if len(judged) != len(rerun.by_metric):
        raise DataError(
            f"recheck: pool {pool!r} was evaluated by other metrics than the job's; measure again"
        )
    return list(zip(judged, rerun.by_metric, strict=True))


def _engines(pools: Mapping[str, Measured]) -> Mapping[str, str]:
    """Return the engine of each model by label, as the evidence says: another one gives other outcomes."""
    return next(iter(pools.values())).evaluation.evidence.engines


def _unclaimed(pools: Mapping[str, Measured]) -> set[str]:
    """Return the models that ran on no pool, by the evidence, as a champion in bf16 where no CPU has it."""
    absent = [set(one.evaluation.evidence.not_loaded) for one in pools.values() if not one.emulated]
    return set.intersection(*absent) if absent else set()


def accuracy_protections(
    job: JobSpec, policy: PolicySpec, pools: Mapping[str, Measured]
) -> tuple[Protection, ...]:
    """Return how far the accuracy of each pool can be relied on after a spot check that refused nothing.

    The last one says what "accuracy" is, which the job chose.
    """
    real = {
        pool: [by.evaluation for by in one.by_metric if by.judged]
        for pool, one in pools.items()
        if not one.emulated
    }
    file = require_whole_split(job).path
    return (
        *(_accuracy_protection(policy, pool, records, file) for pool, records in real.items()),
        _definition_protection(next(iter(real.values()))),
    )


def _accuracy_protection(
    policy: PolicySpec, pool: str, records: Sequence[EvaluationRecord], file: str
) -> Protection:
    record, metrics = records[0], " and ".join(one.metric for one in records)
    rows = f"{min(policy.recheck or 0, record.rows)} of {record.rows} rows of {file}"
    what, again = f"accuracy on {pool}", f"{rows}, scored by {metrics}, were run again"
    if _same_place(record):
        return Protection(
            what=what, holds="enforced", why=f"{again} on the same kind of hardware, and none differs"
        )
    why = f"{again} on other hardware; who claims too much by less than the allowed drop stays unseen"
    return Protection(what=what, holds="advisory", why=why)


def _definition_protection(records: Sequence[EvaluationRecord]) -> Protection:
    """A transform that blanks every row makes all models equally bad: only the value itself shows it."""
    values = " and ".join(f"{one.metric} by them is {one.results[BASELINE].value:.4g}" for one in records)
    why = (
        "the job chose file, inputs, label, transform and metric; "
        f"the baseline's {values}, compare with your own"
    )
    return Protection(what="what accuracy is", holds="advisory", why=why)


def _check(pool: str, measured: Measured, rerun: RerunRows, candidate: str, policy: GateSpec) -> None:
    rerun = _without_not_loaded(pool, measured, rerun)
    _check_subject(pool, measured, rerun)
    _check_constant(pool, measured, rerun)
    if _same_place(measured.evaluation):
        _check_equal(pool, measured, rerun)
    else:
        _check_claims(pool, measured, rerun, candidate, policy)


def _without_not_loaded(pool: str, measured: Measured, rerun: RerunRows) -> RerunRows:
    """Leave out models that could not be loaded on the pool: the evidence claims no outcomes of them.

    Raises DataError where they were loaded here, on the same kind of hardware with the same versions.
    """
    absent = measured.evaluation.evidence.not_loaded.keys() & rerun.outcomes.keys()
    if absent and _same_place(measured.evaluation):
        raise DataError(
            f"recheck: {min(absent)} can be loaded, and the evidence of pool {pool!r} says that it cannot; "
            "the evidence is not what was measured"
        )
    return replace(
        rerun, outcomes={label: one for label, one in rerun.outcomes.items() if label not in absent}
    )


def _check_subject(pool: str, measured: Measured, rerun: RerunRows) -> None:
    """Raise DataError where the evidence is about other rows, classes, groups or another metric."""
    record, metric = measured.evaluation, rerun.metric
    if (record.evidence.data_sha256, record.rows) != (rerun.facts.sha256, rerun.facts.rows):
        raise DataError(
            f"recheck: pool {pool!r} was evaluated on other rows than the gate's own; "
            "measure on the gate's data"
        )
    expected = metric.name, metric.higher_is_better, metric.decomposable, metric.score_range, rerun.batch
    if (
        record.metric,
        record.higher_is_better,
        record.decomposable,
        record.score_range,
        record.batch,
    ) != expected:
        raise DataError(
            f"recheck: pool {pool!r} was evaluated by another metric or batch size than the job's; "
            "measure again"
        )
    if not _same_array(measured.classes, rerun.classes):
        raise DataError(
            f"recheck: the classes of rows on pool {pool!r} are not those of the gate's data; measure again"
        )
    if not _same_array(measured.groups, rerun.groups):
        raise DataError(
            f"recheck: the groups of rows on pool {pool!r} are not those of the gate's data; measure again"
        )
    if not math.isclose(record.hangs_on or 0.0, rerun.hangs_on or 0.0, rel_tol=_TOLERANCE):
        raise DataError(f"recheck: {metric.name} hangs on other rows than pool {pool!r} says; measure again")
    if metric.decomposable and not all(
        _is_possible(measured.outcomes[label], metric.binary) for label in rerun.outcomes
    ):
        raise DataError(
            f"recheck: {metric.name} cannot give the outcomes of pool {pool!r}; the evidence was made up"
        )


def _check_constant(pool: str, measured: Measured, rerun: RerunRows) -> None:
    """Raise DataError where one answer for all rows scores other than claimed: it tells whether a metric can.

    Where it is refused on some rows alone, as where rows differ in shape, the drawn ones may not show that.
    """
    claimed, found = rerun.claimed_constant(measured), rerun.constant
    if claimed is None or found is None:
        same = claimed is found
    elif _same_place(measured.evaluation):
        same = np.allclose(claimed, found, rtol=_TOLERANCE, atol=_TOLERANCE)
    else:
        same = bool(np.abs(rerun.sample(claimed - found)).mean() <= FLIPS)
    if not same:
        raise DataError(
            f"recheck: on pool {pool!r} one answer for all rows does not score by {rerun.metric.name} what "
            "the evidence claims; the evidence is not what was measured"
        )


def _same_array(claimed: np.ndarray | None, found: np.ndarray | None) -> bool:
    return (claimed is None) == (found is None) and (
        claimed is None or found is None or np.array_equal(claimed, found)
    )


def _is_possible(claimed: np.ndarray, binary: bool) -> bool:
    """Tell whether all scores are from 0 to 1, as every metric of the table gives them.

    One row that is not drawn must not outweigh all others.
    """
    return bool(np.isin(claimed, (0, 1)).all() if binary else ((claimed >= 0) & (claimed <= 1)).all())


def _same_place(record: EvaluationRecord) -> bool:
    """Tell whether the evidence is of this machine's kind of CPU and of the same versions."""
    host, here = record.evidence.host, host_facts()
    return here.same_hardware(host) and here.runtime == host.runtime and record.evidence.provider == CPU


def _check_equal(pool: str, measured: Measured, rerun: RerunRows) -> None:
    for label, found in rerun.outcomes.items():
        if not np.allclose(rerun.claimed(measured, label), found, rtol=_TOLERANCE, atol=_TOLERANCE):
            raise DataError(
                f"recheck: on pool {pool!r} {label} does not give the outcomes that the evidence claims "
                f"by {rerun.metric.name}, on the same kind of hardware with the same versions; "
                "the evidence is not what was measured"
            )


def _check_claims(pool: str, measured: Measured, rerun: RerunRows, candidate: str, policy: GateSpec) -> None:
    allowed = _allowed(rerun, policy)
    excesses = _excesses(measured, rerun)
    for what, excess in _favourable_claims(excesses, rerun.metric.name, candidate).items():
        if not (least := _least(excess, measured, rerun, policy)) <= allowed:  # NaN too
            raise DataError(
                f"recheck: on pool {pool!r} the evidence claims {least:.4g} too much of {what}, at least, at "
                f"{percent(policy.confidence)} confidence; allowed is {allowed:.4g}"
            )
    for label, excess in excesses.items():
        if not (least := _least(np.abs(excess), measured, rerun, policy)) <= FLIPS:
            raise DataError(
                f"recheck: on pool {pool!r} the outcomes that the evidence claims of {label} are off by "
                f"{least:.4g} on average, at least; hardware explains {FLIPS}"
            )


def _allowed(rerun: RerunRows, policy: GateSpec) -> float:
    """Return the policy's allowed drop in units of the metric."""
    found = rerun.outcomes[BASELINE]
    baseline = float(found.mean() if rerun.metric.decomposable else found[0])
    return policy.relative_limit(baseline) * abs(baseline)


def _excesses(measured: Measured, rerun: RerunRows) -> dict[str, np.ndarray]:
    """Return by label how much better the claims are than the outcomes here, for each row that was drawn."""
    sign = 1 if rerun.metric.higher_is_better else -1
    return {
        label: sign * rerun.sample(rerun.claimed(measured, label) - found)
        for label, found in rerun.outcomes.items()
    }


def _favourable_claims(
    excesses: Mapping[str, np.ndarray], metric: str, candidate: str
) -> dict[str, np.ndarray]:
    """Return what favours the candidate: claim, as a message names it -> how much too good it is per row."""
    rivals = {label: excess for label, excess in excesses.items() if label != candidate}
    worse = {f"the weakness of {label}": -excess for label, excess in rivals.items()}
    if candidate not in excesses:  # not loaded on this pool, which therefore claims nothing of it
        return worse
    against = {
        f"what {candidate} has over {label}": excesses[candidate] - excess for label, excess in rivals.items()
    }
    return {f"{metric} of {candidate}": excesses[candidate]} | worse | against


def _least(excess: np.ndarray, measured: Measured, rerun: RerunRows, policy: GateSpec) -> float:
    """Return the lower bound of what is claimed too much.

    Of a metric of the whole split, it is the larger of the value's excess and the resamples' mean excess.
    """
    if not rerun.metric.decomposable:
        return float(np.maximum(excess[0], excess[1:].mean()))
    return overclaimed(excess, measured.evaluation.rows, policy.confidence)
