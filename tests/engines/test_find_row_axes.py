"""Which axis counts rows is told by the job, or by names and sizes; it is never guessed."""

import pytest

from inc_mlflow.engines.find_row_axes import find_row_axes
from inc_mlflow.errors import DataError, ModelError

CLEAR = [
    ({"x": ["batch", 16], "state": [2, "batch", 128]}, [0, 1]),
    ({"state": [2, "batch", 128], "x": ["batch", 16]}, [1, 0]),
    ({"x": ["n", 16], "state": [2, "n", 128]}, [0, 1]),
    ({"x": [None, None], "state": [2, None, 128], "rate": []}, [0, 1, None]),
    ({"x": ["batch", "time"], "y": ["time", "batch"]}, [0, 1]),
    ({"x": ["time", "batch", 16]}, [1]),
    ({"x": ["t", "n", 16]}, [0]),
    ({"x": ["seq_len", 16]}, [0]),
    ({"x": ["seq_len", "n", 16], "lengths": ["n"]}, [1, 0]),
    ({"ids": ["batch", "length"], "positions": ["length"]}, [0, None]),
    ({"ids": ["batch", "length"], "mask": ["batch_of_mask", "length"]}, [0, 0]),
    ({"x": ["a", 3], "y": ["b", 5]}, [0, 0]),
    ({"x": [4, 16], "y": [4, "n"]}, [0, 0]),
    ({"x": [1, 16], "rate": [1]}, [0, 0]),
    ({"x": ["n", 16], "rate": [1]}, [0, 0]),
    ({"x": [1, "time", 80], "length": ["n"]}, [0, 0]),
    ({"nodes": ["n", 8], "adjacency": ["n", "n"]}, [0, 0]),
    ({"x": ["?", 3, "?"]}, [0]),
    ({"x": [3, "height", "width"]}, [0]),
    ({"x": None, "y": [2, None]}, [0, 0]),
    ({"x": [], "y": []}, [None, None]),
]
UNCLEAR = [
    ({"x": ["seq_len", "n", 16]}, "'x': its shape (seq_len, n, 16) does not", "{x: 1}"),
    ({"x": ["n", "t", 16], "y": ["t", "n"]}, "'x': its shape (n, t, 16) beside 'y' (t, n)", "{x: …, y: …}"),
    ({"x": [1, 512], "state": [2, 1, 128]}, "'state': its shape (2, 1, 128) beside 'x'", "{state: 1}"),
    ({"x": [4, 512], "table": [7, 3]}, "'x': its shape (4, 512) beside 'table'", "{x: …, table: …}"),
    ({"x": ["n", 16], "state": [2, "m", 128]}, "'state': its shape (2, m, 128) beside 'x'", "{state: 1}"),
    ({"x": ["n", 16], "table": [7, 3]}, "'table': its shape (7, 3) beside 'x'", "{table: …}"),
    ({"x": [None, 9], "state": [1, None, 128]}, "'state': its shape (1, any, 128)", "{state: 1}"),
]


@pytest.mark.parametrize(("inputs", "axes"), CLEAR)
def test_clear_axes_are_found(inputs, axes):
    assert list(find_row_axes(inputs, {}).inputs.values()) == axes


@pytest.mark.parametrize(("inputs", "text", "line"), UNCLEAR)
def test_others_are_refused_with_the_line_to_add(inputs, text, line):
    with pytest.raises(ModelError) as refused:
        find_row_axes(inputs, {})
    assert f"model input {text}" in str(refused.value)
    assert f"data: {{axes: {line}}}" in str(refused.value)


@pytest.mark.parametrize(
    ("said", "axes"),
    [
        ({"x": 1, "y": 0}, {"x": 1, "y": 0}),
        ({"x": 0}, {"x": 0, "y": 1}),
        ({"y": 0}, {"x": 1, "y": 0}),
        ({"x": None, "y": None}, {"x": None, "y": None}),
    ],
)
def test_what_the_job_says_decides_the_others_by_name(said, axes):
    assert find_row_axes({"x": ["n", "t", 16], "y": ["t", "n"]}, {}, said).inputs == axes


def test_what_the_job_says_decides_fixed_sizes():
    shapes = {"x": [1, 512], "state": [2, 1, 128]}
    assert find_row_axes(shapes, {}, {"state": 1}).inputs == {"x": 0, "state": 1}
    with pytest.raises(DataError, match=r"different numbers of rows \(x has 1, state has 2\)"):
        find_row_axes(shapes, {}, {"x": 0, "state": 0})


def test_outputs_have_rows_where_inputs_have_their_name():
    outputs = {"y": ["t", "n", 8], "state": [2, "n", 8], "other": ["m", 4], "loss": [], "any": None}
    assert find_row_axes({"x": ["n", "t", 16]}, outputs).outputs == {"y": 1, "state": 1}
    assert find_row_axes({"x": ["n", 16]}, {"y": ["m", "k"]}, {"y": 1}).outputs == {"y": 1}
    assert find_row_axes({"rate": []}, {"y": ["m", "k"]}).outputs == {"y": None}


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"state": 0}, "no input or output 'state'"),
        ({"score": 0}, "no input or output 'score', did you mean 'scores'"),
        ({"x": 2}, "'x' has shape (n, 16), so no axis 2; axes count from 0"),
    ],
)
def test_axes_that_do_not_fit_are_refused(said, text):
    with pytest.raises(DataError) as refused:
        find_row_axes({"x": ["n", 16]}, {"scores": ["n"]}, said)
    assert text in str(refused.value)
