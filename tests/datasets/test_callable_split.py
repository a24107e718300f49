"""Rows from a function of the user's."""

import pytest

from inc_mlflow.datasets.rows import Content, row_digests
from inc_mlflow.datasets.splits import SplitReader
from inc_mlflow.errors import CallableError, DataError
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import CallableSplit

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
        ("yield {'x': np.float64(3)}, None", DataError, "input 'x' has no rows; the first axis"),
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
