"""Which rows judge under recheck: all of a file, whatever part of it a job would choose."""

import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.promotion.gate_data import find_gate_data
from inc_mlflow.spec import JobSpec


def job(metric="top1", **validation):
    data = {"validation": {"path": "dev.npz"} | validation}
    return JobSpec.model_validate(
        {
            "version": 1,
            "name": "j",
            "model": "m.onnx",
            "data": data,
            "metric": metric,
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


TABLE = {"path": "t.tsv", "transform": {"tokenizer": "words.json", "max_length": 8}}
DECODED = {"name": "wer", "postprocess": {"name": "decode", "tokenizer": "words.json", "end": 2}}


def test_files_that_options_name_are_taken_from_the_gates_folder_too(tmp_path):
    asked = find_gate_data(job(metric=DECODED, **TABLE), str(tmp_path))
    assert asked.data.validation.transform.tokenizer == str(tmp_path / "words.json")
    assert asked.metric.postprocess == DECODED["postprocess"] | {"tokenizer": str(tmp_path / "words.json")}


@pytest.mark.parametrize("outside", ["../words.json", "/etc/passwd"])
@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("data.validation.transform.tokenizer", lambda path: {"transform": {"tokenizer": path}}),
        (
            "metric.postprocess.tokenizer",
            lambda path: {"metric": DECODED | {"postprocess": {"name": "decode", "tokenizer": path}}},
        ),
    ],
)
def test_an_option_that_names_a_file_elsewhere_is_refused(tmp_path, outside, field, changes):
    with pytest.raises(DataError, match=f"^recheck: {field}: '{outside}' is no path below the gate's data"):
        find_gate_data(job(**TABLE | changes(outside)), str(tmp_path))
