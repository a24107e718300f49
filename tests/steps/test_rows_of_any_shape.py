"""Whole jobs on models whose rows are not first: what the metric sees is what the model answers to each row."""

import json
import pickle

import numpy as np
import onnx
import onnxruntime
import pytest

from inc_mlflow.errors import IncError
from inc_mlflow.spec import Job
from inc_mlflow.steps.prepare.check import check
from inc_mlflow.steps.prepare.try_metric import try_metric
from tests.support.awkward_models import MODELS
from tests.support.judged_jobs import evaluated, judged

DATA = """
import pickle
import numpy as np

def rows(split):
    with open({file!r}, "rb") as file:
        for inputs, label in pickle.load(file)[split]:
            yield inputs, np.asarray(label)[None]

def right(outputs, labels, reference):
    y = outputs[{output!r}]
    assert y.shape[1:] == {shape}, y.shape
    same = np.isclose(reference[{output!r}], labels, atol=1e-4).reshape(len(labels), -1).all(axis=1)
    near = (y.argmax(-1) == labels.argmax(-1)).reshape(len(labels), -1).mean(axis=1)
    return near * same
"""
SIZES = {"calibration": 12, "tuning": 40, "validation": 60}


def as_fed(array, axis, rank):
    """Return a row of data as the model takes it."""
    array = np.asarray(array)
    return np.moveaxis(array, 0, axis) if axis else array[0] if array.ndim > rank else array


def prepare(folder, awkward, recipes):
    """Write a job whose labels are what the model answers to each row alone, computed without our code."""
    onnx.save(awkward.model, folder / "model.onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    place = {
        value.name: _rows_axis(value, awkward) for value in (*session.get_inputs(), *session.get_outputs())
    }
    ranks = {value.name: len(value.shape) for value in session.get_inputs()}
    rng, splits = np.random.default_rng(5), {}
    for split, count in SIZES.items():
        splits[split] = []
        for _ in range(count):
            row = awkward.row(rng)
            fed = {name: as_fed(array, place[name], ranks[name]) for name, array in row.items()}
            (y,) = session.run([awkward.output], fed)
            axis = place[awkward.output]
            splits[split].append((row, y if axis is None else np.take(y, 0, axis)))
    with (folder / "rows.pickle").open("wb") as file:
        pickle.dump(splits, file)
    text = DATA.format(file=str(folder / "rows.pickle"), output=awkward.output, shape=awkward.shape[1:])
    (folder / "data.py").write_text(text)
    data = {split: {"callable": "data.py:rows"} for split in SIZES}
    job = {
        "version": 1,
        "name": "awkward",
        "model": "model.onnx",
        "data": data | ({"axes": awkward.axes} if awkward.axes else {}),
        "metric": {"callable": "data.py:right", "range": [0, 1]},
        "recipes": recipes,
        "search": {"budget": 1},
        "benchmark": {"layout": awkward.layout},
        "gate": {"max_relative_drop": 0.2, "min_speedup": 0.01},
    }
    (folder / "job.yaml").write_text(json.dumps(job))
    return Job.load(folder / "job.yaml")


def _rows_axis(value, awkward):
    """Where this model has its rows, told by hand."""
    said = awkward.axes or {}
    if value.name in said:
        return said[value.name]
    if said.get("x", 0) is None or not value.shape:
        return None
    return {"state": 1, "stateN": 1}.get(value.name, said.get("x", 0))


LISTED = [{"method": "static"}, {"method": "dynamic"}]
WHOLE = ["a state and a scalar, all sizes fixed", "rows of other lengths"]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_metric_sees_what_the_model_answers_to_each_row(name, tmp_path):
    baseline, *candidates = evaluated(
        prepare(tmp_path, MODELS[name](), LISTED), tmp_path / "state"
    ).results.values()
    assert baseline.value == 1.0
    assert len(candidates) == len(LISTED)
    assert min(candidate.value for candidate in candidates) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_a_search_ends_with_a_verdict(name, tmp_path):
    result = judged(prepare(tmp_path, MODELS[name](), "auto"), tmp_path / "state")
    assert result["table"][0]["accuracy"]["value"] == 1.0
    assert result["verdict"] in ("pass", "fail"), result["reasons"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a state and a scalar, all sizes fixed", "as data: {axes: {state: 1}}"),
        ("a table beside the rows", "as data: {axes: {table: …}}"),
    ],
)
def test_without_the_axes_such_a_job_is_refused_with_the_line_to_add(name, text, tmp_path):
    job = prepare(tmp_path, MODELS[name](), [{"method": "dynamic"}])
    job.spec.data.__dict__["axes"] = None
    with pytest.raises(IncError) as refused:
        check(job)
    assert text in str(refused.value)


@pytest.mark.parametrize("name", ["time first in the output alone", "no rows"])
def test_others_are_refused_before_any_work_when_the_metric_is_tried(name, tmp_path):
    job = prepare(tmp_path, MODELS[name](), [{"method": "dynamic"}])
    job.spec.data.__dict__["axes"] = None
    with pytest.raises(IncError) as refused:
        check(job)
        try_metric(job)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("body", "decomposable", "text"),
    [
        ("return outputs['logit']", True, "KeyError: 'logit'"),
        ("return np.ones(3)", True, "gives scores of shape (3,) for 1 rows"),
        ("return outputs['y'][0]", True, "scores of shape (8,) for 1 rows"),
        ("return None", True, "one score per sample"),
        ("return labels[0].nope", False, "AttributeError"),
        ("return np.ones(len(labels))", False, "one number for the whole split"),
    ],
)
def test_a_wrong_metric_is_refused_when_it_is_tried(body, decomposable, text, tmp_path):
    job = prepare(tmp_path, MODELS["a table beside the rows"](), LISTED)
    (tmp_path / "wrong.py").write_text(
        f"import numpy as np\ndef f(outputs, labels, reference):\n    {body}\n"
    )
    wrong = {"callable": "wrong.py:f", "decomposable": decomposable}
    spec = job.spec.model_validate(job.spec.model_dump(mode="json", by_alias=True) | {"metric": wrong})
    layout = spec.benchmark.model_copy(update={"layout": "1s1c1ins1bs"})
    with pytest.raises(IncError) as refused:
        try_metric(Job(spec.model_copy(update={"benchmark": layout}), job.root))
    assert text in str(refused.value)


def test_a_metric_that_is_undefined_on_few_rows_is_not_refused(tmp_path):
    job = prepare(tmp_path, MODELS["rows of other lengths"](), LISTED)
    (tmp_path / "few.py").write_text(
        "def f(outputs, labels, reference):\n"
        "    if len(labels) < 50:\n        raise ValueError('only one class')\n    return 1.0\n"
    )
    few = {"callable": "few.py:f", "decomposable": False}
    try_metric(
        Job(
            job.spec.model_validate(job.spec.model_dump(mode="json", by_alias=True) | {"metric": few}),
            job.root,
        )
    )
