"""A plan measures less on a slow model, and never too little to decide."""

from itertools import pairwise

import pytest

from inc_mlflow.engines.onnxruntime.mixed.effort import MOST_PROBES, Effort


def test_a_quick_model_is_measured_as_much_as_is_of_use():
    assert Effort.of(10.0, 0.001) == Effort(batches=3, passes=12, rows=8, probes=MOST_PROBES)


@pytest.mark.parametrize("per_batch", [0.001, 0.02, 0.3, 2.0])
def test_the_measurements_fit_into_the_time_or_are_the_least_there_are(per_batch):
    seconds = 20.0
    effort = Effort.of(seconds, per_batch)
    profiles = 4 * per_batch * effort.batches * (effort.passes + 2)
    probes = 1.2 * per_batch * effort.rows * (effort.probes + 1)
    assert profiles <= 0.12 * seconds or (effort.batches, effort.passes) == (1, 3)
    assert probes <= 0.2 * seconds or (effort.rows, effort.probes) == (2, 1)


def test_of_a_slower_model_less_is_measured():
    sizes = [Effort.of(20.0, 0.01 * 2**step) for step in range(8)]
    for before, after in pairwise(sizes):
        assert after.batches * after.passes <= before.batches * before.passes
        assert after.rows * after.probes <= before.rows * before.probes
