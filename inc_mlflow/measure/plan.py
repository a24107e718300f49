"""What a split can decide, said before compute is spent on it."""

import math

from inc_mlflow.measure.score_test import quantile, score_statistic
from inc_mlflow.measure.words import decimal, percent
from inc_mlflow.spec import GateSpec

DISAGREEMENTS = (0.01, 0.04)
"""Assumed shares of rows on which FP32 and INT8 differ in being right: a careful candidate, and a usual one."""
_RIGHT = 0.9
"""Assumed share of rows the baseline has right."""


def plan(rows: int, gate: GateSpec) -> str:
    """Say up to which observed drop a candidate can pass on ``rows`` rows with a metric that is right or wrong per row."""
    cases = "; ".join(f"with {percent(share)} disagreement {_case(rows, gate, share)}" for share in DISAGREEMENTS)
    return f"{decimal(rows)} validation rows, allowed drop {percent(gate.max_relative_drop)}: {cases}"


def _case(rows: int, gate: GateSpec, disagreement: float) -> str:
    drop = largest_passing_drop(rows, gate, disagreement)
    if drop is not None:
        return f"a candidate passes up to an observed drop of {percent(drop)}"
    needed = next((size for size in _sizes(rows) if largest_passing_drop(size, gate, disagreement) is not None), None)
    return f"none can pass, {f'about {decimal(needed)} rows' if needed else 'no number of rows'} could show it"


def largest_passing_drop(rows: int, gate: GateSpec, disagreement: float) -> float | None:
    """Return the largest relative drop whose upper bound is within the limit; None where not even 0 is."""
    differing, right = round(disagreement * rows), round(_RIGHT * rows)
    best = None
    for net in range(differing % 2, differing + 1, 2):
        lost, gained = (differing + net) // 2, (differing - net) // 2
        if not _passes(right - lost, lost, gained, rows, gate):
            break
        best = net / right
    return best


def _passes(both: int, lost: int, gained: int, rows: int, gate: GateSpec) -> bool:
    statistic = score_statistic(both, lost, gained, rows, 1 - gate.max_relative_drop) if both >= 0 else -math.inf
    return statistic >= quantile(gate.confidence)


def _sizes(rows: int) -> list[int]:
    """Sizes to try: each a fifth larger than the last, up to a million times as many."""
    sizes = [float(rows)]
    while sizes[-1] < rows * 1e6:
        sizes.append(sizes[-1] * 1.2)
    return [round(size, -max(0, len(str(int(size))) - 2)) for size in map(int, sizes)]
