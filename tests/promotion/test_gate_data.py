"""Which rows judge under recheck: all of a file, whatever part of it a job would choose."""

import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.promotion.gate_data import find_gate_data
from inc_mlflow.spec import JobSpec


def job(**validation):
    data = {"validation": {"path": "dev.npz"} | validation}
    return JobSpec.model_validate(
        {
            "version": 1,
            "name": "j",
            "model": "m.onnx",
            "data": data,
            "metric": "top1",
            "recipes": [{"method": "dynamic"}],
        }
    )


@pytest.mark.parametrize("path", ["dev.npz", "dev.tsv", "pictures"])
@pytest.mark.parametrize(
    ("field", "chosen"),
    [
        ("start", {"start": 1}),
        ("stop", {"stop": 400}),
        ("samples", {"samples": 300, "seed": 7}),
        ("start", {"start": 1, "stop": 9}),
    ],
)
def test_a_part_of_a_file_is_refused(tmp_path, path, field, chosen):
    with pytest.raises(DataError) as refusal:
        find_gate_data(job(path=path, **chosen), str(tmp_path))
    assert str(refusal.value) == (
        f"recheck: data.validation.{field}: the job chooses which rows of {path!r} judge it; "
        "a gate takes all rows of a file: "
        "leave out start, stop, samples, or give the rows a file of their own"
    )


@pytest.mark.parametrize("fields", [{}, {"start": 0}, {"seed": 7}, {"batch": 8}, {"label": "other"}])
def test_a_whole_file_is_taken_from_the_gates_folder(tmp_path, fields):
    asked = find_gate_data(job(**fields), str(tmp_path)).data.validation
    assert asked == job(**fields, path=str(tmp_path / "dev.npz")).data.validation
