"""The canonical text of a job: it reads back, and equal jobs have equal texts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
from inc_mlflow.spec import FileSplit, JobSpec
from tests.support.job_texts import JOB, changed, read


def shuffled(draw: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(draw, value[key]) for key in draw(st.permutations(list(value)))}
    return [shuffled(draw, item) for item in value] if isinstance(value, list) else value


OLD = {"layout": "NCHW", "color": "RGB"}


@pytest.mark.parametrize(
    ("path", "transform"),
    [("a.npz", OLD), ("a.tsv", OLD | {"tokenizer": "t.json", "max_length": 8}), ("images", OLD)],
)
def test_a_text_that_an_earlier_version_wrote_is_read(path, transform):
    """It said layout and color of every split."""
    split = {"path": path, "start": 0, "seed": 0, "batch": 1, "inputs": {}, "label": "label"}
    spec = JobSpec.from_json(json.dumps(changed("data.validation", split | {"transform": transform})))
    given = transform if path == "images" else {key: transform[key] for key in transform.keys() - OLD}
    assert spec.data.validation == FileSplit.model_validate({"path": path, "transform": given})
    assert JobSpec.from_json(spec.to_text()) == spec


@given(st.data())
def test_the_order_of_keys_does_not_change_the_canonical_text(data):
    job = changed("gate", {"max_relative_drop": 0.02, "min_speedup": 1.5})
    assert JobSpec.from_text(json.dumps(shuffled(data.draw, job))).to_text() == read(job).to_text()


TEXT = st.text(max_size=20)
PATH = TEXT.filter(lambda text: "\0" not in text)
RECIPES = st.one_of(
    st.builds(
        Static,
        weight_type=st.just("QInt8"),
        per_channel=st.booleans(),
        nodes_to_exclude=st.lists(TEXT).map(tuple),
    ),
    st.builds(
        Dynamic,
        reduce_range=st.booleans(),
        op_types_to_quantize=st.none() | st.lists(TEXT, min_size=1).map(tuple),
    ),
)


@given(
    st.lists(RECIPES, min_size=1, max_size=3, unique=True),
    st.just(0.0) | st.floats(1e-6, 0.99),
    st.builds(
        FileSplit, path=PATH, samples=st.none() | st.integers(1, 10**12), inputs=st.dictionaries(TEXT, TEXT)
    ),
)
def test_canonical_text_reads_back_as_an_equal_job_and_the_same_text(recipes, drop, split):
    job = read(JOB)
    data = job.data.model_copy(update={"validation": split})
    gate = job.gate.model_copy(update={"max_relative_drop": drop})
    job = job.model_copy(update={"recipes": tuple(recipes), "gate": gate, "data": data})
    again = JobSpec.from_text(job.to_text())
    assert again == job
    assert again.to_text() == job.to_text()


@pytest.mark.parametrize(
    ("path", "spelled_out"),
    [
        ("metric", {"name": "top1"}),
        ("metric", {"name": "top1", "output": None}),
        ("pools", ["local"]),
        ("benchmark", {"layout": "1s1c1ins", "scenario": "throughput"}),
        ("gate", {"max_relative_drop": 0.01, "min_speedup": 1, "confidence": 0.95}),
        ("tracking", {"uri": None}),
        (
            "recipes.0",
            {"method": "static", "quant_format": "QDQ", "per_channel": True, "nodes_to_exclude": []},
        ),
        (
            "data.validation",
            {"path": "dev.npz", "start": 0, "stop": None, "batch": 1, "transform": {"color": "RGB"}},
        ),
        ("data.tuning", None),
    ],
)
def test_a_default_spelled_out_gives_the_same_text_as_one_left_out(path, spelled_out):
    assert read(changed(path, spelled_out)).to_text() == read(JOB).to_text()


@pytest.mark.parametrize(
    "spelling", [{}, {"higher_is_better": True}, {"decomposable": True, "higher_is_better": True}]
)
def test_the_defaults_of_a_callable_metric_give_the_same_text_however_they_are_spelled(spelling):
    expected = read(changed("metric", {"callable": "m.py:f"}))
    assert read(changed("metric", {"callable": "m.py:f", **spelling})).to_text() == expected.to_text()
    assert expected.metric.decomposable is True


def test_another_job_gives_another_text():
    texts = [
        read(changed(*change)).to_text()
        for change in (
            ("name", "b"),
            ("gate.min_speedup", 1.1),
            ("recipes.1", JOB["recipes"][1] | {"per_channel": False}),
        )
    ]
    assert len({*texts, read(JOB).to_text()}) == 4
