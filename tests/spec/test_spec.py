"""The job file: canonical text, and one line that names the field for everything that can be wrong."""

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
from inc_mlflow.errors import SpecError
from inc_mlflow.spec import FileSplit, Job, JobSpec, parse_recipe
from tests.support.paths import ROOT

GONE = object()
JOB: dict[str, Any] = {
    "version": 1,
    "name": "digits",
    "model": "fp32.onnx",
    "data": {"calibration": {"path": "calib.npz", "samples": 200}, "validation": {"path": "dev.npz"}},
    "metric": "top1",
    "recipes": [{"method": "static"}, {"method": "dynamic"}],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """JOB with one field set, or taken away; parts that are not there yet are made."""
    job = copy.deepcopy(JOB)
    part: Any = job
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in parents:
        part = part[key] if isinstance(key, int) else part.setdefault(key, {})
    if value is GONE:
        del part[last]
    else:
        part[last] = value
    return job


def read(job: Any) -> JobSpec:
    return JobSpec.from_text(yaml.safe_dump(job))


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


WRONG = [
    (
        "modle",
        "x",
        "modle: unknown field, did you mean 'model'?; allowed are benchmark, bundle, data, engines, gate, "
        "metric, model, name, placement, pools, recipes, search, tracking, version",
    ),
    (
        "data.calibration.sampels",
        3,
        "data.calibration.sampels: unknown field, did you mean 'samples'?; allowed are batch, format, "
        "inputs, label, path, samples, seed, start, stop, transform",
    ),
    (
        "gate.zzz",
        3,
        "gate.zzz: unknown field; allowed are confidence, max_absolute_drop, max_class_drop, "
        "max_pool_spread, max_relative_drop, min_speedup, pools",
    ),
    (
        "recipes.1.quant_format",
        "QDQ",
        "recipes[1].quant_format: unknown field; allowed are engine, method, nodes_to_exclude, "
        "op_types_to_quantize, per_channel, reduce_range, weight_type",
    ),
    (
        "data.validation",
        {"callable": "a.py:f", "path": "x"},
        "data.validation.path: unknown field; allowed are callable",
    ),
    ("name", 3, "name: expected a valid string, got 3"),
    ("gate.min_speedup", "fast", "gate.min_speedup: expected a valid number, got 'fast'"),
    ("gate.max_relative_drop", float("nan"), "gate.max_relative_drop: expected a finite number, got nan"),
    ("gate.max_relative_drop", 1.0, "gate.max_relative_drop: expected less than 1, got 1.0"),
    ("gate.max_absolute_drop", -0.1, "gate.max_absolute_drop: expected greater than or equal to 0, got -0.1"),
    (
        "gate.pools",
        {"a100": {"role": "optional"}},
        "gate.pools.a100.role: expected 'required', 'accuracy_only' or 'informative', got 'optional'",
    ),
    ("gate.confidence", 0.5, "gate.confidence: expected greater than 0.5, got 0.5"),
    ("data.validation.samples", 1.5, "data.validation.samples: expected a valid integer, got 1.5"),
    ("data.validation.samples", True, "data.validation.samples: expected a valid integer, got True"),
    ("data.validation.samples", 0, "data.validation.samples: expected greater than or equal to 1, got 0"),
    ("pools", "local", "pools: expected a list, got 'local'"),
    (
        "recipes.0.op_types_to_quantize",
        "Conv",
        "recipes[0].op_types_to_quantize: expected a list, got 'Conv'",
    ),
    ("version", 2, "version: expected 1, got 2"),
    ("model", GONE, "model: required field is missing"),
    ("version", GONE, "version: required field is missing"),
    ("data.validation", GONE, "data.validation: required field is missing"),
    ("data.validation.path", GONE, "data.validation.path: required field is missing"),
    (
        "recipes.0.method",
        "statik",
        "recipes[0]: no method 'statik', did you mean 'static'?; there are 'dynamic', 'static'",
    ),
    ("recipes", [{"method": "x"}], "recipes[0]: no method 'x'; there are 'dynamic', 'static'"),
    (
        "recipes.0",
        {"per_channel": True},
        "recipes[0]: the field 'method' is missing; it is one of 'dynamic', 'static'",
    ),
    (
        "recipes.0",
        "static",
        "recipes[0]: expected a mapping with 'method', got 'static'; 'method' is one of 'dynamic', 'static'",
    ),
    ("recipes", {"method": "static"}, "recipes: expected a list, got {'method': 'static'}"),
    ("recipes", "auto", "job: data.tuning: recipes: auto needs it; give the split, or list recipes"),
    ("recipes", "best", "recipes: expected 'auto', got 'best'"),
    ("search", {"pools": ["intel"]}, "job: search.pools: 'intel' is not a pool of the job; it has local"),
    ("search", {"budget": 0}, "search.budget: expected greater than 0, got 0"),
    ("recipes.1", {"method": "static"}, "job: recipes: 'static u8s8 per-channel' stands twice"),
    (
        "recipes.0.calibrate_method",
        "kl",
        "recipes[0].calibrate_method: expected 'minmax', 'percentile', 'entropy' or 'mse', got 'kl'",
    ),
    (
        "recipes.0",
        {"method": "static", "activation_type": "QInt8", "weight_type": "QUInt8"},
        "recipes[0]: activation_type QInt8 with weight_type QUInt8 has no kernel; use weight_type QInt8",
    ),
    (
        "data.calibration",
        GONE,
        "job: data.calibration: a static recipe needs it; give the split, or use a method that needs none",
    ),
    ("metric", {}, "metric: give either 'name' or 'callable'"),
    ("metric", {"name": "top1", "callable": "a.py:f"}, "metric: give either 'name' or 'callable'"),
    (
        "metric",
        {"name": "top1", "decomposable": True},
        "metric: 'higher_is_better', 'decomposable' and 'range' are for callables; a named metric knows its"
        " own",
    ),
    (
        "metric",
        {"callable": "a.py:f", "output": "x"},
        "metric: 'output', 'outputs', 'options' and 'postprocess' are for named metrics; a callable gets "
        "all outputs",
    ),
    (
        "benchmark.layout",
        "1s0c",
        "benchmark.layout: '1s0c' asks for none of something; every number is at least 1",
    ),
    (
        "benchmark.layout",
        "fast",
        "benchmark.layout: 'fast' is not like '1s4c14ins1bs' (sockets, cores per instance, instances, batch"
        " size), a part of it in this order, or 'auto'",
    ),
    (
        "benchmark",
        {"scenario": "arrival_rate"},
        "benchmark: scenario arrival_rate and rate come together; scenario throughput has no rate",
    ),
    (
        "benchmark",
        {"rate": 50},
        "benchmark: scenario arrival_rate and rate come together; scenario throughput has no rate",
    ),
    ("benchmark", {"scenario": "arrival_rate", "rate": 0}, "benchmark.rate: expected greater than 0, got 0"),
    ("benchmark.scenario", "fast", "benchmark.scenario: expected 'throughput' or 'arrival_rate', got 'fast'"),
    (
        "data.validation",
        {"path": "a", "start": 5, "stop": 5},
        "data.validation: stop (5) must be above start (5)",
    ),
    (
        "data.validation",
        {"path": "images", "transform": {"mean": [0.5]}},
        "data.validation.transform: mean and std come together",
    ),
    (
        "data.validation",
        {"path": "images", "transform": {"mean": [0.5], "std": [0.0]}},
        "data.validation.transform: std must be above 0",
    ),
    (
        "data.validation",
        {"path": "images", "transform": {"tokenizer": "t.json"}},
        "data.validation.transform.tokenizer: unknown field; allowed are color, crop, layout, mean, resize,"
        " std",
    ),
    (
        "data.validation",
        {"path": "a.tsv", "transform": {"column": 1}},
        "data.validation.transform.column: unknown field, did you mean 'columns'?; allowed are columns, "
        "max_length, tokenizer",
    ),
    (
        "data.validation.transform",
        {"resize": 8},
        "data.validation.transform: the format npz has no options; leave it out",
    ),
    (
        "data.validation",
        {"path": "images", "transform": 8},
        "data.validation.transform: expected a mapping, got 8",
    ),
    (
        "data.validation.format",
        "npy",
        "data.validation.format: no 'npy', did you mean 'npz'?; there are images, npz, text",
    ),
    ("metric", "top11", "metric.name: no 'top11', did you mean 'top1'?; there are agreement"),
    ("metric", {"name": ["top1"]}, "metric.name: expected a valid string, got ['top1']"),
    (
        "metric",
        {"name": "top1", "postprocess": "nsm"},
        "metric.postprocess: no 'nsm', did you mean 'nms'?; there are argmax",
    ),
    (
        "metric",
        {"name": "top1", "postprocess": {"axis": 1}},
        "metric.postprocess: give its name, as {name: nms, iou_threshold: 0.5}",
    ),
    (
        "tracking.uri",
        "https://me:secret@host/x",
        "tracking.uri: no user or password in a job; set MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD",
    ),
    (
        "tracking.registry_uri",
        "postgresql://me@host/x",
        "tracking.registry_uri: no user or password in a job; set MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD",
    ),
    (
        "model",
        "m.pt",
        "model: 'm.pt' is not an .onnx file; other formats are not supported yet. Export it with "
        "torch.onnx.export(model, example, 'model.onnx', dynamo=True)",
    ),
    (
        "model",
        "m.pb",
        "model: 'm.pb' is not an .onnx file; other formats are not supported yet. Export it: python -m "
        "tf2onnx.convert --opset 17 --output model.onnx, with --saved-model or --graphdef",
    ),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), WRONG, ids=[f"{n}-{path}" for n, (path, *_) in enumerate(WRONG)]
)
def test_a_wrong_job_is_one_line_that_names_the_field(path, value, message):
    with pytest.raises(SpecError) as raised:
        read(changed(path, value))
    assert str(raised.value).partition(", auroc")[0].partition(", ctc")[0] == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: [",
            "job: not YAML: while parsing a flow node expected the node content, but found '<stream end>'",
        ),
        ("- 1", "job: expected a mapping of fields, got list; see `inc-mlflow schema`"),
        ("", "job: expected a mapping of fields, got NoneType; see `inc-mlflow schema`"),
        ("text", "job: expected a mapping of fields, got str; see `inc-mlflow schema`"),
    ],
)
def test_what_is_no_mapping_is_refused_in_one_line(text, message):
    with pytest.raises(SpecError) as raised:
        JobSpec.from_text(text)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_of_several_complaints_the_first_is_told_and_the_others_are_counted():
    with pytest.raises(SpecError, match=r" \(and 1 more\)$"):
        read(changed("gate", {"min_speedup": 0, "confidence": 2}))


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b"\xff\xfe\x00", "is not text"), (b"a: [", "job: not YAML")],
)
def test_a_job_file_that_cannot_be_read_is_named(tmp_path, content, says):
    file = tmp_path / "job.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SpecError) as raised:
        Job.load(file)
    assert str(raised.value).startswith(f"{file}: ")
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        ({"method": "static"}, "static u8s8 per-channel"),
        (
            {"method": "static", "quant_format": "QOperator", "per_channel": False},
            "static u8s8 QOperator per-tensor",
        ),
        (
            {"method": "dynamic", "reduce_range": True, "weight_type": "QUInt8"},
            "dynamic u8 per-channel 7-bit",
        ),
        (
            {"method": "static", "op_types_to_quantize": ["Conv", "MatMul"]},
            "static u8s8 per-channel Conv+MatMul",
        ),
        ({"method": "dynamic", "nodes_to_exclude": ["a", "b"]}, "dynamic s8 per-channel 2 nodes FP32"),
    ],
)
def test_a_recipe_is_named_by_what_differs(recipe, name):
    assert parse_recipe(recipe).label() == name


def test_a_wrong_recipe_says_so():
    with pytest.raises(SpecError, match=r"^recipe: per_chanel: unknown field, did you mean 'per_channel'\?"):
        parse_recipe({"method": "static", "per_chanel": 1})


def test_the_example_job_loads_and_its_paths_start_from_its_own_folder():
    job = Job.load(ROOT / "examples" / "digits" / "job.yaml")
    assert job.model == ROOT / "examples" / "digits" / "fp32.onnx"
    assert job.layout.batch == 1
    assert list(job.spec.data.splits()) == ["calibration", "tuning", "validation"]
    assert JobSpec.from_text(job.spec.to_text()) == job.spec


def test_the_json_schema_accepts_the_example_job():
    jsonschema = pytest.importorskip("jsonschema")
    job = yaml.safe_load((ROOT / "examples" / "digits" / "job.yaml").read_text())
    jsonschema.validate(job, JobSpec.model_json_schema())


def test_the_json_schema_refuses_unknown_fields_and_names_every_field():
    schema = JobSpec.model_json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(JobSpec.model_fields)
    assert {"version", "name", "model", "data", "metric", "recipes"} == set(schema["required"])
