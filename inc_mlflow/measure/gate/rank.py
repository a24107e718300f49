"""The rank of a candidate among others that were measured in other runs under the same conditions."""

from collections.abc import Mapping

from inc_mlflow.files import canonical_json, sha256_text
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.records import BASELINE, PoolResult, Row, is_baseline
from inc_mlflow.records.ledger import Rank
from inc_mlflow.spec import GateSpec


def rank(row: Row, pools: Mapping[str, Measured], gate: GateSpec) -> Rank:
    """Return the rank of a whole row: speed on the worst required pool, accuracy on the worst that counts."""
    counting = {pool: one for pool, one in pools.items() if gate.role(pool, one.emulated) != "informative"}
    worst = PoolResult(
        accuracy=row.accuracy,
        relative_drop=row.relative_drop,
        speedup=row.speedup,
        verdict="pass",
        metrics=row.metrics,
    )
    return _rank(worst, row.size_bytes, counting, gate)


def rank_on_pool(pool: str, row: Row, pools: Mapping[str, Measured], gate: GateSpec) -> Rank:
    """Return the rank of a row on one pool alone."""
    return _rank(row.per_pool[pool], row.size_bytes, {pool: pools[pool]}, gate)


def _rank(result: PoolResult, size_bytes: int, pools: Mapping[str, Measured], gate: GateSpec) -> Rank:
    accuracy = result.accuracy.value if result.accuracy else 0.0
    higher = next(iter(pools.values())).evaluation.higher_is_better
    return Rank(
        conditions=sha256_text(
            canonical_json([gate.confidence, {pool: _conditions(one) for pool, one in pools.items()}])
        ),
        speedup=result.speedup.low if result.speedup else 0.0,
        speedup_high=result.speedup.high if result.speedup else 0.0,
        accuracy=accuracy if higher else -accuracy,
        size_bytes=size_bytes,
    )


def _conditions(measured: Measured) -> dict[str, object]:
    """Return all that must be equal before ratios to a baseline may be compared across runs."""
    evaluated, host = measured.evaluation, measured.evaluation.evidence.host
    baselines = {label: sha256 for label, sha256 in evaluated.evidence.models.items() if is_baseline(label)}
    return {
        "baseline": baselines if len(baselines) > 1 else baselines[BASELINE],
        "data": evaluated.evidence.data_sha256,
        "metric": [evaluated.metric, *evaluated.further] if evaluated.further else evaluated.metric,
        "host": [host.cpu, list(host.isa), host.gpu, host.instance_type],
        "runtime": host.runtime,
        "provider": evaluated.evidence.provider,
        "layout": measured.benchmark.layout if measured.benchmark else str(evaluated.batch),
    }
