"""The order of equally fast candidates: the smaller file first, and a few kilobytes are no difference.

Ranks of other runs and the key by which MLflow sorts give the same order.
"""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.measure.gate.order import in_order, outranks, standings
from inc_mlflow.records import Interval, Row
from inc_mlflow.records.ledger import Rank


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


ends = st.sampled_from([1.0, 1.1, 1.2, 1.3])
candidates = st.builds(
    lambda low, more, size, accuracy: (low, low + more, size, accuracy),
    *(ends, st.sampled_from([0.0, 0.15]), st.sampled_from([100, 104, 200]), st.sampled_from([0.8, 0.9])),
)


def ranked(one):
    return Rank(conditions="c", speedup=one[0], speedup_high=one[1], accuracy=one[3], size_bytes=one[2])


@given(candidates, candidates)
def test_of_two_ranks_the_one_comes_first_that_does_so_in_a_table(one, two):
    first = in_order([row("one", *one), row("two", *two)], True)[0].recipe
    found = outranks(ranked(one), ranked(two)), outranks(ranked(two), ranked(one))
    equal = (one[0], *one[2:]) == (two[0], *two[2:])
    assert found == ((False, False) if equal else (first == "one", first == "two"))


@pytest.mark.parametrize("bounds", [(2.0, 1.9, 7, 0.9), (2.0, 2.1, -7, 0.9)])
def test_bounds_the_wrong_way_round_end_with_an_error_and_not_never(bounds):
    with pytest.raises(ValueError, match="no row comes first"):
        in_order([row("one", *bounds)], True)


def test_the_smaller_file_outranks_a_larger_one_that_is_not_shown_to_be_faster():
    small, large = ranked((2.80, 2.92, 17_000_000, 0.9)), ranked((2.85, 2.97, 53_000_000, 0.9))
    assert outranks(small, large)
    known = small.model_copy(update={"speedup_high": None})
    assert not outranks(known, large), "of an old entry only the lower end is known"


@given(st.lists(st.tuples(candidates, st.sampled_from(["pass", "fail"])), max_size=6))
def test_standings_sort_as_the_table_does(some):
    rows = in_order([row(str(n), *one, verdict=verdict) for n, (one, verdict) in enumerate(some)], True)
    for verdict in ("pass", "fail"):
        there = [standings(rows)[one.sha256] for one in rows if one.verdict == verdict]
        assert there == sorted(set(there), reverse=True)
        assert len(there) < 1 or there[-1] == pytest.approx(rows_low(rows, verdict), abs=1e-4)


def rows_low(rows, verdict):
    return [one for one in rows if one.verdict == verdict][-1].speedup.low
