"""Rows: their digests, how they are batched, and which are chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.datasets.rows import Content, row_digests
from inc_mlflow.datasets.splits import chosen_rows, regroup
from inc_mlflow.errors import DataError
from inc_mlflow.spec import FileSplit

SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=8)


def rows(count, offset=0):
    numbers = np.arange(offset, offset + count)
    return {"b": np.stack([numbers, numbers], 1).astype(np.float32), "a": numbers}, numbers % 3


def cut(batch, sizes):
    inputs, labels = batch
    start = 0
    for size in sizes:
        yield (
            {name: array[start : start + size] for name, array in inputs.items()},
            labels[start : start + size],
        )
        start += size


@given(SIZES)
def test_the_digest_of_a_row_and_of_a_split_does_not_depend_on_batching(sizes):
    whole, parts = rows(sum(sizes)), Content()
    digests = []
    for inputs, labels in cut(whole, sizes):
        digests += row_digests(inputs)
        parts.add(row_digests(inputs), labels)
    once = Content()
    once.add(row_digests(whole[0]), whole[1])
    assert digests == row_digests(whole[0])
    assert parts.facts() == once.facts()
    assert len(set(digests)) == sum(sizes) == once.facts().rows


@pytest.mark.parametrize("width", [1, 2])
@given(SIZES)
def test_the_digest_of_text_labels_does_not_depend_on_the_longest_of_a_batch(width, sizes):
    inputs, _ = rows(sum(sizes))
    labels = [[f"{'é' * (row % 5)}{row}"] * width for row in range(sum(sizes))]
    once, parts = Content(), Content()
    once.add(row_digests(inputs), np.array(labels))
    for batch, numbers in cut((inputs, np.arange(sum(sizes))), sizes):
        parts.add(row_digests(batch), np.array([labels[row] for row in numbers]))
    assert parts.facts() == once.facts()
    assert once.facts().labels.dtype == "text"


@pytest.mark.parametrize("other", [["a", "bc"], ["ab ", "c"], ["ab", "C"], ["ab\x001", "c"], ["c", "ab"]])
def test_other_text_labels_are_another_split(other):
    inputs, _ = rows(2)
    digests = set()
    for labels in (["ab", "c"], other):
        content = Content()
        content.add(row_digests(inputs), np.array(labels))
        digests.add(content.facts().sha256)
    assert len(digests) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"a": np.array([[1, 3]])},
        {"b": np.array([[1, 2]])},
        {"a": np.array([[1, 2]], np.int32)},
        {"a": np.array([[[1], [2]]])},
        {"a": np.array([[1, 2]]), "b": np.array([[0]])},
    ],
)
def test_another_value_name_type_or_shape_is_another_row(other):
    assert row_digests({"a": np.array([[1, 2]])}) != row_digests(other)


def test_a_digest_ignores_the_order_of_names_and_the_layout_in_memory():
    array = np.arange(12.0).reshape(3, 4)
    assert row_digests({"a": array, "b": array}) == row_digests({"b": np.asfortranarray(array), "a": array})


@pytest.mark.parametrize(("first", "second"), [([1, 2], [2, 1]), ([1, 2], None), ([1, 2], [1.0, 2.0])])
def test_other_labels_are_another_split(first, second):
    facts = []
    for labels in (first, second):
        content = Content()
        content.add([b"x", b"y"], None if labels is None else np.array(labels))
        facts.append(content.facts())
    assert facts[0].sha256 != facts[1].sha256
    assert [one.labels is not None for one in facts] == [True, second is not None]


@given(SIZES, st.integers(1, 9))
def test_regrouping_keeps_rows_labels_and_order(sizes, size):
    whole = rows(sum(sizes))
    batches = list(regroup(cut(whole, sizes), size))
    for name in whole[0]:
        np.testing.assert_array_equal(np.concatenate([inputs[name] for inputs, _ in batches]), whole[0][name])
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), whole[1])
    lengths = [len(inputs["a"]) for inputs, _ in batches]
    assert all(length == size for length in lengths[:-1])
    assert 0 < lengths[-1] <= size


@given(st.integers(1, 60), st.integers(0, 20), st.integers(1, 60), st.integers(1, 60), st.integers(0, 3))
def test_chosen_rows_are_in_order_within_the_range_and_as_many_as_asked(count, start, length, samples, seed):
    split = FileSplit(path="a.npz", start=start, stop=start + length, samples=samples, seed=seed)
    if start + length > count or samples > length:
        with pytest.raises(DataError):
            chosen_rows(split, count, "data.tuning")
        return
    chosen = chosen_rows(split, count, "data.tuning")
    assert chosen == sorted(set(chosen)) == chosen_rows(split, count, "data.tuning")
    assert len(chosen) == samples
    assert set(chosen) <= set(range(start, start + length))


@pytest.mark.parametrize(
    ("fields", "count", "message"),
    [
        ({"start": 3, "stop": 9}, 5, "data.tuning: no rows 3 to 9; it has 5"),
        ({"start": 5}, 5, "data.tuning: no rows 5 to 5; it has 5"),
        ({}, 0, "data.tuning: has no rows"),
        ({"samples": 6}, 5, "data.tuning.samples: 6 of 5 rows; ask for at most that many"),
    ],
)
def test_rows_that_are_not_there_are_refused(fields, count, message):
    with pytest.raises(DataError) as raised:
        chosen_rows(FileSplit(path="a.npz", **fields), count, "data.tuning")
    assert str(raised.value) == message


def test_another_seed_draws_other_rows():
    drawn = {tuple(chosen_rows(FileSplit(path="a", samples=5, seed=seed), 1000, "x")) for seed in range(10)}
    assert len(drawn) == 10
