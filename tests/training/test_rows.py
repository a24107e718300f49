"""Training rows in memory, and the order in which they are taken."""

import numpy as np
import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.training.rows import Order, TrainingRows


def test_rows_of_all_batches_are_joined():
    batches = [({"x": np.ones((2, 3))}, np.array([1, 2])), ({"x": np.zeros((1, 3))}, np.array([3]))]
    rows = TrainingRows.read(batches)
    assert len(rows) == 3
    inputs, labels = rows.at(np.array([2, 0]))
    assert inputs["x"][:, 0].tolist() == [0, 1]
    assert labels.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("batches", "text"),
    [([], "no rows"), ([({"x": np.ones((1, 2))}, None), ({"x": np.ones((1, 3))}, None)], "differ in shape")],
)
def test_rows_that_cannot_be_used_are_refused(batches, text):
    with pytest.raises(DataError, match=text):
        TrainingRows.read(batches)


def test_an_epoch_takes_each_row_once_in_an_order_of_its_own():
    order = Order(100, 10, None, 0)
    one, again, other = (np.concatenate([step[0] for step in order.epoch(number)]) for number in (0, 0, 1))
    assert sorted(one) == list(range(100))
    assert (one == again).all()
    assert (one != other).any()


def test_a_model_with_a_fixed_batch_gets_whole_pieces():
    order = Order(100, 10, 4, 0)
    assert order.size == 8
    assert [[len(piece) for piece in step] for step in order.epoch(0)] == [[4, 4]] * 12
    with pytest.raises(DataError, match="takes 200 at a time"):
        Order(100, 10, 200, 0)


def test_the_digest_tells_rows_and_labels_apart():
    one = TrainingRows({"x": np.ones((2, 2))}, np.array([0, 1]))
    assert one.digest() != TrainingRows({"x": np.ones((2, 2))}, np.array([1, 0])).digest()
    assert one.digest() != TrainingRows({"y": np.ones((2, 2))}, np.array([0, 1])).digest()


def test_processes_take_parts_of_the_same_rows():
    alone, shared = Order(100, 12, None, 0), Order(100, 12, None, 0, shares=3)
    for (whole,), parts in zip(alone.epoch(1), shared.epoch(1), strict=True):
        assert [len(one) for one in parts] == [4, 4, 4]
        assert np.concatenate(parts).tolist() == whole.tolist()
    assert [len(one) for one in next(Order(100, 16, 2, 0, shares=4).epoch(0))] == [2] * 8


@pytest.mark.parametrize(("rows", "piece", "shares"), [(10, None, 4), (100, 4, 3), (5, 4, 2)])
def test_rows_that_cannot_be_shared_alike_are_refused(rows, piece, shares):
    with pytest.raises(DataError, match=f"training.processes: {shares} processes cannot share the"):
        Order(rows, 16, piece, 0, shares)
