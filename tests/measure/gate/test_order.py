"""The order of equally fast candidates: the smaller file first, and a few kilobytes are no difference."""

from itertools import permutations

import pytest

from inc_mlflow.measure.gate.order import in_order
from inc_mlflow.records import Interval, Row


def row(name, low, high, size, accuracy=0.9, verdict="pass"):
    speed = None if low is None else Interval(value=(low + high) / 2, low=low, high=high)
    return Row(
        recipe=name, engine="onnxruntime", path="", sha256=name, accuracy=Interval.exact(accuracy),
        relative_drop=None, speedup=speed, source_speedup=None, size_bytes=size, verdict=verdict,
        reasons=(), per_pool={},
    )  # fmt: skip


@pytest.mark.parametrize(
    "expected",
    [
        # 53 MB at 2.91x was promoted over 17 MB at 2.86x.
        [row("small", 2.80, 2.92, 17_000_000), row("large", 2.85, 2.97, 53_000_000)],
        [row("fast", 2.93, 2.97, 53_000_000), row("small", 2.80, 2.92, 17_000_000)],
        [row("faster", 2.85, 2.97, 17_800_000), row("smaller", 2.80, 2.92, 17_000_000)],
        [row("smaller", 2.80, 2.92, 17_000_000), row("larger", 2.85, 2.97, 18_000_000)],
        # "slow" overlaps "middle", which overlaps "fast", and is not as fast as that.
        [row("middle", 1.9, 2.1, 20), row("fast", 2.0, 2.2, 30), row("slow", 1.8, 1.95, 10)],
        # "large" stays before "slow", though "small" was all that it was compared with by speed.
        [row("small", 1.9, 2.1, 20), row("large", 1.95, 2.2, 90), row("slow", 1.8, 1.94, 10)],
        [row("better", 2.0, 2.1, 10, accuracy=0.91), row("worse", 2.0, 2.1, 10)],
        [row("lighter", 2.0, 2.1, 1000), row("heavier", 2.0, 2.1, 1001)],
        [row("pass", 1.0, 1.1, 99), row("unsure", 2.0, 2.1, 1, verdict="inconclusive")],
        [row("measured", 1.0, 1.1, 99), row("unknown", None, None, 1)],
        [row("small", None, None, 1), row("large", None, None, 2)],
    ],
)
def test_the_order_does_not_depend_on_that_of_the_rows(expected):
    for rows in permutations(expected):
        assert [one.recipe for one in in_order(rows, True)] == [one.recipe for one in expected]


def test_where_lower_is_better_the_lower_value_comes_first():
    rows = [row("a", 2.0, 2.1, 10, accuracy=0.2), row("b", 2.0, 2.1, 10, accuracy=0.1)]
    assert [one.recipe for one in in_order(rows, False)] == ["b", "a"]
