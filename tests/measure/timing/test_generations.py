"""What differs between processes and between benchmarks is in the interval.

Beside others' work it is wider.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.measure.gate.criteria import rescale_bounds
from inc_mlflow.measure.timing.cpu_time import GENERATIONS, Timing, cpu_time_contradiction, cpu_time_speedup
from inc_mlflow.measure.timing.repeatability import (
    BUSY_CACHE,
    BUSY_CACHE_REPEATABILITY,
    CPU_TIME_REPEATABILITY,
    between_generations,
    repeatability,
)

PASSES, BATCHES = 20, 16
QUIET_MACHINE, BUSY_MACHINE = 0.01, 0.05
"""By how much whole benchmarks of two files were seen to differ, alone and beside copies of memory."""
DRIFT = 0.3
"""Variance between benchmarks, as a share of that between processes, on the machines that were seen."""


def timing(generations, base=1e-3):
    """Times of which each generation is slower by a factor of its own."""
    return Timing(np.exp(np.asarray(generations))[:, None, None] * np.full((1, PASSES, BATCHES), base), 1)


def half_width(interval):
    return np.log(interval.high / interval.low) / 2


def test_the_ratio_is_that_of_the_least_times_of_all_generations():
    """Load that meets one generation only adds time, so it does not move the value; it widens the bounds."""
    found = cpu_time_speedup(timing([0.0, 0.0, 0.4]), timing([0.3, 0.0, 0.0], 5e-4), 0.95)
    assert found.value == pytest.approx(2)
    assert half_width(found) > 0.1


def test_generations_that_agree_leave_what_whole_benchmarks_differ_by():
    same = cpu_time_speedup(timing([0.0] * GENERATIONS), timing([0.0] * GENERATIONS), 0.95)
    assert half_width(same) == pytest.approx(1.645 * CPU_TIME_REPEATABILITY, rel=1e-3)


@pytest.mark.parametrize(("deviation", "growth"), [(0.002, 1.02), (0.005, 1.08), (0.01, 1.27)])
def test_what_a_quiet_machine_shows_between_generations_widens_the_bounds_by_less_than_half(
    deviation, growth
):
    spread = np.array([-1.0, -1.0, 0.0, 1.0, 1.0]) * deviation
    assert between_generations(spread, 0.95, CPU_TIME_REPEATABILITY) < growth * 1.645 * CPU_TIME_REPEATABILITY


def test_a_generation_of_its_own_speed_widens_the_bounds_until_they_are_not_believed():
    steady, odd = timing([0.0] * 5), timing([0.0, 0.0, 0.0, 0.0, 0.5])
    assert half_width(cpu_time_speedup(odd, steady, 0.95)) > 5 * half_width(
        cpu_time_speedup(steady, steady, 0.95)
    )
    assert cpu_time_contradiction(cpu_time_speedup(odd, steady, 0.95)) is not None


@given(st.lists(st.floats(-0.1, 0.1), min_size=1, max_size=8), st.floats(0.55, 0.99))
def test_no_spread_of_generations_makes_the_bounds_narrower(generations, confidence):
    alone = between_generations(np.zeros(1), confidence, CPU_TIME_REPEATABILITY)
    assert between_generations(np.array(generations), confidence, CPU_TIME_REPEATABILITY) >= alone * (
        1 - 1e-9
    )


@pytest.mark.parametrize("deviation", [0.003, 0.01, 0.04])
@pytest.mark.parametrize(
    ("machine", "assumed"),
    [(QUIET_MACHINE, CPU_TIME_REPEATABILITY), (BUSY_MACHINE, BUSY_CACHE_REPEATABILITY)],
    ids=["quiet", "busy"],
)
def test_bounds_hold_the_ratio_where_processes_and_benchmarks_differ(deviation, machine, assumed):
    """Processes differ by ``deviation``, and whole benchmarks as the machine does.

    Bounds of 95 % then hold the ratio in 93.5 % of all benchmarks.
    """
    random, runs = np.random.default_rng(3), 4000
    slowly = np.hypot(deviation * DRIFT**0.5, machine)
    drawn = random.normal(0, slowly, (runs, 1)) + random.normal(0, deviation, (runs, GENERATIONS))
    reached = [row.mean() <= between_generations(row, 0.95, assumed) for row in drawn]
    assert np.mean(reached) >= 0.935


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((0.01, 0.02, 0.0), CPU_TIME_REPEATABILITY),
        ((BUSY_CACHE, BUSY_CACHE), CPU_TIME_REPEATABILITY),
        ((0.0, 0.0, 0.0, 0.0, 0.4), CPU_TIME_REPEATABILITY),
        ((0.0, 0.0, 0.3, 0.3, 0.3), BUSY_CACHE_REPEATABILITY),
        ((0.01, None), BUSY_CACHE_REPEATABILITY),
    ],
    ids=["quiet", "at the limit", "beside one generation", "beside most generations", "not to be read"],
)
def test_a_benchmark_beside_others_work_repeats_less_well(shares, expected):
    assert repeatability(shares) == expected


def test_bounds_asked_for_at_more_confidence_are_no_narrower_than_those_a_benchmark_had_given():
    """The gate widens stored bounds; it must not claim more than the generations of processes can show."""
    odd, steady = timing([0.0, 0.2, -0.1, 0.15, -0.2][:GENERATIONS]), timing([0.0] * GENERATIONS)
    widened = rescale_bounds(cpu_time_speedup(odd, steady, 0.95), 0.95, 0.99)
    assert half_width(widened) >= half_width(cpu_time_speedup(odd, steady, 0.99))


def test_neighbours_widen_the_bounds_on_both_sides():
    quiet, busy = (
        cpu_time_speedup(timing([0.0] * 5), timing([0.0] * 5), 0.95, one)
        for one in (CPU_TIME_REPEATABILITY, BUSY_CACHE_REPEATABILITY)
    )
    assert busy.value == quiet.value
    assert half_width(busy) == pytest.approx(
        half_width(quiet) * BUSY_CACHE_REPEATABILITY / CPU_TIME_REPEATABILITY
    )
