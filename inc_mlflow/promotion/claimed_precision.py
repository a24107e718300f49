"""Whether a candidate computes in what the evidence says: an alias may promise INT8."""

from collections.abc import Mapping
from pathlib import Path

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.allowed import precision_of
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.records import INT8
from inc_mlflow.registry.engines import ENGINES


def check_precision(pools: Mapping[str, Measured], candidate: str, model: Path) -> None:
    """Raise DataError where the evidence says INT8 of a model without one operator in it."""
    if precision_of(candidate, pools) != INT8:
        return
    engine = next(iter(pools.values())).evaluation.evidence.engines[candidate]
    if not ENGINES.get(engine).int8_operators(model):
        raise DataError(
            f"recheck: {candidate} has no operator in INT8, and the evidence says that it computes in INT8; "
            "it was made up"
        )
