"""Floating-point candidates: they are judged as all others, and promoted only where the gate names them."""

from collections.abc import Iterable, Iterator, Mapping

from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.records import INT8, Row
from inc_mlflow.spec import GateSpec


def precision_of(label: str, pools: Mapping[str, Measured]) -> str:
    """Return what a model computes in; where pools say different things, one that is no INT8."""
    said = {one.evaluation.evidence.precisions.get(label, INT8) for one in pools.values()}
    return next(iter(sorted(said - {INT8})), INT8)


def as_allowed(row: Row, precision: str, gate: GateSpec) -> Row:
    """Return a candidate's row; it fails where the gate does not let its precision be promoted."""
    if precision in gate.allow:
        return row
    reason = f"computes in {precision}, and gate.allow has {', '.join(gate.allow)} alone"
    return row.model_copy(update={"verdict": "fail", "reasons": (reason, *row.reasons)})


def not_allowed_notes(
    judged: Iterable[Row], precisions: Mapping[str, str], gate: GateSpec, best: Row | None
) -> Iterator[str]:
    """Yield a line for each row that passes by its numbers, is faster than the best one and not allowed.

    ``judged`` are the rows as their numbers say.
    """
    passing = best if best and best.verdict == "pass" else None
    for row in judged:
        precision = precisions[row.recipe]
        if precision in gate.allow or row.verdict != "pass" or row.speedup is None:
            continue
        if passing and passing.speedup and passing.speedup.value >= row.speedup.value:
            continue
        yield (
            f"{row.recipe} passes at {row.speedup.value:.2f}x and is no INT8: it is not promoted; "
            f"gate: {{allow: [{', '.join((*gate.allow, precision))}]}} would"
        )
