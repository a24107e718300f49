"""Rows: who they are, how they are batched and chosen, and that they fit the model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.datasets.conform import conform
from inc_mlflow.datasets.rows import Content, row_digests
from inc_mlflow.datasets.splits import SplitReader, chosen_rows, regroup
from inc_mlflow.errors import CallableError, DataError
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import CallableSplit, FileSplit

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


LABELLED = """
import numpy as np
def f(split):
    for text in ("a", "longer"):
        yield {"x": np.zeros((1, 2), "f4")}, LABEL
"""


def labelled(folder, label):
    """A callable split whose labels are what the expression gives for a text."""
    (folder / "d.py").write_text(LABELLED.replace("LABEL", label))
    spec = (TensorSpec(name="x", dtype="float32", shape=None),)
    return SplitReader("tuning", CallableSplit(callable="d.py:f"), folder, spec)


def test_texts_of_a_callable_are_texts_whatever_holds_them(tmp_path):
    found = []
    for label in ("[text]", "np.array([text], object)", "np.array([text], np.dtypes.StringDType())"):
        content = Content()
        for inputs, labels in labelled(tmp_path, label).batches(2):
            content.add(row_digests(inputs), labels)
        found.append(content.facts())
    assert found[0] == found[1] == found[2]
    assert found[0].labels.dtype == "text"


def test_labels_that_are_objects_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"^data\.tuning: labels are Python objects; give numbers or texts"):
        list(labelled(tmp_path, "np.array([{text: 1}])").batches())


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


def fit(values, dtype, shape=(None,), given=None):
    spec = TensorSpec(name="x", dtype=dtype, shape=shape)
    return conform({"x": np.array(values, given)}, (spec,), "data.tuning")["x"]


@pytest.mark.parametrize(
    ("values", "given", "dtype"),
    [
        ([1, -2], "int64", "int32"),
        ([1.0, 2.0], "float64", "int64"),
        ([0.5, 1.5], "float64", "float32"),
        ([True, False], "bool", "float32"),
        ([0, 1], "int64", "bool"),
        ([2**24], "int64", "float32"),
        ([1.5], ">f4", "float32"),
    ],
)
def test_values_are_cast_to_the_models_type_where_nothing_is_lost(values, given, dtype):
    cast = fit(values, dtype, given=given)
    assert cast.dtype == np.dtype(dtype)
    assert cast.tolist() == values


@pytest.mark.parametrize(
    ("values", "given", "dtype"),
    [
        ([2**31], "int64", "int32"),
        ([-1], "int64", "uint8"),
        ([0.1], "float64", "float32"),
        ([0.5], "float32", "int64"),
        ([2**24 + 1], "int64", "float32"),
        ([1e6], "float32", "float16"),
        ([2], "int64", "bool"),
        ([np.inf], "float32", "int64"),
        ([2**63 - 1], "int64", "float64"),
    ],
)
def test_a_cast_that_would_lose_values_is_refused(values, given, dtype):
    with pytest.raises(DataError) as raised:
        fit(values, dtype, given=given)
    assert (
        str(raised.value)
        == f"data.tuning: input 'x' is {given} and would lose values as {dtype}; store it as {dtype}"
    )


WRAPPED = [
    ([np.nan], "float32", "int64"),
    ([-1], "int8", "uint8"),
    ([200], "uint8", "int8"),
    ([-1], "int64", "uint64"),
]


@pytest.mark.parametrize(("values", "given", "dtype"), WRAPPED)
def test_a_cast_that_would_turn_a_sign_or_nan_into_a_number_is_refused(values, given, dtype):
    with np.errstate(all="ignore"), pytest.raises(DataError):
        fit(values, dtype, given=given)


@given(
    st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1),
    st.sampled_from(["int32", "int64", "float32", "float64"]),
)
def test_small_integers_survive_every_wider_type(values, dtype):
    assert fit(values, dtype, given="int16").tolist() == values


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("given", ["float32", "float64"])
def test_nan_and_infinity_are_refused(value, given):
    with pytest.raises(DataError, match=r"^data\.tuning: input 'x' has NaN or infinity; clean the data$"):
        fit([1.0, value], "float32", given=given)


@pytest.mark.parametrize(
    ("values", "shape", "message"),
    [
        ([[1.0]], (None,), "has rank 2, (1, 1); the model takes (any)"),
        ([1.0], (None, 3), "has rank 1, (1,); the model takes (any, 3)"),
        ([[1.0, 2.0]], ("batch", 3), "has shape (1, 2); the model takes (batch, 3)"),
    ],
)
def test_another_rank_or_size_is_refused(values, shape, message):
    with pytest.raises(DataError) as raised:
        fit(values, "float64", shape)
    assert str(raised.value) == f"data.tuning: input 'x' {message}"


@pytest.mark.parametrize("shape", [None, (None, None), (1, 2), ("n", "m"), (9, 2)])
def test_free_axes_and_any_number_of_rows_fit(shape):
    assert fit([[1.0, 2.0]], "float64", shape).shape == (1, 2)


def test_rows_with_other_inputs_than_the_models_are_refused():
    with pytest.raises(DataError, match=r"^x: rows have the inputs y; the model takes x$"):
        conform({"y": np.zeros(1)}, (TensorSpec(name="x", dtype="float64", shape=None),), "x")


SPLIT = "import numpy as np\n\ndef f(split):\n    {}\n"


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        ("return iter(())", DataError, "gave no rows"),
        (
            "yield np.zeros(3)",
            DataError,
            "yields ndarray; it must yield (dict of input arrays, labels or None)",
        ),
        (
            "yield {'x': np.zeros(3)}, np.zeros(2)",
            DataError,
            "inputs and labels of different length ([2, 3])",
        ),
        ("yield {'x': np.float64(3)}, None", DataError, "yields an input without rows"),
        ("raise KeyError('k')", CallableError, "user.py:4 in f: KeyError: 'k'"),
        ("return 3", CallableError, "TypeError: 'int' object is not iterable"),
    ],
)
def test_a_data_callable_that_does_something_else_is_told_so(tmp_path, body, kind, says):
    (tmp_path / "user.py").write_text(SPLIT.format(body))
    spec = (TensorSpec(name="x", dtype="float64", shape=(None,)),)
    with pytest.raises(kind) as raised:
        list(SplitReader("tuning", CallableSplit(callable="user.py:f"), tmp_path, spec).batches())
    assert str(raised.value).startswith("data.tuning")
    assert says in str(raised.value)
