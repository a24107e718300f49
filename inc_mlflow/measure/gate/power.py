"""What a split can decide, said before compute is spent on it: its statistical power in words."""

import math
from collections.abc import Sequence

from inc_mlflow.formatting import decimal, percent, points, rounded_up
from inc_mlflow.measure.stats.resampled import HEAVIEST
from inc_mlflow.measure.stats.score_test import difference_statistic, quantile, ratio_statistic, unseen
from inc_mlflow.spec import GateSpec

DISAGREEMENTS = (0.01, 0.04)
"""Assumed shares of rows that only one of FP32 and INT8 has right: of a careful candidate, of a usual one."""
RIGHT = 0.9
"""Assumed share of rows the baseline has right."""


def split_power(
    rows: int,
    gate: GateSpec,
    candidates: int = 1,
    disagreements: Sequence[float] = DISAGREEMENTS,
    right: float = RIGHT,
) -> str:
    """Say up to which observed drop a candidate can pass, by a metric that is right or wrong per row.

    Among several candidates the first has to pass at Holm's strictest confidence. ``disagreements`` are
    shares of rows that only one model has right, ``right`` is the baseline's share.
    """
    level = strictest(gate, candidates)
    if min(disagreements) > 0 and largest_passing_drop(rows, gate, min(disagreements), level, right) is None:
        disagreements = (0.0, *disagreements)
    cases = "; ".join(
        f"with {percent(share) if share else 'no'} disagreement {_case(rows, gate, share, level, right)}"
        for share in disagreements
    )
    among = f", {candidates} candidates" if candidates > 1 else ""
    return f"{decimal(rows)} validation rows, allowed drop {allowed(gate)}{among}: {cases}"


def split_power_at_best(
    rows: int, gate: GateSpec, candidates: int = 1, whole: bool = False, unit: str = "rows"
) -> str:
    """Say what can be shown about an unchanged model, by a metric that is not right or wrong per row.

    ``whole``: the metric is of all rows together, of which some weigh more. ``unit`` names what is counted,
    where rows were drawn in groups.
    """
    level, weight = strictest(gate, candidates), HEAVIEST if whole else 1.0
    least, limit = unseen(max(1, round(rows / weight)), level), gate.max_relative_drop
    text = (
        f"{decimal(rows)} validation {unit}, allowed drop {allowed(gate)}: "
        f"even an unchanged model can only be shown to lose at most {percent(least)} of the metric"
    )
    if limit is None or least <= limit:
        return f"{text}; how much may change depends on its spread"
    wanted = rounded_up(weight * math.log1p(-level) / math.log1p(-limit)) if limit else None
    needed = "no number of" if wanted is None else f"about {decimal(wanted)}"
    return f"{text}, so none can pass; {needed} {unit} could show it"


def split_power_by_spread(rows: int, gate: GateSpec, distance: float, tuning_rows: int, limit: float) -> str:
    """Say up to which observed drop a candidate can pass, by scores that are not right or wrong.

    ``distance`` is that from the drop to its upper bound on ``tuning_rows`` rows. It and ``limit`` are shares
    of the baseline's metric. An interval shrinks with the square root of the rows; on fewer rows than tuning
    has it may grow with their number, where it is about rare losses.
    """
    more = tuning_rows / rows
    largest = limit - distance * max(more, math.sqrt(more))
    by = f"by the spread on {decimal(tuning_rows)} tuning rows"
    if largest >= 0:
        case = f"a candidate passes up to an observed drop of {percent(largest)}"
    else:
        needed = (
            f"about {decimal(math.ceil(tuning_rows * (distance / limit) ** 2))}" if limit else "no number of"
        )
        case = f"none passes without a gain, {needed} rows could show it"
    return f"{decimal(rows)} validation rows, allowed drop {allowed(gate)}: {by} {case}"


def strictest(gate: GateSpec, candidates: int) -> float:
    """Return the confidence at which the first of several candidates has to pass."""
    return 1 - (1 - gate.confidence) / candidates


def allowed(gate: GateSpec) -> str:
    """Write the limits on the drop."""
    relative = [percent(gate.max_relative_drop)] if gate.max_relative_drop is not None else []
    absolute = [f"{points(gate.max_absolute_drop)} absolute"] if gate.max_absolute_drop is not None else []
    return " and ".join(relative + absolute)


def largest_passing_drop(
    rows: int, gate: GateSpec, disagreement: float, level: float, right: float = RIGHT
) -> float | None:
    """Return the largest relative drop whose upper bound is within the limits; None where not even 0 is.

    ``disagreement`` and ``right`` are shares of the rows, ``level`` is the one-sided confidence.
    """
    differing, correct = round(disagreement * rows), round(right * rows)
    best = None
    for net in range(differing % 2, differing + 1, 2):
        lost, gained = (differing + net) // 2, (differing - net) // 2
        if lost > correct or not _passes(correct - lost, lost, gained, rows, gate, level):
            break
        best = net / correct
    return best


def _case(rows: int, gate: GateSpec, disagreement: float, level: float, right: float) -> str:
    drop = largest_passing_drop(rows, gate, disagreement, level, right)
    if drop is not None and not disagreement:
        return "a candidate passes"
    if drop is not None:
        return f"a candidate passes up to an observed drop of {percent(drop)}"
    larger = (
        size
        for size in _sizes(rows)
        if largest_passing_drop(size, gate, disagreement, level, right) is not None
    )
    needed = next(larger, None)
    return (
        f"none can pass, {f'about {decimal(needed)} rows' if needed else 'no number of rows'} could show it"
    )


def _passes(both: int, lost: int, gained: int, rows: int, gate: GateSpec, level: float) -> bool:
    relative, absolute, z = gate.max_relative_drop, gate.max_absolute_drop, quantile(level)
    if not lost and not gained:
        shares = (unseen(both, level), relative), (unseen(rows, level), absolute)
        return all(limit is None or most <= limit for most, limit in shares)
    if relative is not None and ratio_statistic(both, lost, gained, rows, 1 - relative) < z:
        return False
    return absolute is None or difference_statistic(lost, gained, rows, absolute) >= z


def _sizes(rows: int) -> list[int]:
    """Sizes to try: each a fifth larger than the last, up to a million times as many."""
    sizes = [float(rows)]
    while sizes[-1] < rows * 1e6:
        sizes.append(sizes[-1] * 1.2)
    return [round(size, -max(0, len(str(int(size))) - 2)) for size in map(int, sizes)]
