"""Splits are kept apart by content: 1 % of validation may stand elsewhere, and is left out there."""

import numpy as np
import pytest

from inc_mlflow.datasets.separate import Data
from inc_mlflow.errors import DataError
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import CallableSplit, DataSpec, FileSplit

INPUTS = (TensorSpec(name="x", dtype="int64", shape=(None, 1)),)
CODE = """
import numpy as np

ROWS = {rows}


def f(split):
    rows = np.array(ROWS[split])
    for start in range(0, len(rows), 7):
        part = rows[start : start + 7]
        yield {{"x": part[:, None]}}, part % 2
"""


@pytest.fixture
def data(tmp_path):
    def make(**rows) -> Data:
        (tmp_path / "user.py").write_text(
            CODE.format(rows={name: list(numbers) for name, numbers in rows.items()})
        )
        split = CallableSplit(callable="user.py:f")
        return Data(DataSpec(**dict.fromkeys(rows, split)), tmp_path, INPUTS)

    return make


def numbers(data, name, size=None):
    return [int(number) for inputs, *_ in data.rows(name, size) for number in inputs["x"][:, 0]]


@pytest.mark.parametrize(
    ("rows", "shared", "allowed"),
    [
        (100, 0, True),
        (100, 1, True),
        (100, 2, False),
        (99, 1, False),
        (700, 7, True),
        (700, 8, False),
        (699, 7, False),
    ],
)
def test_up_to_one_percent_of_validation_may_stand_in_calibration(data, rows, shared, allowed):
    calibration = [*range(shared), *range(10_000, 10_020)]
    job = data(validation=range(rows), calibration=calibration)
    if not allowed:
        with pytest.raises(DataError) as raised:
            job.survey()
        assert str(raised.value) == (
            f"data.validation: {shared} of {rows} rows stand in calibration too, allowed are 1%; "
            "a candidate must be judged on rows that did not shape it"
        )
        return
    facts = job.survey()
    assert facts.left_out == {"calibration": shared}
    assert facts.notes == (
        (f"{shared} rows left out of calibration: validation holds them too",) if shared else ()
    )
    assert (facts.splits["validation"].rows, facts.splits["calibration"].rows) == (rows, 20 + shared)


def test_rows_of_calibration_and_tuning_count_together_and_each_once(data):
    tuning, calibration = [0, *range(500, 510)], [0, 1, *range(600, 610)]
    with pytest.raises(DataError, match="2 of 150 rows stand in calibration and tuning too"):
        data(validation=range(150), calibration=calibration, tuning=tuning).survey()
    facts = data(validation=range(200), calibration=calibration, tuning=tuning).survey()
    assert facts.left_out == {"calibration": 2, "tuning": 1}


@pytest.mark.parametrize("size", [None, 1, 5])
def test_shared_rows_are_left_out_of_calibration_and_kept_in_validation(data, size):
    job = data(validation=range(200), calibration=[5, 900, 901, 6, 902], tuning=[910, 911])
    assert numbers(job, "calibration", size) == [900, 901, 902]
    assert numbers(job, "validation", size) == list(range(200))
    assert numbers(job, "tuning", size) == [910, 911]


def test_labels_and_digests_stay_with_the_rows_that_are_kept(data):
    job = data(validation=range(200), calibration=[5, 901, 6, 903])
    ((inputs, labels, digests),) = job.rows("calibration", 10)
    assert labels.tolist() == [1, 1]
    assert len(digests) == len(inputs["x"]) == 2


def test_the_survey_is_not_needed_to_leave_rows_out_and_can_be_repeated(data):
    job = data(validation=range(200), calibration=[5, 901])
    assert numbers(job, "calibration") == [901]
    assert job.survey() == job.survey()
    assert numbers(job, "calibration") == [901]


def test_a_split_that_validation_holds_whole_is_refused(data):
    with pytest.raises(
        DataError, match=r"^data\.tuning: every row of it stands in validation too; give it rows of its own$"
    ):
        data(validation=range(500), tuning=[3, 4]).survey()


def test_a_split_that_the_job_has_not_is_refused(data):
    with pytest.raises(DataError, match=r"^data\.tuning: the job has no such split; it has validation$"):
        next(data(validation=range(5)).rows("tuning"))


def test_every_copy_of_a_shared_row_in_validation_counts(data):
    with pytest.raises(DataError, match="50 of 100 rows"):
        data(validation=[7] * 50 + list(range(100, 150)), calibration=[7, *range(900, 920)]).survey()


def test_a_label_without_an_axis_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((1, 1), np.int64), label=np.array(3))
    (tmp_path / "user.py").write_text(
        "import numpy as np\n\ndef f(split):\n    yield {'x': np.zeros((1, 1), int)}, 3\n"
    )
    for split in (FileSplit(path="a.npz"), CallableSplit(callable="user.py:f")):
        with pytest.raises(DataError, match=r"^data\.validation: "):
            Data(DataSpec(validation=split), tmp_path, INPUTS).survey()
