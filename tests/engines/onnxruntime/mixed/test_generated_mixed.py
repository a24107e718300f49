"""Whatever units of whatever graph are in INT8: the model loads, runs, and is near its baseline."""

from functools import cache

import numpy as np
import pytest

from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment
from inc_mlflow.errors import IncError
from tests.support.generated.draw import draw
from tests.support.generated.rounding import rounding_error
from tests.support.generated.walked import FACTOR, LIMIT
from tests.support.mixed_models import Imported

CHUNK, IN_CI, LONG = 20, 100, 1000
CHUNKS = [
    *range(0, IN_CI, CHUNK),
    *(pytest.param(first, marks=pytest.mark.long) for first in range(IN_CI, LONG, CHUNK)),
]
SHARES = (1.0, 0.5)
"""Probabilities with which a unit is in INT8."""


@cache
def drawn(number):
    return draw(number)


@pytest.mark.slow
@pytest.mark.parametrize("first", CHUNKS)
def test_any_set_of_units_is_right_and_runs_in_integer_kernels(first, tmp_path):
    faults = []
    for number in range(first, first + CHUNK):
        folder = tmp_path / str(number)
        folder.mkdir()
        graph = drawn(number)
        rows = [{name: values[i : i + 1] for name, values in graph.rows.items()} for i in range(6)]
        try:
            imported = Imported.of(graph.model, rows, folder)
        except IncError:
            continue  # the tests of import say why
        for share in SHARES:
            assignment = random_assignment(imported, np.random.default_rng([number, int(10 * share)]), share)
            written = imported.write(assignment)
            faults += [f"graph {number}: {name!r} is no integer kernel" for name in written.floats()]
            worst = max(written.errors().values(), default=0.0)
            if worst > LIMIT and worst > FACTOR * rounding_error(graph.model, rows):
                faults.append(f"graph {number}: relative error {worst:.3g} with {share:g} of the units")
    assert not faults, "\n".join(faults)


def random_assignment(imported, generator, share):
    int8 = {unit.name for unit in imported.source.able() if generator.random() < share}
    dynamic = {
        unit.name
        for unit in imported.source.units.units
        if unit.dynamic and unit.name not in int8 and generator.random() < 0.5
    }
    return Assignment(frozenset(int8), frozenset(dynamic))
