"""Files that options and callables name come along in a bundle."""

import pytest

from inc_mlflow.errors import DataError, SpecError
from inc_mlflow.pipelines.bundle import check_visible, local_files
from tests.support.changed_jobs import change

ARGMAX = "def f(outputs, labels, reference):\n    return (next(iter(outputs.values())).argmax(1) == labels).astype(float)\n"


def test_callables_and_files_of_options_come_along(digits):
    digits.with_name("metric.py").write_text(ARGMAX)
    digits.with_name("rows.py").write_text("import beside\n\ndef f(split):\n    yield from ()\n")
    digits.with_name("beside.py").write_text("")
    digits.with_name("tokenizer.json").write_text("{}")
    metric = {"callable": "metric.py:f"}
    job = change(digits, metric=metric, data__validation={"callable": "rows.py:f"})
    assert set(local_files(job)) == {
        "fp32.onnx",
        "calib.npz",
        "tune.npz",
        "rows.py",
        "beside.py",
        "metric.py",
    }
    job = change(
        digits, metric={"name": "wer", "postprocess": {"name": "decode", "tokenizer": "tokenizer.json"}}
    )
    assert "tokenizer.json" in local_files(job)


def test_a_text_among_the_options_that_happens_to_name_a_file_stays(digits):
    digits.with_name("_").write_text("")
    ctc = {"name": "ctc", "vocabulary": ["a", "b"], "space": "_"}
    assert "_" not in local_files(change(digits, metric={"name": "wer", "postprocess": ctc}))


def test_a_file_that_an_option_of_the_metric_names_must_be_there(digits):
    decode = {"name": "decode", "tokenizer": "gone.json"}
    with pytest.raises(DataError, match=r"^metric\.postprocess\.tokenizer: no file .*gone\.json"):
        local_files(change(digits, metric={"name": "wer", "postprocess": decode}))


def test_a_cluster_cannot_see_a_local_file_that_an_option_names(digits):
    remote = {"path": "s3://b/v.npz"}
    job = change(
        digits,
        model="s3://b/m.onnx",
        data={"validation": remote},
        recipes=[{"method": "dynamic"}],
        pools=["intel"],
        metric={"name": "wer", "postprocess": {"name": "decode", "tokenizer": "tokenizer.json"}},
    )
    with pytest.raises(SpecError, match=r"^metric\.postprocess\.tokenizer: tokenizer\.json is a local path"):
        check_visible(job)


def test_a_tokenizer_of_a_text_table_comes_along(digits):
    digits.with_name("t.tsv").write_text("text\tlabel\na\t1\n")
    digits.with_name("tokenizer.json").write_text("{}")
    job = change(
        digits,
        data__validation={"path": "t.tsv", "transform": {"tokenizer": "tokenizer.json", "max_length": 8}},
    )
    assert {"t.tsv", "tokenizer.json"} <= set(local_files(job))
