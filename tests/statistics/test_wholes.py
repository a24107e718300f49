"""The same promise for metrics of all rows together: F1 of few positives, mAP and BLEU.

``python -m pytest tests/statistics/test_wholes.py -m long -s`` prints the table of docs/gate.md.
"""

import numpy as np
import pytest

from inc_mlflow.measure.stats.paired import Bounds, relative_drop
from tests.support.drawn_splits import LIMIT
from tests.support.interval_shares import LEAST, MOST, coverage, error, exact_power, promoted
from tests.support.whole_split_metrics import WHOLES, Whole

DRAWS = {12: 1000, 50: 1000, 200: 1000, 1000: 600, 10_000: 60}
named = pytest.mark.parametrize("whole", WHOLES, ids=lambda whole: whole.__name__)


def drawn(whole: Whole, rows: int, drop: float, draws: int) -> list[Bounds]:
    """Bounds on splits that the metric is defined on."""
    random, candidate = np.random.default_rng(20), whole.losing(drop)
    pairs = (whole.pair(random, rows, candidate) for _ in range(draws))
    return [relative_drop(pair, LIMIT) for pair in pairs if pair.baseline.value]


@named
def test_at_the_limit_few_are_promoted_and_intervals_hold_the_truth(whole):
    for rows in (12, 50, 200):
        bounds = drawn(whole(), rows, LIMIT, 40)
        assert promoted(bounds) <= MOST + 1.5 * error(0.05, 40)
        assert min(coverage(bounds)) >= LEAST - 1.5 * error(0.05, 40)


@named
def test_the_candidate_loses_what_it_is_said_to(whole):
    one = whole()
    assert one.value(one.losing(LIMIT)) / one.value(one.baseline) == pytest.approx(1 - LIMIT, abs=2e-4)
    assert one.between[0] <= one.value(one.baseline) <= one.between[1]


@pytest.mark.long
def test_all_metrics_on_all_sizes():
    print(f"\n{'metric':17} {'rows':>6} {'limit':>6} {'twice':>6} {'low':>6} {'high':>6} {'both':>6}")
    for make in WHOLES:
        for rows, draws in DRAWS.items():
            at, beyond = drawn(make(), rows, LIMIT, draws), drawn(make(), rows, 2 * LIMIT, draws // 2)
            shares = promoted(at), promoted(beyond), *coverage(at)
            print(f"{make().name:17} {rows:6} {' '.join(f'{share:6.1%}' for share in shares)}", flush=True)
            assert shares[0] <= MOST + error(0.05, draws)
            assert shares[1] <= exact_power(rows, 2 * LIMIT) + 0.005 + error(0.01, draws // 2)
            assert min(shares[2:]) >= LEAST - error(0.05, draws)
