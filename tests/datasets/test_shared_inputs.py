"""An input of one value for the whole batch is given once, or with one value per row."""

import numpy as np
import pytest

from inc_mlflow.datasets.splits import SplitReader
from inc_mlflow.errors import DataError
from inc_mlflow.records import SharedInput, TensorSpec
from inc_mlflow.spec import CallableSplit, FileSplit

INPUTS = (
    SharedInput(name="rate", dtype="int64", shape=(None,)),
    SharedInput(name="table", dtype="float32", shape=(None, 2, 3)),
    TensorSpec(name="x", dtype="float32", shape=("n", 4)),
)
TABLE = np.arange(6, dtype="f4").reshape(2, 3)


def test_an_archive_may_have_it_once(tmp_path):
    np.savez(tmp_path / "r.npz", x=np.ones((5, 4), "f4"), rate=np.array(8), table=TABLE, label=np.arange(5))
    reader = SplitReader("validation", FileSplit(path="r.npz", start=1, batch=3), tmp_path, INPUTS)
    assert reader.count() == 4
    batches = list(reader.batches())
    assert [inputs["rate"].tolist() for inputs, _ in batches] == [[8, 8, 8], [8]]
    assert [labels.tolist() for _, labels in batches] == [[1, 2, 3], [4]]
    np.testing.assert_array_equal(batches[0][0]["table"], [TABLE] * 3)


def test_an_archive_may_have_one_per_row(tmp_path):
    np.savez(
        tmp_path / "r.npz", x=np.ones((2, 4), "f4"), rate=np.array([8, 9]), table=np.stack([TABLE, -TABLE])
    )
    (first, _), (second, _) = SplitReader("tuning", FileSplit(path="r.npz"), tmp_path, INPUTS).batches()
    assert (first["rate"].tolist(), second["rate"].tolist()) == ([8], [9])
    np.testing.assert_array_equal(second["table"], [-TABLE])


def test_a_callable_may_yield_it_once(tmp_path):
    (tmp_path / "data.py").write_text(
        "import numpy as np\n"
        "def rows(split):\n"
        "    for n in (2, 1):\n"
        "        yield {'rate': 8, 'table': np.ones((2, 3), 'f4'), 'x': np.ones((n, 4), 'f4'),\n"
        "               'speaker': np.arange(n)}, None\n"
    )
    split = CallableSplit(callable="data.py:rows")
    reader = SplitReader("validation", split, tmp_path, INPUTS, "speaker")
    shapes = [{name: array.shape for name, array in inputs.items()} for inputs, _ in reader.batches(1)]
    assert shapes == [{"rate": (1,), "table": (1, 2, 3), "x": (1, 4)}] * 3
    assert reader.groups("speaker").tolist() == [0, 1, 0]


def test_other_inputs_may_not(tmp_path):
    np.savez(tmp_path / "r.npz", x=np.ones(4, "f4"), rate=np.array(8), table=TABLE)
    reader = SplitReader("tuning", FileSplit(path="r.npz"), tmp_path, INPUTS)
    with pytest.raises(DataError, match="input 'x' has rank 1"):
        list(reader.batches())
