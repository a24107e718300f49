"""Rows of a callable may differ in shape, as sentences of other lengths do: a batch holds rows of one shape."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.datasets.splits import regroup

LENGTHS = st.lists(st.integers(1, 3), min_size=1, max_size=20)


@given(LENGTHS, st.integers(1, 4), st.integers(1, 4))
def test_rows_keep_their_order_in_batches_as_large_as_shapes_allow(lengths, given, size):
    whole = [(np.full((given, length), number), np.arange(given)) for number, length in enumerate(lengths)]
    batches = list(regroup((({"x": rows}, labels) for rows, labels in whole), size))
    assert [row.tolist() for inputs, _ in batches for row in inputs["x"]] == [
        row.tolist() for rows, _ in whole for row in rows
    ]
    assert np.concatenate([labels for _, labels in batches]).tolist() == [*range(given)] * len(lengths)
    for (before, _), (after, _) in pairwise(batches):
        assert 0 < len(before["x"]) <= size
        assert len(before["x"]) == size or before["x"].shape[1] != after["x"].shape[1]
